import { useMutation } from "@tanstack/react-query";
import { lazy, type ReactElement, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Fields, SqlSchema } from "../../../../src/api/contract/shapes.ts";
import { formatNumberOf } from "../../format/quantity.ts";
import { PALETTES } from "../../look/palette.ts";
import { FailureNote, Later, SkeletonRows, StatisticsLine } from "../../part/answer.tsx";
import { type Column, DataTable } from "../../part/data-table.tsx";
import { Empty } from "../../part/empty.tsx";
import { Icon } from "../../part/icon.tsx";
import { Popover } from "../../part/popover.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { showToast } from "../../part/toast.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useAnswer } from "../../server/answers.ts";
import { AskFailure, request } from "../../server/ask.ts";
import { newId, type SavedQuery, useDocuments, useRemove, useSave } from "../../server/documents.ts";
import { useMoment } from "../../state/moment.ts";
import { useTheme } from "../../state/preferences.ts";
import { useAddress, useChange, useZone } from "../../state/question.ts";
import { SqlEditor } from "./sql-editor.tsx";
import { cellText, chartOf, columnWidths, csvOf, isNumeric, readResult, type SqlResult } from "./sql-result.ts";
import "./sql.css";

const FIRST = `SELECT
  service_name,
  count() AS spans,
  countIf(status_code = 'error') AS failed,
  quantile(0.95)(duration_nano) / 1e6 AS p95_ms
FROM spans
WHERE start_time > now() - INTERVAL 15 MINUTE
GROUP BY service_name
ORDER BY spans DESC`;

const STALE_MS = 300_000;
const LAST_HOUR = { from: "now-1h", to: "now" };

// Most statements draw no chart; those that do fetch it then.
const Chart = lazy(async () => ({ default: (await import("../../part/chart.tsx")).Chart }));

type Ran = { readonly kind: "rows"; readonly result: SqlResult } | { readonly kind: "plan"; readonly text: string };

/** Questions that no view asks, in SQL: completion, grid, chart, EXPLAIN, saved queries. */
export function Sql(): ReactElement {
  const address = useAddress();
  const change = useChange();
  const [text, setText] = useState(address.sql ?? FIRST);
  const schema = useAnswer<SqlSchema>("/sql/schema", {}, { staleMs: STALE_MS });
  const spanFields = useAnswer<Fields>("/spans/fields", LAST_HOUR, { staleMs: STALE_MS });
  const logFields = useAnswer<Fields>("/logs/fields", LAST_HOUR, { staleMs: STALE_MS });
  const known = useMemo(() => {
    if (schema.data === undefined) return undefined;
    const fields = [...(spanFields.data?.fields ?? []), ...(logFields.data?.fields ?? [])];
    fields.sort((a, b) => b.count - a.count);
    return { schema: schema.data, fields: [...new Set(fields.map(({ field }) => field))] };
  }, [schema.data, spanFields.data, logFields.data]);
  const abort = useRef<AbortController>(null);
  const run = useMutation<Ran, Error, { readonly sql: string; readonly explain: boolean }>({
    mutationFn: async ({ sql, explain }) => {
      abort.current?.abort();
      abort.current = new AbortController();
      const response = await request(
        "/sql",
        { format: explain ? "TSVRaw" : "JSONCompact" },
        {
          tenant: address.tenant,
          method: "POST",
          body: explain ? `EXPLAIN ${sql}` : sql,
          headers: { "content-type": "text/plain" },
          signal: abort.current.signal,
        },
      );
      const answer = await response.text();
      return explain
        ? { kind: "plan", text: answer }
        : { kind: "rows", result: readResult(answer, response.headers.get("x-traceo-statistics")) };
    },
  });
  const shown = useRef<string>(undefined);
  const { mutate } = run;
  const ask = useCallback(
    (explain: boolean, statement: string) => {
      const sql = statement.trim().replace(/;\s*$/, "");
      if (sql === "") return;
      if (!explain) {
        // It runs here: the address that comes back must not run it once more.
        shown.current = sql;
        change({ sql });
      }
      mutate({ sql, explain });
    },
    [change, mutate],
  );
  // A link with a statement shows its answer; Back and Forward bring text and answer along.
  useEffect(() => {
    if (address.sql === undefined || shown.current === address.sql) return;
    const first = shown.current === undefined;
    shown.current = address.sql;
    setText(address.sql);
    if (first) mutate({ sql: address.sql, explain: false });
  }, [address.sql, mutate]);
  useEffect(() => () => abort.current?.abort(), []);

  const failure = run.error instanceof AskFailure ? run.error : null;
  const cancelled = run.error?.name === "AbortError";
  return (
    <div className="view">
      <ViewTitle>
        <h1>SQL</h1>
      </ViewTitle>
      <SqlEditor
        text={text}
        onChange={setText}
        onRun={(statement) => ask(false, statement)}
        known={known}
        errorAt={failure?.problem.position ?? null}
      />
      <div className="toolbar">
        <button type="button" className="button primary" onClick={() => ask(false, text)} disabled={run.isPending}>
          <Icon name="play" size={14} /> Run
        </button>
        <span className="faint small wide-only">{/Mac/.test(navigator.userAgent) ? "⌘↵" : "Ctrl ↵"}</span>
        <button type="button" className="button" onClick={() => ask(true, text)} disabled={run.isPending}>
          <Icon name="explain" size={14} /> Explain
        </button>
        {run.isPending && (
          <button type="button" className="button" onClick={() => abort.current?.abort()}>
            Cancel
          </button>
        )}
        <SavedQueries text={text} onOpen={(sql) => setText(sql)} />
        <Tables schema={schema.data} />
        <span className="grow" />
        {run.data?.kind === "rows" && <StatisticsLine statistics={run.data.result.statistics} busy={run.isPending} />}
      </div>
      {run.isError && !cancelled && <FailureNote error={run.error} retry={() => ask(false, text)} />}
      {cancelled && <Empty icon="close" title="Cancelled" />}
      {run.isPending && (
        <Later>
          <SkeletonRows rows={12} />
        </Later>
      )}
      {!run.isPending && run.data?.kind === "rows" && <Result result={run.data.result} />}
      {!run.isPending && run.data?.kind === "plan" && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre className="sql-plan mono" tabIndex={0}>
          <TelemetryText text={run.data.text} max={200_000} lines full />
        </pre>
      )}
      {run.isIdle && (
        <Empty
          icon="sql"
          title="Ask anything"
          text="spans, logs, samples, traces and their summaries; only this tenant's rows, read only."
        />
      )}
    </div>
  );
}

function Result({ result }: { readonly result: SqlResult }): ReactElement {
  const rowHeight = useRowHeight();
  const zone = useZone();
  const nowMs = useMoment();
  const palette = PALETTES[useTheme()];
  const chart = useMemo(() => chartOf(result), [result]);
  const [asChart, setAsChart] = useState(true);
  const widths = useMemo(() => columnWidths(result), [result]);
  const columns = useMemo<readonly Column<readonly unknown[]>[]>(
    () => [
      ...result.columns.map(({ name, type }, at) => ({
        id: `${at}`,
        title: name,
        hint: type,
        width: widths[at]!,
        ...(isNumeric(type) ? { align: "end" as const } : {}),
        cell: (row: readonly unknown[]) =>
          row[at] === null ? <span className="faint">NULL</span> : <TelemetryText text={cellText(row[at])} max={300} />,
      })),
      // Takes what is left, so that a number stays beside the name it belongs to.
      { id: "rest", title: "", cell: () => null },
    ],
    [result, widths],
  );
  const numbered = useMemo(() => result.rows.map((row, i) => Object.assign([...row], { key: String(i) })), [result]);
  return (
    <>
      <div className="toolbar list-bar">
        <span className="secondary">{formatNumberOf(result.rows.length, "row")}</span>
        {chart !== null && (
          <button type="button" className="button small" aria-pressed={asChart} onClick={() => setAsChart(!asChart)}>
            <Icon name="metrics" size={14} /> Chart
          </button>
        )}
        <button
          type="button"
          className="button small"
          onClick={() => {
            navigator.clipboard.writeText(csvOf(result)).then(
              () => showToast("Copied as CSV"),
              () => showToast("The browser refused the clipboard", "error"),
            );
          }}
        >
          <Icon name="copy" size={14} /> Copy CSV
        </button>
      </div>
      {chart !== null && asChart && (
        <div className="sql-chart">
          <Suspense fallback={null}>
            <Chart
              name="Chart of the result"
              unit="plain"
              mode="lines"
              height={180}
              startMs={chart.startMs}
              stepMs={chart.stepMs}
              zone={zone}
              nowMs={nowMs}
              series={chart.series.map(({ label, values }, i) => ({
                label,
                values,
                colour: chart.series.length === 1 ? palette.accent : palette.services[i % 8]!,
                ...(i >= 8 ? { dashed: true } : {}),
              }))}
            />
          </Suspense>
        </div>
      )}
      {result.rows.length === 0 ? (
        <Empty icon="sql" title="No rows" />
      ) : (
        <DataTable
          label="Result"
          columns={columns}
          rows={numbered}
          rowKey={(row) => (row as (typeof numbered)[number]).key}
          rowHeight={rowHeight}
        />
      )}
    </>
  );
}

function SavedQueries({
  text,
  onOpen,
}: {
  readonly text: string;
  readonly onOpen: (sql: string) => void;
}): ReactElement {
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const queries = useDocuments("query");
  const save = useSave();
  const remove = useRemove();
  return (
    <>
      <button
        ref={button}
        type="button"
        className="button"
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="keep" size={14} /> Saved
      </button>
      {open && (
        <Popover anchor={button} label="Saved queries" width={340} onClose={() => setOpen(false)}>
          <form
            className="row sql-save"
            onSubmit={(event) => {
              event.preventDefault();
              if (name.trim() === "") return;
              const content: SavedQuery = { sql: text };
              save.mutate(
                { kind: "query", id: newId(), version: 0, name: name.trim(), content },
                {
                  onSuccess: () => {
                    setName("");
                    showToast("Query saved");
                  },
                  onError: (error) => showToast(error.message, "error"),
                },
              );
            }}
          >
            <input
              className="input grow"
              data-first
              aria-label="Name for this query"
              placeholder="Name for this query"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            <button type="submit" className="button primary" disabled={name.trim() === ""}>
              Save
            </button>
          </form>
          {queries.isError && <FailureNote error={queries.error} slim />}
          {(queries.data ?? []).map((query) => (
            <div key={query.id} className="row">
              <button
                type="button"
                className="menu-item grow"
                onClick={() => {
                  setOpen(false);
                  const { sql } = query.content as Partial<SavedQuery>;
                  if (typeof sql === "string") onOpen(sql);
                }}
              >
                <Icon name="sql" size={14} />
                <span className="cut">
                  <TelemetryText text={query.name} max={100} />
                </span>
              </button>
              <button
                type="button"
                className="icon-button small"
                aria-label={`Delete ${query.name}`}
                onClick={() => remove.mutate(query, { onError: (error) => showToast(error.message, "error") })}
              >
                <Icon name="trash" size={14} />
              </button>
            </div>
          ))}
          {queries.data?.length === 0 && <div className="menu-title">Nothing saved yet</div>}
        </Popover>
      )}
    </>
  );
}

function Tables({ schema }: { readonly schema: SqlSchema | undefined }): ReactElement {
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        ref={button}
        type="button"
        className="button"
        aria-haspopup="dialog"
        aria-expanded={open}
        disabled={schema === undefined}
        onClick={() => setOpen(!open)}
      >
        <Icon name="table" size={14} /> Tables
      </button>
      {open && (
        <Popover anchor={button} label="Tables" width={420} onClose={() => setOpen(false)}>
          {(schema?.tables ?? []).map(({ name, comment, columns }) => (
            <details key={name} className="sql-table">
              <summary>
                <span className="mono">{name}</span> <span className="faint small">{comment}</span>
              </summary>
              <dl>
                {columns.map((column) => (
                  <div key={column.name} className="attribute">
                    <dt className="mono">{column.name}</dt>
                    <dd className="mono faint">{column.type}</dd>
                  </div>
                ))}
              </dl>
            </details>
          ))}
        </Popover>
      )}
    </>
  );
}
