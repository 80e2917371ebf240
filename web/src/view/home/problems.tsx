import type { ReactElement } from "react";
import type { HomeProblem } from "../../../../src/api/contract/shapes.ts";
import { formatAgo, formatMinute } from "../../format/clock-time.ts";
import { exact, formatChange, formatPoints, formatQuantity, formatRatio } from "../../format/quantity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { AppLink } from "../../part/app-link.tsx";
import { Icon, type IconName } from "../../part/icon.tsx";
import { ServiceName } from "../../part/service-name.tsx";
import { Sparkline } from "../../part/sparkline.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { ValueHandle } from "../../part/value-handle.tsx";
import { serverNow } from "../../state/moment.ts";
import { useZone } from "../../state/question.ts";

const KINDS: Readonly<
  Record<HomeProblem["kind"], { readonly name: string; readonly icon: IconName; readonly severe: boolean }>
> = {
  errors: { name: "Errors", icon: "error", severe: true },
  latency: { name: "Slow", icon: "clock", severe: false },
  "log-errors": { name: "Log errors", icon: "logs", severe: true },
  traffic: { name: "Traffic", icon: "metrics", severe: false },
  resource: { name: "Resource", icon: "bolt", severe: false },
  loss: { name: "Loss", icon: "alert", severe: true },
  silent: { name: "Silent", icon: "minus", severe: true },
};

/** Ranked: the first card is where to look first. */
export function Problems({ problems }: { readonly problems: readonly HomeProblem[] }): ReactElement {
  return (
    <>
      <div className="row home-heading">
        <h2 id="home-wrong">What is wrong now</h2>
        {problems.length > 0 && (
          <span className="secondary" role="status">
            {problems.length === 1 ? "1 thing differs from before" : `${problems.length} things differ from before`}
          </span>
        )}
      </div>
      {problems.length === 0 ? (
        <div className="panel home-calm">
          <span className="calm-mark">
            <Icon name="check" size={20} />
          </span>
          <div>
            <div className="calm-title">Nothing differs from before</div>
            <div className="secondary">
              Errors, latency, traffic, resources and log errors of every service are where they were.
            </div>
          </div>
        </div>
      ) : (
        <ol className="problem-list">
          {problems.map((problem, i) => (
            <Problem key={problem.id} problem={problem} first={i === 0} />
          ))}
        </ol>
      )}
    </>
  );
}

function Problem({ problem, first }: { readonly problem: HomeProblem; readonly first: boolean }): ReactElement {
  const colourOf = useServiceColours();
  const zone = useZone();
  const nowMs = serverNow();
  const kind = KINDS[problem.kind];
  const colour = kind.severe ? "var(--error)" : "var(--warn)";
  const change =
    problem.unit === "ratio" ? formatPoints(problem.now - problem.before) : formatChange(problem.now, problem.before);
  return (
    <li className={`panel problem ${kind.severe ? "severe" : "mild"}`}>
      <AppLink href={problem.link} className="problem-main">
        <div className="problem-text">
          <div className="row problem-kind">
            <span className={`badge ${kind.severe ? "error" : "warn"}`}>
              <Icon name={kind.icon} size={12} /> {kind.name}
            </span>
            {problem.service !== "" && <ServiceName service={problem.service} colour={colourOf(problem.service)} />}
            <span className="faint small" title={new Date(problem.sinceMs).toISOString()}>
              since {formatMinute(problem.sinceMs, zone, nowMs)}, {formatAgo(problem.sinceMs, nowMs)}
            </span>
          </div>
          <h3 className="problem-title">
            <TelemetryText text={problem.title} max={160} />
          </h3>
          <p className="secondary">
            <TelemetryText text={problem.detail} max={700} />
          </p>
        </div>
        <div className="problem-figure">
          <div className="problem-now" title={exact(problem.now, problem.unit)}>
            {formatQuantity(problem.now, problem.unit)}
          </div>
          <div className="small secondary" title={exact(problem.before, problem.unit)}>
            was {formatQuantity(problem.before, problem.unit)}{" "}
            <span className={kind.severe ? "error-text" : "warn-text"}>{change}</span>
          </div>
          <Sparkline
            line={problem.sparkline}
            unit={problem.unit}
            label={problem.title}
            width={180}
            height={40}
            colour={colour}
          />
        </div>
      </AppLink>
      <div className="problem-foot">
        {problem.differences.length > 0 && (
          <>
            <span className="faint small">tells them apart</span>
            {problem.differences.slice(0, 3).map((difference) => (
              <ValueHandle
                key={`${difference.field} ${difference.value}`}
                field={difference.field}
                value={difference.value}
                signal="spans"
                className="difference-chip"
              >
                <span className="secondary">{difference.field.replace(/^(attributes|resource)\./, "")}</span>{" "}
                <span className="mono">
                  <TelemetryText text={difference.value} max={40} />
                </span>{" "}
                <span
                  className="small"
                  title={`${formatRatio(difference.insideShare)} of the affected, ${formatRatio(difference.outsideShare)} of the rest`}
                >
                  {formatRatio(Number(difference.insideShare.toFixed(2)))}{" "}
                  <span className="faint">vs {formatRatio(Number(difference.outsideShare.toFixed(2)))}</span>
                </span>
              </ValueHandle>
            ))}
          </>
        )}
        <span className="grow" />
        <AppLink href={problem.link} className={first ? "button primary small" : "button small"}>
          Find the cause <Icon name="right" size={14} />
        </AppLink>
      </div>
    </li>
  );
}
