import {
  autocompletion,
  type CompletionSource,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLDialect } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type ReactElement, useEffect, useRef } from "react";
import { completeSql, SQL_KEYWORDS, type SqlKnown } from "./sql-completion.ts";

export interface SqlEditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
  /** What completion may offer; undefined until it is known. */
  readonly known: SqlKnown | undefined;
  /** Character the server named as wrong, or null. */
  readonly errorAt: number | null;
}

/**
 * CodeMirror in a shadow root: there its styles are constructed style sheets, which a strict `style-src 'self'` allows, so
 * that no nonce is needed. Colours come in through custom properties.
 */
export function SqlEditor({ text, onChange, onRun, known, errorAt }: SqlEditorProps): ReactElement {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const language = useRef(new Compartment());
  const latest = useRef({ onChange, onRun, known });
  latest.current = { onChange, onRun, known };

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
          autocompletion({ icons: false, override: [completion(latest)] }),
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
          language.current.of(languageOf(known?.schema.functions)),
          EditorView.domEventHandlers({ beforeinput: replaceSelected }),
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

  const functions = known?.schema.functions;
  useEffect(() => {
    const editor = view.current;
    if (editor !== null && editor.state.doc.toString() !== text)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => {
    view.current?.dispatch({ effects: language.current.reconfigure(languageOf(functions)) });
  }, [functions]);
  useEffect(() => {
    const editor = view.current;
    if (editor === null || errorAt === null) return;
    const at = Math.min(Math.max(errorAt, 0), editor.state.doc.length);
    editor.dispatch({ selection: { anchor: at }, scrollIntoView: true });
    editor.focus();
  }, [errorAt]);

  return <div ref={host} className="sql-editor" />;
}

/**
 * Text that replaces a selection and comes from no key (dictation, a phone's keyboard, a test): left to the browser it would
 * be wrapped in an element with a style of its own, which the page's policy refuses, loudly.
 */
function replaceSelected(event: InputEvent, editor: EditorView): boolean {
  if (event.inputType !== "insertText" || event.data === null || editor.state.selection.main.empty) return false;
  if (event.isComposing || editor.composing) return false;
  event.preventDefault();
  editor.dispatch(editor.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

const TYPES = {
  table: "class",
  column: "property",
  alias: "variable",
  key: "text",
  function: "function",
  keyword: "keyword",
};

function completion(latest: { readonly current: { readonly known: SqlKnown | undefined } }): CompletionSource {
  return ({ state, pos, explicit }) => {
    const { known } = latest.current;
    const found = known === undefined ? null : completeSql(state.doc.toString(), pos, known, explicit);
    if (found === null) return null;
    return {
      from: found.from,
      options: found.options.map(({ kind, ...option }) => ({ ...option, type: TYPES[kind] })),
      validFor: /^[\w.]*$/,
    };
  };
}

function languageOf(functions: readonly string[] | undefined): Extension {
  return SQLDialect.define({
    keywords: SQL_KEYWORDS.join(" "),
    builtin: (functions ?? []).join(" "),
    backslashEscapes: true,
    identifierQuotes: '`"',
    caseInsensitiveIdentifiers: false,
  }).extension;
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
