import {
  autocompletion,
  type CompletionSource,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  insertCompletionText,
  pickedCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLDialect } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension, Prec, type Transaction } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type ReactElement, useEffect, useRef } from "react";
import { completeSql, SQL_KEYWORDS, type SqlKnown } from "./sql-completion.ts";

export interface SqlEditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** With what stands in the editor at that moment, which `text` may lag behind. */
  readonly onRun: (text: string) => void;
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
  /** Texts that `onChange` was told of and that may not yet have come back as `text`. */
  const told = useRef<string[]>([]);
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
                run: ({ state }) => {
                  latest.current.onRun(state.doc.toString());
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
            if (!update.docChanged) return;
            const next = update.state.doc.toString();
            told.current.push(next);
            latest.current.onChange(next);
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
    if (editor === null) return;
    // What the editor itself said comes back late while one types on; only what others say is taken in.
    const own = told.current.lastIndexOf(text);
    told.current = own < 0 ? [] : told.current.slice(own);
    if (own < 0 && editor.state.doc.toString() !== text)
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
  if (event.inputType !== "insertText" || event.data === null || event.isComposing || editor.composing) return false;
  const [from, to] = selectedInPage(editor);
  if (from >= to) return false;
  event.preventDefault();
  const { data } = event;
  const replace = (): Transaction =>
    editor.state.update({
      changes: { from, to, insert: data },
      selection: { anchor: from + data.length },
      userEvent: "input.type",
      scrollIntoView: true,
    });
  // Others come first, as they would otherwise: a quote typed over a selection goes around it.
  const taken = editor.state.facet(EditorView.inputHandler).some((handle) => handle(editor, from, to, data, replace));
  if (!taken) editor.dispatch(replace());
  return true;
}

/** What the browser is about to replace: the editor may hear of a new selection only after that. */
function selectedInPage(editor: EditorView): readonly [from: number, to: number] {
  const root = editor.root as Document & { readonly getSelection?: () => Selection | null };
  const selection = root.getSelection?.() ?? document.getSelection();
  const { anchorNode, focusNode } = selection ?? {};
  if (selection == null || anchorNode == null || focusNode == null || !editor.contentDOM.contains(anchorNode))
    return [editor.state.selection.main.from, editor.state.selection.main.to];
  const anchor = editor.posAtDOM(anchorNode, selection.anchorOffset);
  const focus = editor.contentDOM.contains(focusNode) ? editor.posAtDOM(focusNode, selection.focusOffset) : anchor;
  return anchor < focus ? [anchor, focus] : [focus, anchor];
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
      options: found.options.map(({ kind, ...option }) => ({
        ...option,
        type: TYPES[kind],
        apply: (editor, chosen, from, to) => {
          const text = insertCompletionText(editor.state, option.apply ?? option.label, from, to + (found.behind ?? 0));
          editor.dispatch(text, { annotations: pickedCompletion.of(chosen) });
        },
      })),
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
