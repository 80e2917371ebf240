import { type KeyboardEvent, type ReactElement, type ReactNode, useId, useRef, useState } from "react";
import { parseFilter, printFilter } from "../../../src/api/contract/filter.ts";
import type { Facet, Fields } from "../../../src/api/contract/shapes.ts";
import { plainText } from "../format/hostile.ts";
import { useAnswer } from "../server/answers.ts";
import { hrefTo, type Question, type Signal, useChange, useOpen, withFilter } from "../state/question.ts";
import { Icon } from "./icon.tsx";
import { type Suggestion, stageOf, suggestionsFor } from "./query-completion.ts";
import { TelemetryText } from "./telemetry-text.tsx";
import "./query-bar.css";

export interface QueryBarProps {
  readonly question: Question;
  readonly signal: Signal;
  readonly placeholder: string;
  readonly children?: ReactNode;
}

/**
 * Filters as chips, typed with completion. Enter adds, Backspace in the empty input takes the last chip back into it, Left
 * goes to the chips, Delete drops one, `/` comes here from anywhere.
 */
export function QueryBar({ question, signal, placeholder, children }: QueryBarProps): ReactElement {
  const change = useChange();
  const go = useOpen();
  const list = useId();
  const bar = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const stage = stageOf(text);
  const facetSignal = signal === "metrics" ? "spans" : signal;
  const fields = useAnswer<Fields>(
    `/${facetSignal}/fields`,
    { from: question.parameters["from"], to: question.parameters["to"] },
    { enabled: open, staleMs: 300_000 },
  );
  const values = useAnswer<Facet>(
    `/${facetSignal}/facets`,
    {
      from: question.parameters["from"],
      to: question.parameters["to"],
      where: question.where,
      field: stage.at === "value" ? stage.field : "",
    },
    {
      enabled: open && stage.at === "value" && stage.op !== "~" && stage.field !== "duration" && stage.field !== "body",
      keep: false,
    },
  );
  const suggestions = open
    ? suggestionsFor(text, signal, {
        fields: fields.data?.fields ?? [],
        values: stage.at === "value" ? (values.data?.values ?? []) : [],
      })
    : [];
  const where = question.address.where ?? [];
  const problem = text !== "" && stage.at === "value" && stage.partial !== "" ? parseFilter(text) : null;

  const addFilter = (filter: string): void => {
    const parsed = parseFilter(filter);
    if ("message" in parsed) return;
    change({ where: withFilter(where, parsed) });
    setText("");
    setAt(0);
  };
  const take = ({ take: taken }: Suggestion): void => {
    setAt(0);
    switch (taken.kind) {
      case "text":
        setText(taken.text);
        break;
      case "filter":
        addFilter(taken.filter);
        break;
      case "words":
        if (signal === "logs") change({ text: taken.words });
        else
          change({
            where: withFilter(where, {
              field: signal === "metrics" ? "metric" : "name",
              op: "~",
              values: [taken.words],
            }),
          });
        setText("");
        break;
      case "trace":
        setText("");
        go(hrefTo(`/traces/${taken.traceId}`, question.address));
    }
    input.current?.focus();
  };
  const drop = (index: number): void => {
    change({ where: where.filter((_, i) => i !== index) });
    input.current?.focus();
  };
  const edit = (index: number): void => {
    setText(where[index] ?? "");
    setOpen(true);
    drop(index);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      if (suggestions.length > 0)
        setAt((at + (event.key === "ArrowDown" ? 1 : suggestions.length - 1)) % suggestions.length);
    } else if (event.key === "Enter" || (event.key === "Tab" && text !== "" && suggestions[at] !== undefined)) {
      const chosen = suggestions[at];
      if (chosen === undefined || (event.key === "Tab" && event.shiftKey)) return;
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (open && suggestions.length > 0) setOpen(false);
      else {
        setText("");
        input.current?.blur();
      }
    } else if (event.key === "Backspace" && text === "" && where.length > 0) {
      event.preventDefault();
      edit(where.length - 1);
    } else if (event.key === "ArrowLeft" && input.current?.selectionStart === 0 && where.length > 0) {
      event.preventDefault();
      const chips = bar.current?.querySelectorAll<HTMLElement>(".chip-text");
      chips?.[chips.length - 1]?.focus();
    }
  };
  const onChipKey = (event: KeyboardEvent<HTMLElement>, index: number): void => {
    const chips = [...(bar.current?.querySelectorAll<HTMLElement>(".chip-text") ?? [])];
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      drop(index);
    } else if (event.key === "ArrowLeft") chips[index - 1]?.focus();
    else if (event.key === "ArrowRight") (chips[index + 1] ?? input.current)?.focus();
  };

  return (
    <search className="query-bar" aria-label="Filters">
      <div
        ref={bar}
        className="query-field"
        onPointerDown={(event) => {
          if (event.target !== event.currentTarget) return;
          event.preventDefault();
          input.current?.focus();
        }}
      >
        <Icon name="filter" />
        {question.filters.map(({ text: filter, used }, index) => (
          <span
            key={filter}
            className={used ? "chip" : "chip unused"}
            title={used ? undefined : "Means nothing to these rows; kept for the other views"}
          >
            <button
              type="button"
              className="chip-text"
              aria-label={`Filter ${plainText(filter, 80)}, edit`}
              onClick={() => edit(index)}
              onKeyDown={(event) => onChipKey(event, index)}
            >
              <ChipText text={filter} />
            </button>
            <button
              type="button"
              className="chip-drop"
              aria-label={`Drop filter ${plainText(filter, 80)}`}
              tabIndex={-1}
              onClick={() => drop(index)}
            >
              <Icon name="close" size={12} />
            </button>
          </span>
        ))}
        {question.address.text !== undefined && signal === "logs" && (
          <span className="chip">
            <button
              type="button"
              className="chip-text"
              aria-label={`Words ${plainText(question.address.text, 80)}, edit`}
              onClick={() => {
                setText(question.address.text ?? "");
                change({ text: undefined });
                input.current?.focus();
              }}
            >
              <Icon name="search" size={12} /> <TelemetryText text={question.address.text} max={60} />
            </button>
            <button
              type="button"
              className="chip-drop"
              aria-label="Drop the words"
              tabIndex={-1}
              onClick={() => change({ text: undefined })}
            >
              <Icon name="close" size={12} />
            </button>
          </span>
        )}
        <input
          ref={input}
          type="text"
          data-query=""
          role="combobox"
          aria-label="Add a filter"
          aria-expanded={open && suggestions.length > 0}
          aria-controls={list}
          aria-activedescendant={open && suggestions[at] !== undefined ? `${list}-${at}` : undefined}
          aria-autocomplete="list"
          autoComplete="off"
          spellCheck={false}
          placeholder={where.length === 0 && question.address.text === undefined ? placeholder : "add a filter"}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
            setOpen(true);
          }}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKeyDown}
        />
        {problem !== null && "message" in problem && (
          <span className="query-problem small warn-text">{problem.message}</span>
        )}
        {where.length === 0 && text === "" && <kbd>/</kbd>}
        {where.length > 1 && (
          <button
            type="button"
            className="button quiet small"
            onClick={() => change({ where: undefined, text: undefined })}
          >
            Clear
          </button>
        )}
      </div>
      {open && suggestions.length > 0 && (
        <div id={list} role="listbox" aria-label="Suggestions" className="suggestions">
          {suggestions.map((suggestion, i) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox's keys choose among options
            // biome-ignore lint/a11y/useFocusableInteractive: focus stays in the combobox
            <div
              key={suggestion.id}
              id={`${list}-${i}`}
              role="option"
              aria-selected={i === at}
              className="menu-item"
              onPointerDown={(event) => event.preventDefault()}
              onPointerMove={() => setAt(i)}
              onClick={() => take(suggestion)}
            >
              <span className="mono cut">
                <TelemetryText text={suggestion.title} max={100} />
              </span>
              <span className="hint">{suggestion.hint}</span>
            </div>
          ))}
        </div>
      )}
      {children}
    </search>
  );
}

/** `attributes.http.route = /cart` with the long way to the field shortened and the value standing out. */
export function ChipText({ text }: { readonly text: string }): ReactElement {
  const filter = parseFilter(text);
  if ("message" in filter)
    return (
      <span className="mono error-text">
        <TelemetryText text={text} max={80} />
      </span>
    );
  const value = printFilter({ ...filter, field: "x" })
    .slice(2 + filter.op.length)
    .trim();
  return (
    <>
      <span className="chip-field">{filter.field.replace(/^(attributes|resource)\./, "")}</span>
      <span className="chip-op">{filter.op}</span>
      {filter.values.length > 0 && (
        <span className="chip-value mono">
          <TelemetryText text={value} max={60} />
        </span>
      )}
    </>
  );
}
