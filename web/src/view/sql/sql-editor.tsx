import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLDialect, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type ReactElement, useEffect, useRef } from "react";
import type { SqlSchema } from "../../../../src/api/contract/shapes.ts";

export interface SqlEditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
  readonly schema: SqlSchema | undefined;
  /** Character the server named as wrong, or null. */
  readonly errorAt: number | null;
}

const KEYWORDS =
  "select from where group by order limit offset having as and or not in is null like ilike between case when then else end join left right inner full outer cross on using union all distinct with asc desc array prewhere final sample interval settings format explain any";

/**
 * CodeMirror in a shadow root: there its styles are constructed style sheets, which a strict `style-src 'self'` allows, so
 * that no nonce is needed. Colours come in through custom properties.
 */
export function SqlEditor({ text, onChange, onRun, schema, errorAt }: SqlEditorProps): ReactElement {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const language = useRef(new Compartment());
  const latest = useRef({ onChange, onRun });
  latest.current = { onChange, onRun };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once; text and schema flow in below
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
    const place = document.createElement("div");
    root.replaceChildren(place);
    const made = new EditorView({
      parent: place,
      root,
      state: EditorState.create({
        doc: text,
        extensions: [
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false }),
          EditorView.lineWrapping,
          placeholder("SELECT service_name, count() FROM spans GROUP BY service_name"),
          syntaxHighlighting(HIGHLIGHT),
          LOOK,
          EditorView.contentAttributes.of({ "aria-label": "SQL statement" }),
          Prec.highest(
            keymap.of([
              {
                key: "Mod-Enter",
                run: () => {
                  latest.current.onRun();
                  return true;
                },
              },
              {
                // The focus is never trapped: Escape, then Tab leaves.
                key: "Escape",
                run: (editor) => {
                  editor.contentDOM.blur();
                  return true;
                },
              },
            ]),
          ),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
          language.current.of(languageOf(schema)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => {
      made.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor !== null && editor.state.doc.toString() !== text)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => {
    view.current?.dispatch({ effects: language.current.reconfigure(languageOf(schema)) });
  }, [schema]);
  useEffect(() => {
    const editor = view.current;
    if (editor === null || errorAt === null) return;
    const at = Math.min(Math.max(errorAt, 0), editor.state.doc.length);
    editor.dispatch({ selection: { anchor: at }, scrollIntoView: true });
    editor.focus();
  }, [errorAt]);

  return <div ref={host} className="sql-editor" />;
}

function languageOf(schema: SqlSchema | undefined): ReturnType<typeof sql> {
  const dialect = SQLDialect.define({
    keywords: KEYWORDS,
    builtin: (schema?.functions ?? []).join(" "),
    backslashEscapes: true,
    identifierQuotes: '`"',
    caseInsensitiveIdentifiers: false,
  });
  return sql({
    dialect,
    upperCaseKeywords: true,
    schema: Object.fromEntries(
      (schema?.tables ?? []).map(({ name, columns }) => [
        name,
        columns.map((column) => ({ label: column.name, detail: column.type, type: "property" })),
      ]),
    ),
  });
}

const HIGHLIGHT = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--faint)", fontStyle: "italic" },
  { tag: [tags.standard(tags.name), tags.function(tags.variableName)], color: "var(--info)" },
]);

const LOOK = EditorView.theme({
  "&": { backgroundColor: "var(--page)", color: "var(--text)", height: "100%", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": {
    fontFamily: "var(--mono)",
    lineHeight: "20px",
    minHeight: "140px",
    maxHeight: "38vh",
    overflow: "auto",
  },
  ".cm-content": { padding: "10px 16px", caretColor: "var(--text)" },
  ".cm-line": { padding: "0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in oklab, var(--accent) 32%, transparent)",
  },
  ".cm-placeholder": { color: "var(--faint)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "none" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    border: "1px solid var(--edge)",
    borderRadius: "8px",
    boxShadow: "var(--shadow)",
    overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12px", maxHeight: "260px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "4px 10px", lineHeight: "18px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent-soft)",
    color: "var(--text)",
  },
  ".cm-completionDetail": { color: "var(--faint)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-completionMatchedText": { textDecoration: "none", color: "var(--accent)", fontWeight: "600" },
});
