import type { ReactElement } from "react";
import type { Home } from "../../../../src/api/contract/shapes.ts";
import { formatAgo } from "../../format/clock-time.ts";
import { exact, formatRate } from "../../format/quantity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { AppLink } from "../../part/app-link.tsx";
import { ServiceName } from "../../part/service-name.tsx";
import { serverNow } from "../../state/moment.ts";
import { hrefTo, useAddress } from "../../state/question.ts";

const SILENT_MS = 60_000;
const MOST = 12;

/** Rates per signal and service. */
export function Arriving({ arriving }: { readonly arriving: Home["arriving"] }): ReactElement {
  const address = useAddress();
  const colourOf = useServiceColours();
  const nowMs = serverNow();
  const top = Math.max(1e-9, ...arriving.map((row) => row.spansPerSecond + row.logsPerSecond + row.pointsPerSecond));
  return (
    <section className="panel" aria-labelledby="home-arriving">
      <header>
        <h2 id="home-arriving" className="grow">
          What is arriving
        </h2>
        <AppLink className="link small" href={hrefTo("/services", address)}>
          All services
        </AppLink>
      </header>
      <div className="ledger-scroll">
        <table className="ledger arriving">
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col" className="number">
                spans
              </th>
              <th scope="col" className="number">
                logs
              </th>
              <th scope="col" className="number">
                points
              </th>
              <th scope="col" className="number">
                seen
              </th>
            </tr>
          </thead>
          <tbody>
            {arriving.slice(0, MOST).map((row) => {
              const colour = colourOf(row.service);
              const share = (row.spansPerSecond + row.logsPerSecond + row.pointsPerSecond) / top;
              return (
                <tr key={row.service}>
                  <th scope="row">
                    <AppLink
                      href={hrefTo(`/services/${encodeURIComponent(row.service)}`, address)}
                      className="arriving-name"
                    >
                      <ServiceName service={row.service} colour={colour} />
                      <span
                        aria-hidden="true"
                        className="arriving-bar"
                        style={{ width: `${Math.max(2, share * 100)}%`, background: colour.variable }}
                      />
                    </AppLink>
                  </th>
                  {[row.spansPerSecond, row.logsPerSecond, row.pointsPerSecond].map((rate, i) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: three fixed columns
                    <td key={i} className={rate === 0 ? "number faint" : "number"} title={exact(rate, "per-second")}>
                      {formatRate(rate)}
                    </td>
                  ))}
                  <td className={nowMs - row.lastSeenMs > SILENT_MS ? "number warn-text" : "number faint"}>
                    {formatAgo(row.lastSeenMs, nowMs)}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {arriving.length > MOST && <div className="small faint arriving-more">and {arriving.length - MOST} more</div>}
    </section>
  );
}
