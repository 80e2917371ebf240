import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useState } from "react";
import type { Statistics } from "../../../src/api/contract/shapes.ts";
import { formatBytes, formatCount, formatDuration } from "../format/quantity.ts";
import { AskFailure } from "../server/ask.ts";
import { Icon } from "./icon.tsx";
import "./answer.css";

export interface AnswerProps<T> {
  readonly query: UseQueryResult<T, Error>;
  /** Of the true layout, shown after 150 ms. */
  readonly skeleton?: ReactNode;
  readonly children: (data: T) => ReactNode;
}

/** One answer in all its states: nothing for 150 ms, a skeleton, the answer, or what failed and what to do. */
export function Answer<T>({ query, skeleton = <SkeletonRows />, children }: AnswerProps<T>): ReactElement {
  if (query.data !== undefined)
    return (
      <>
        {query.error !== null && query.isError && (
          <FailureNote error={query.error} retry={() => void query.refetch()} slim />
        )}
        {children(query.data)}
      </>
    );
  if (query.isError) return <FailureNote error={query.error} retry={() => void query.refetch()} />;
  return <Later>{skeleton}</Later>;
}

/** Its children after 150 ms: what is fast should not flicker. */
export function Later({ children }: { readonly children: ReactNode }): ReactElement | null {
  const [due, setDue] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setDue(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return due ? (
    <div role="status" aria-label="Loading" className="skeleton">
      {children}
    </div>
  ) : null;
}

export function SkeletonRows({
  rows = 10,
  height,
}: {
  readonly rows?: number;
  readonly height?: number;
}): ReactElement {
  return (
    <div className="skeleton-rows" aria-hidden="true">
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
        <div key={i} className="skeleton-row" style={height === undefined ? undefined : { height }}>
          <span style={{ width: `${14 + ((i * 37) % 9)}%` }} />
          <span style={{ width: `${30 + ((i * 53) % 28)}%` }} />
          <span style={{ width: `${8 + ((i * 29) % 6)}%` }} />
        </div>
      ))}
    </div>
  );
}

export function SkeletonBlock({ height }: { readonly height: number }): ReactElement {
  return <div className="skeleton-block" aria-hidden="true" style={{ height }} />;
}

/** What failed, its code, what to do, and again. */
export function FailureNote({
  error,
  retry,
  slim = false,
}: {
  readonly error: Error;
  readonly retry?: () => void;
  readonly slim?: boolean;
}): ReactElement {
  const problem = error instanceof AskFailure ? error.problem : null;
  return (
    <div className={slim ? "failure slim" : "failure"} role="alert">
      <Icon name="error" size={slim ? 16 : 20} />
      <div className="grow">
        <div className="failure-title">
          {problem?.detail ?? error.message} <code className="mono faint">{problem?.code ?? error.name}</code>
        </div>
        <div className="secondary">
          {problem?.remedy ?? "This is a fault of the interface; reload the page and report it if it stays."}
        </div>
      </div>
      {retry !== undefined && (
        <button type="button" className="button small" onClick={retry}>
          <Icon name="refresh" size={14} /> Try again
        </button>
      )}
    </div>
  );
}

/** How an answer came about: rows read, time spent, and whether it is whole. */
export function StatisticsLine({
  statistics,
  busy = false,
}: {
  readonly statistics: Statistics | undefined;
  readonly busy?: boolean;
}): ReactElement | null {
  if (statistics === undefined) return null;
  return (
    <span
      className="statistics faint small"
      title={`${statistics.rowsRead.toLocaleString("en-US")} rows, ${statistics.bytesRead.toLocaleString("en-US")} bytes read from storage in ${formatDuration(statistics.elapsedMs * 1e6)}`}
    >
      {statistics.partial && <span className="badge warn">partial: a limit cut it short</span>}
      {busy
        ? "reading…"
        : `${formatCount(statistics.rowsRead)} rows read · ${formatBytes(statistics.bytesRead)} · ${formatDuration(statistics.elapsedMs * 1e6)}`}
    </span>
  );
}
