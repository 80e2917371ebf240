import { type ReactElement, useState } from "react";
import { parseFilter, printFilter } from "../../../src/api/contract/filter.ts";
import type { Facet, Fields } from "../../../src/api/contract/shapes.ts";
import { plainText } from "../format/hostile.ts";
import { formatCount, formatRatio } from "../format/quantity.ts";
import { useAnswer } from "../server/answers.ts";
import { type Question, useChange } from "../state/question.ts";
import { FailureNote, Later, SkeletonRows } from "./answer.tsx";
import { Icon } from "./icon.tsx";
import { TelemetryText } from "./telemetry-text.tsx";
import "./facet-panel.css";

export interface FacetPanelProps {
  readonly question: Question;
  readonly signal: "spans" | "logs";
  /** Open from the start; more follow from what is used most. */
  readonly standard: readonly string[];
}

const MORE = 10;
const FEW = 6;

/** Counts by field. Each field is its own request, so that a slow one holds up neither rows nor the others. */
export function FacetPanel({ question, signal, standard }: FacetPanelProps): ReactElement {
  const fields = useAnswer<Fields>(
    `/${signal}/fields`,
    { from: question.parameters["from"], to: question.parameters["to"] },
    { staleMs: 120_000 },
  );
  const [search, setSearch] = useState("");
  const all = [...new Set([...standard, ...(fields.data?.fields ?? []).map(({ field }) => field)])].filter(
    (field) => !["body", "trace", "span", "parent", "duration"].includes(field),
  );
  const shown =
    search === ""
      ? all.slice(0, standard.length + MORE)
      : all.filter((field) => field.toLowerCase().includes(search.toLowerCase())).slice(0, 30);
  return (
    <aside className="facets" aria-label="Facets">
      <div className="facet-search">
        <input
          className="input"
          type="search"
          aria-label="Find a field"
          placeholder="Find a field"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </div>
      {shown.map((field) => (
        <FacetGroup key={field} field={field} question={question} signal={signal} open={standard.includes(field)} />
      ))}
    </aside>
  );
}

function FacetGroup({
  field,
  question,
  signal,
  open: openAtFirst,
}: {
  readonly field: string;
  readonly question: Question;
  readonly signal: "spans" | "logs";
  readonly open: boolean;
}): ReactElement {
  const change = useChange();
  const where = question.address.where ?? [];
  const own = where.flatMap((text) => {
    const filter = parseFilter(text);
    return "message" in filter || filter.field !== field ? [] : [{ text, filter }];
  });
  const [opened, setOpened] = useState<boolean | null>(null);
  const [all, setAll] = useState(false);
  const open = opened ?? (openAtFirst || own.length > 0);
  // A facet's counts ignore its own filter: they say what else could be chosen.
  const others = question.where.filter((text) => !own.some((mine) => mine.text === text));
  const facet = useAnswer<Facet>(
    `/${signal}/facets`,
    { ...question.parameters, where: others, field, ...(signal === "logs" ? { text: question.address.text } : {}) },
    { enabled: open },
  );
  const chosen = new Set(
    own.filter(({ filter }) => filter.op === "=" || filter.op === "in").flatMap(({ filter }) => filter.values),
  );

  const toggle = (value: string): void => {
    const next = new Set(chosen);
    if (!next.delete(value)) next.add(value);
    const kept = where.filter(
      (text) => !own.some((mine) => mine.text === text && (mine.filter.op === "=" || mine.filter.op === "in")),
    );
    const values = [...next];
    change({
      where:
        values.length === 0 ? kept : [...kept, printFilter({ field, op: values.length === 1 ? "=" : "in", values })],
    });
  };
  const short = field.replace(/^(attributes|resource)\./, "");
  const top = Math.max(1, ...(facet.data?.values ?? []).map(({ count }) => count));
  const values = all ? (facet.data?.values ?? []) : (facet.data?.values ?? []).slice(0, FEW);
  return (
    <section className="facet">
      <button
        type="button"
        className="facet-title"
        aria-expanded={open}
        onClick={() => setOpened(!open)}
        title={plainText(field, 200)}
      >
        <Icon name={open ? "down" : "right"} size={12} />
        <span className="cut grow">
          <TelemetryText text={short} max={80} />
        </span>
        {facet.data !== undefined && open && facet.data.coverage < 0.995 && (
          <span className="faint small" title="Share of the rows that have the field">
            {formatRatio(Number(facet.data.coverage.toFixed(2)))}
          </span>
        )}
      </button>
      {open &&
        (facet.data === undefined ? (
          facet.isError ? (
            <FailureNote error={facet.error} retry={() => void facet.refetch()} slim />
          ) : (
            <Later>
              <SkeletonRows rows={3} height={24} />
            </Later>
          )
        ) : (
          <ul className={facet.isPlaceholderData ? "facet-values stale" : "facet-values"}>
            {values.map(({ value, count }) => (
              <li key={value}>
                <button
                  type="button"
                  className="facet-value"
                  aria-pressed={chosen.has(value)}
                  onClick={() => toggle(value)}
                  title={`${plainText(value, 200)}: ${count.toLocaleString("en-US")}`}
                >
                  <span aria-hidden="true" className="facet-bar" style={{ width: `${(count / top) * 100}%` }} />
                  <span className="cut grow">
                    <TelemetryText text={value} max={80} />
                  </span>
                  <span className="facet-count">{formatCount(count)}</span>
                </button>
              </li>
            ))}
            {facet.data.values.length > values.length && (
              <li>
                <button type="button" className="link small facet-more" onClick={() => setAll(true)}>
                  {facet.data.values.length - values.length} more
                </button>
              </li>
            )}
            {facet.data.otherCount > 0 && (all || facet.data.values.length <= FEW) && (
              <li className="facet-other faint">
                <span className="grow">other</span>
                <span>{formatCount(facet.data.otherCount)}</span>
              </li>
            )}
            {facet.data.values.length === 0 && <li className="facet-other faint">no value in range</li>}
          </ul>
        ))}
    </section>
  );
}
