import { useQueries } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useState } from "react";
import type { Histogram, Status } from "../../../src/api/contract/shapes.ts";
import { formatCount, formatRate } from "../format/quantity.ts";
import { useStatus } from "../server/answers.ts";
import { ask } from "../server/ask.ts";
import { type Question, type Signal, useChange } from "../state/question.ts";
import { zoomOut } from "../state/time-range.ts";
import { Icon, type IconName } from "./icon.tsx";
import { TelemetryText } from "./telemetry-text.tsx";
import { showToast } from "./toast.tsx";

/** Why a list is empty: nothing was ever sent, the filters exclude everything, or there is nothing in the range. */
export function EmptyList({
  question,
  signal,
  what,
}: {
  readonly question: Question;
  readonly signal: Signal;
  readonly what: string;
}): ReactElement {
  const status = useStatus();
  const change = useChange();
  const never = useNeverSent(status.data);
  if (question.where.length > 0 || question.address.text !== undefined)
    return <FilteredAway question={question} signal={signal} what={what} />;
  if (never && status.data !== undefined) return <NeverSent status={status.data} />;
  return (
    <Empty icon="clock" title={`No ${what} in this time range`}>
      <button type="button" className="button" onClick={() => change(zoomOut(question.range, question.nowMs))}>
        <Icon name="zoomOut" /> Look at twice the time
      </button>
      <button type="button" className="button" onClick={() => change({ from: "now-1d", to: "now" })}>
        Last day
      </button>
    </Empty>
  );
}

export function Empty({
  icon,
  title,
  children,
  text,
}: {
  readonly icon: IconName;
  readonly title: string;
  readonly text?: string;
  readonly children?: ReactNode;
}): ReactElement {
  return (
    <div className="empty">
      <Icon name={icon} size={24} />
      <h2>{title}</h2>
      {text !== undefined && <p>{text}</p>}
      <div className="row">{children}</div>
    </div>
  );
}

/**
 * Whether to show how to send telemetry: none was ever received, or it was shown a moment ago and the first is just
 * arriving. It lingers then, so that its line is seen to turn green before the view takes over.
 */
export function useNeverSent(status: Status | undefined, nothingThere = true): boolean {
  const never =
    nothingThere &&
    status !== undefined &&
    Object.values(status.ledger).every((ledger) => ledger.received === 0 && ledger.pending === 0);
  const [lingering, setLingering] = useState(false);
  useEffect(() => {
    if (never) setLingering(true);
    else if (lingering) {
      const timer = setTimeout(() => setLingering(false), LINGER_MS);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [never, lingering]);
  return never || lingering;
}

const LINGER_MS = 5000;

/** Counts what would be there without each filter, so that the one that excluded most can go. */
function FilteredAway({
  question,
  signal,
  what,
}: {
  readonly question: Question;
  readonly signal: Signal;
  readonly what: string;
}): ReactElement {
  const change = useChange();
  const counted = signal === "metrics" ? [] : question.where.slice(0, 6);
  const counts = useQueries({
    queries: counted.map((text) => ({
      queryKey: [question.address.tenant ?? "", "without", signal, text, question.parameters, question.address.text],
      queryFn: async ({ signal: abort }: { signal: AbortSignal }) => {
        const answer = await ask<Histogram>(
          `/${signal}/histogram`,
          {
            ...question.parameters,
            where: question.where.filter((other) => other !== text),
            buckets: 1,
            ...(signal === "logs" ? { text: question.address.text } : {}),
          },
          { tenant: question.address.tenant, signal: abort },
        );
        return answer.groups.reduce((sum, group) => sum + group.counts.reduce((a, b) => a + b, 0), 0);
      },
    })),
  });
  const ranked = counted
    .map((text, i) => ({ text, count: counts[i]?.data ?? null }))
    .sort((a, b) => (b.count ?? -1) - (a.count ?? -1));
  const drop = (text: string): void =>
    change({ where: (question.address.where ?? []).filter((other) => other !== text) });
  return (
    <Empty
      icon="filter"
      title={`No ${what} match`}
      text={
        ranked[0]?.count
          ? "Without one of the filters there would be:"
          : "Nothing matches even without one of the filters."
      }
    >
      {ranked.map(({ text, count }) => (
        <button key={text} type="button" className="button" onClick={() => drop(text)}>
          <Icon name="close" size={14} />
          <span className="mono">
            <TelemetryText text={text} max={60} />
          </span>
          {count !== null && (
            <span className="secondary">
              {count === 0 ? "still none" : `${formatCount(count)} ${signal === "spans" ? "spans" : what}`}
            </span>
          )}
        </button>
      ))}
      {question.address.text !== undefined && (
        <button type="button" className="button" onClick={() => change({ text: undefined })}>
          <Icon name="close" size={14} /> Drop the words
        </button>
      )}
      <button type="button" className="button" onClick={() => change({ where: undefined, text: undefined })}>
        Drop all filters
      </button>
    </Empty>
  );
}

const LANGUAGES = ["Environment", "Node.js", "Python", "Go", "Java", "Collector", "curl"] as const;
type Language = (typeof LANGUAGES)[number];

function snippet(language: Language, status: Status): string {
  const { otlpHttp: http, otlpGrpc: grpc } = status.addresses;
  const address = http.startsWith("http") ? http : `http://${http}`;
  switch (language) {
    case "Environment":
      return `# every OpenTelemetry SDK reads these\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${address}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_SERVICE_NAME=my-service`;
    case "Node.js":
      return `npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n\nOTEL_EXPORTER_OTLP_ENDPOINT=${address} \\\nOTEL_SERVICE_NAME=my-service \\\nOTEL_METRICS_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp \\\nnode --require @opentelemetry/auto-instrumentations-node/register app.js`;
    case "Python":
      return `pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install\n\nOTEL_EXPORTER_OTLP_ENDPOINT=${address} \\\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\\nOTEL_SERVICE_NAME=my-service \\\nopentelemetry-instrument python app.py`;
    case "Go":
      return `// go get go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp\nexporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL("${address}/v1/traces"))\nprovider := trace.NewTracerProvider(trace.WithBatcher(exporter))\notel.SetTracerProvider(provider)`;
    case "Java":
      return `curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar\n\nOTEL_EXPORTER_OTLP_ENDPOINT=${address} \\\nOTEL_SERVICE_NAME=my-service \\\njava -javaagent:opentelemetry-javaagent.jar -jar app.jar`;
    case "Collector":
      return `exporters:\n  otlp/traceo:\n    endpoint: ${grpc.replace(/^https?:\/\//, "")}\n    tls:\n      insecure: true\nservice:\n  pipelines:\n    traces:  { receivers: [otlp], exporters: [otlp/traceo] }\n    metrics: { receivers: [otlp], exporters: [otlp/traceo] }\n    logs:    { receivers: [otlp], exporters: [otlp/traceo] }`;
    case "curl":
      return `curl -i ${address}/v1/logs -H 'content-type: application/json' -d '{\n  "resourceLogs": [{\n    "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "my-service" } }] },\n    "scopeLogs": [{ "logRecords": [{ "severityNumber": 9, "body": { "stringValue": "hello" } }] }]\n  }]\n}'`;
  }
}

/** Nothing was ever sent: how to send some, to this machine's address, and a line that turns green when it arrives. */
export function NeverSent({ status }: { readonly status: Status }): ReactElement {
  const [language, setLanguage] = useState<Language>("Environment");
  const text = snippet(language, status);
  return (
    <section className="panel never stack" aria-label="Send your first telemetry">
      <h2>Send your first telemetry</h2>
      <p className="secondary">
        Traceo listens for OpenTelemetry on <code className="mono">{status.addresses.otlpHttp}</code> (HTTP) and{" "}
        <code className="mono">{status.addresses.otlpGrpc}</code> (gRPC).
      </p>
      <div className="row">
        <fieldset className="segments" aria-label="Language">
          {LANGUAGES.map((name) => (
            <button key={name} type="button" aria-pressed={name === language} onClick={() => setLanguage(name)}>
              {name}
            </button>
          ))}
        </fieldset>
        <span className="grow" />
        <button
          type="button"
          className="button small"
          onClick={() => {
            navigator.clipboard.writeText(text).then(
              () => showToast("Copied"),
              () => showToast("The browser refused the clipboard", "error"),
            );
          }}
        >
          <Icon name="copy" size={14} /> Copy
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text}</pre>
      <div className="never-signals" role="status" aria-live="polite">
        {(Object.keys(status.ledger) as (keyof Status["ledger"])[]).map((signal) => {
          const ledger = status.ledger[signal];
          return ledger.received > 0 ? (
            <span key={signal} className="ok-text">
              <Icon name="check" /> {signal} arriving, {formatRate(ledger.receivedPerSecond)}
            </span>
          ) : (
            <span key={signal} className="faint">
              <span className="waiting-dot" /> waiting for {signal}
            </span>
          );
        })}
      </div>
    </section>
  );
}
