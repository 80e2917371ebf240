import { useParams } from "@tanstack/react-router";
import { type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Trace } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { exact, formatCount, formatDuration, formatRatio } from "../../format/quantity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer, SkeletonBlock, SkeletonRows, StatisticsLine } from "../../part/answer.tsx";
import { AppLink } from "../../part/app-link.tsx";
import { Icon } from "../../part/icon.tsx";
import { Swatch } from "../../part/service-name.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { TimeText } from "../../part/time-text.tsx";
import { showToast } from "../../part/toast.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useAnswer } from "../../server/answers.ts";
import { parseSelection, printSelection } from "../../state/address.ts";
import { hrefTo, useAddress, useChange } from "../../state/question.ts";
import { correctSkew } from "./clock-skew.ts";
import { Compare } from "./compare.tsx";
import { Flame } from "./flame.tsx";
import { Minimap } from "./minimap.tsx";
import { SpanPanel } from "./span-panel.tsx";
import { findSpans, treeOf } from "./trace-rows.ts";
import { Waterfall } from "./waterfall.tsx";
import "./trace.css";

export interface TimeWindow {
  readonly startNs: number;
  readonly endNs: number;
}

const TABS = [
  ["waterfall", "Waterfall", "traces"],
  ["flame", "Flame", "flame"],
  ["compare", "Compare with normal", "compare"],
] as const;

/** One trace: where its time went, what is on the critical path, and how it differs from its like. */
export function TraceView(): ReactElement {
  const { traceId } = useParams({ strict: false }) as { traceId: string };
  const address = useAddress();
  const trace = useAnswer<Trace>(`/traces/${encodeURIComponent(traceId)}`, {}, { staleMs: 60_000, keep: false });
  return (
    <div className="view">
      <ViewTitle>
        <AppLink href={hrefTo("/traces", address)} className="crumb">
          Traces
        </AppLink>
        <span className="faint">/</span>
        <h1 className="mono cut">{plainText(traceId, 64)}</h1>
        <button
          type="button"
          className="icon-button small wide-only"
          aria-label="Copy the trace id"
          onClick={() => {
            navigator.clipboard.writeText(traceId).then(
              () => showToast("Trace id copied"),
              () => showToast("The browser refused the clipboard", "error"),
            );
          }}
        >
          <Icon name="copy" size={14} />
        </button>
      </ViewTitle>
      <Answer
        query={trace}
        skeleton={
          <>
            <div className="trace-head">
              <SkeletonBlock height={44} />
            </div>
            <SkeletonBlock height={64} />
            <SkeletonRows rows={16} />
          </>
        }
      >
        {(data) => <TraceBody key={data.traceId} trace={data} />}
      </Answer>
    </div>
  );
}

function TraceBody({ trace: raw }: { readonly trace: Trace }): ReactElement {
  const skew = useMemo(() => correctSkew(raw), [raw]);
  const [corrected, setCorrected] = useState(false);
  const trace = corrected ? skew.trace : raw;
  const address = useAddress();
  const change = useChange();
  const colourOf = useServiceColours();
  const tree = useMemo(() => treeOf(trace), [trace]);
  const tab = TABS.find(([id]) => id === address.tab)?.[0] ?? "waterfall";
  const [critical, setCritical] = useState(trace.criticalPath.segments.length > 0);
  const [words, setWords] = useState("");
  const [foundAt, setFoundAt] = useState(0);
  const find = useRef<HTMLInputElement>(null);
  const selection = parseSelection(address.select);
  const view: TimeWindow =
    selection?.kind === "region" && selection.fromMs < trace.durationNs
      ? { startNs: selection.fromMs, endNs: Math.min(selection.toMs, trace.durationNs) }
      : { startNs: 0, endNs: Math.max(trace.durationNs, 1) };
  const setView = useCallback(
    (next: TimeWindow | null) =>
      change(
        {
          select:
            next === null
              ? undefined
              : printSelection({ kind: "region", fromMs: next.startNs, toMs: next.endNs, lowNs: null, highNs: null }),
        },
        { replace: true },
      ),
    [change],
  );
  const openIndex = address.open === undefined ? -1 : trace.spanId.indexOf(address.open);
  const open = useCallback(
    (index: number) => change({ open: index < 0 ? undefined : trace.spanId[index] }, { replace: true }),
    [change, trace],
  );
  const found = useMemo(() => findSpans(trace, words), [trace, words]);
  const errors = useMemo(() => trace.status.reduce((sum, status) => sum + (status === 2 ? 1 : 0), 0), [trace]);
  const missing = useMemo(() => trace.parent.reduce((sum, parent) => sum + (parent === -2 ? 1 : 0), 0), [trace]);
  const shares = useMemo(() => selfShares(trace), [trace]);
  const root = tree.roots[0] ?? 0;

  const step = (direction: 1 | -1): void => {
    if (found.length === 0) return;
    const next = (foundAt + direction + found.length) % found.length;
    setFoundAt(next);
    open(found[next]!);
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target;
      if (target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
      if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
      if (event.key === "f") {
        event.preventDefault();
        find.current?.focus();
      } else if (event.key === "c" && trace.criticalPath.segments.length > 0) setCritical((on) => !on);
      else if (event.key === "Escape" && !event.defaultPrevented) {
        if (address.select !== undefined) setView(null);
        else if (address.open !== undefined) open(-1);
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [trace, address.select, address.open, setView, open]);

  return (
    <>
      <div className="trace-head">
        <div className="trace-summary">
          <div className="row trace-root-name">
            {trace.spanId.length > 0 && <Swatch colour={colourOf(trace.services[trace.service[root]!] ?? "")} />}
            <strong className="cut">
              <TelemetryText text={trace.services[trace.service[root]!] ?? ""} max={80} />
            </strong>
            <span className="cut">
              <TelemetryText text={trace.names[trace.name[root]!] ?? ""} max={200} />
            </span>
          </div>
          <div className="row secondary trace-facts">
            <span title={exact(trace.durationNs, "ns")}>
              <strong>{formatDuration(trace.durationNs)}</strong>
            </span>
            <span>{formatCount(trace.spanId.length)} spans</span>
            {errors > 0 && (
              <span className="error-text row tight">
                <Icon name="error" size={14} /> {formatCount(errors)} failed
              </span>
            )}
            <TimeText nano={trace.time} ago />
            {missing > 0 && (
              <span className="badge warn" title="Their parent spans were not received, or not yet">
                {formatCount(missing)} without parent
              </span>
            )}
            {trace.truncated && <span className="badge warn">partial: too many spans to show all</span>}
          </div>
        </div>
        <ul className="trace-shares" aria-label="Self time by service">
          {shares.slice(0, 8).map(({ service, share }) => (
            <li key={service} title={`${plainText(service)}: ${formatRatio(share)} of all self time`}>
              <Swatch colour={colourOf(service)} /> <TelemetryText text={service} max={24} />{" "}
              <span className="faint">{formatRatio(Number(share.toFixed(2)))}</span>
            </li>
          ))}
        </ul>
      </div>
      <Minimap trace={trace} view={view} onView={setView} />
      <div className="toolbar">
        <div className="segments" role="tablist" aria-label="How to look at it">
          {TABS.map(([id, name, icon]) => (
            <button
              key={id}
              type="button"
              role="tab"
              aria-selected={tab === id}
              onClick={() => change({ tab: id === "waterfall" ? undefined : id })}
            >
              <Icon name={icon} size={14} /> {name}
            </button>
          ))}
        </div>
        <button
          type="button"
          className="button small"
          aria-pressed={critical}
          disabled={trace.criticalPath.segments.length === 0}
          title={trace.criticalPath.note ?? "By timing  c"}
          onClick={() => setCritical(!critical)}
        >
          Critical path <span className="faint">by timing</span>
        </button>
        {trace.criticalPath.note !== null && (
          <span
            className={`small cut ${trace.criticalPath.segments.length === 0 ? "warn-text" : "faint"}`}
            title={trace.criticalPath.note}
          >
            {trace.criticalPath.segments.length === 0
              ? `No critical path: ${trace.criticalPath.note}`
              : trace.criticalPath.note}
          </span>
        )}
        {skew.moved > 0 && (
          <button
            type="button"
            className="button small"
            aria-pressed={corrected}
            title={`${skew.moved} spans seem to begin before their callers: their clocks disagree`}
            onClick={() => setCorrected(!corrected)}
          >
            {corrected ? "Clocks corrected" : "Correct clocks"} <span className="faint">{formatCount(skew.moved)}</span>
          </button>
        )}
        <span className="grow" />
        <StatisticsLine statistics={trace.statistics} />
        <div className="find row tight">
          <input
            ref={find}
            className="input"
            type="search"
            aria-label="Find in the trace"
            placeholder="Find  f"
            value={words}
            onChange={(event) => {
              setWords(event.target.value);
              setFoundAt(0);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") {
                if (foundAt === 0 && openIndex !== found[0]) open(found[0] ?? -1);
                else step(event.shiftKey ? -1 : 1);
              } else if (event.key === "Escape") {
                setWords("");
                find.current?.blur();
              }
            }}
          />
          {words !== "" && (
            <span className="small secondary" role="status">
              {found.length === 0 ? "none" : `${foundAt + 1} of ${found.length}`}
            </span>
          )}
        </div>
        {address.select !== undefined && (
          <button type="button" className="button small" onClick={() => setView(null)}>
            <Icon name="zoomOut" size={14} /> Whole trace
          </button>
        )}
      </div>
      <div className="split">
        <div className="middle">
          {tab === "waterfall" && (
            <Waterfall
              trace={trace}
              tree={tree}
              view={view}
              critical={critical}
              openIndex={openIndex}
              onOpen={open}
              found={words === "" ? null : found}
            />
          )}
          {tab === "flame" && (
            <Flame
              trace={trace}
              tree={tree}
              view={view}
              critical={critical}
              openIndex={openIndex}
              onOpen={open}
              onView={setView}
            />
          )}
          {tab === "compare" && <Compare trace={trace} onOpen={open} openIndex={openIndex} />}
        </div>
        {openIndex >= 0 && <SpanPanel trace={trace} index={openIndex} onClose={() => open(-1)} onOpen={open} />}
      </div>
    </>
  );
}

/** Self time of each service as a share of all self time, most first. */
function selfShares(trace: Trace): readonly { readonly service: string; readonly share: number }[] {
  const sums = new Float64Array(trace.services.length);
  let all = 0;
  for (let i = 0; i < trace.spanId.length; i++) {
    sums[trace.service[i]!]! += trace.selfNs[i]!;
    all += trace.selfNs[i]!;
  }
  return [...sums]
    .map((sum, i) => ({ service: trace.services[i]!, share: all === 0 ? 0 : sum / all }))
    .sort((a, b) => b.share - a.share);
}
