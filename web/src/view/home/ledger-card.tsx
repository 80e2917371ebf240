import type { ReactElement } from "react";
import type { Ledger, Status } from "../../../../src/api/contract/shapes.ts";
import { formatAgo } from "../../format/clock-time.ts";
import { formatBytes, formatCount, formatRate } from "../../format/quantity.ts";
import { Icon } from "../../part/icon.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";

const COLUMNS = ["received", "stored", "rejected", "dropped", "pending"] as const;

/** received = stored + rejected + dropped + pending, per signal, with a check mark or the missing number. */
export function LedgerCard({ status }: { readonly status: Status }): ReactElement {
  const entries = Object.entries(status.ledger) as [string, Ledger][];
  const missing = entries.reduce((sum, [, ledger]) => sum + ledger.missing, 0);
  const refused = entries.reduce((sum, [, ledger]) => sum + ledger.refusedRequests, 0);
  const reasons = entries
    .flatMap(([signal, ledger]) => ledger.reasons.map((reason) => ({ signal, ...reason })))
    .sort((a, b) => b.count - a.count);
  return (
    <section className="panel" aria-labelledby="home-ledger">
      <header>
        <h2 id="home-ledger" className="grow">
          Is anything lost?
        </h2>
        {missing === 0 ? (
          <span className="badge ok">
            <Icon name="check" size={12} /> nothing lost
          </span>
        ) : (
          <span className="badge error">
            <Icon name="alert" size={12} /> {missing.toLocaleString("en-US")} missing
          </span>
        )}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="ledger-scroll" tabIndex={0} aria-label="Ledger">
        <table className="ledger">
          <thead>
            <tr>
              <th scope="col">since {formatAgo(status.startedMs, status.nowMs).replace(" ago", "")}</th>
              {COLUMNS.map((column, i) => (
                <th key={column} scope="col" className="number">
                  {i === 1 ? "= " : i > 1 ? "+ " : ""}
                  {column}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">balance</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map(([signal, ledger]) => (
              <tr key={signal}>
                <th scope="row">{signal}</th>
                {COLUMNS.map((column) => (
                  <td
                    key={column}
                    className={`number ${(column === "rejected" || column === "dropped") && ledger[column] > 0 ? "warn-text" : ledger[column] === 0 ? "faint" : ""}`}
                    title={ledger[column].toLocaleString("en-US")}
                  >
                    {formatCount(ledger[column])}
                  </td>
                ))}
                <td className="number">
                  {ledger.missing === 0 ? (
                    <span className="ok-text" title="The sum is right">
                      <Icon name="check" size={14} />
                      <span className="visually-hidden">balances</span>
                    </span>
                  ) : (
                    <span className="error-text">{formatCount(ledger.missing)} missing</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <dl className="facts">
        <div>
          <dt>Arriving</dt>
          <dd>{formatRate(entries.reduce((sum, [, ledger]) => sum + ledger.receivedPerSecond, 0))}</dd>
        </div>
        <div>
          <dt>On disk</dt>
          <dd title={`${formatBytes(status.disk.freeBytes)} free`}>
            {formatBytes(status.disk.usedBytes)}
            {status.disk.budgetBytes !== null && (
              <span className="faint"> of {formatBytes(status.disk.budgetBytes)}</span>
            )}
          </dd>
        </div>
        <div>
          <dt>Engine</dt>
          <dd
            className={status.engine.lastFailure === null ? "" : "warn-text"}
            title={status.engine.lastFailure ?? status.engine.version}
          >
            {status.engine.state}
            {status.engine.restarts > 0 && ` · ${status.engine.restarts} restarts`}
          </dd>
        </div>
        {status.engine.residentBytes !== null && (
          <div>
            <dt>Memory</dt>
            <dd>
              {formatBytes(status.engine.residentBytes)}
              {status.engine.memoryLimitBytes !== null && (
                <span className="faint"> of {formatBytes(status.engine.memoryLimitBytes)}</span>
              )}
            </dd>
          </div>
        )}
        {refused > 0 && (
          <div>
            <dt>Refused requests</dt>
            <dd className="warn-text">{formatCount(refused)}</dd>
          </div>
        )}
      </dl>
      {reasons.length > 0 && (
        <ul className="reasons small">
          {reasons.slice(0, 4).map(({ signal, reason, count }) => (
            <li key={`${signal} ${reason}`}>
              <span className="warn-text">{formatCount(count)}</span> {signal}:{" "}
              <TelemetryText text={reason} max={120} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
