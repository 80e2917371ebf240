import { openCsvOutput } from "./csv-output.ts";
import { openHtmlOutput } from "./html-report.ts";
import { openInfluxdbOutput } from "./influxdb-output.ts";
import { openJsonOutput } from "./json-output.ts";
import { openOpentelemetryOutput } from "./opentelemetry-output.ts";
import { type Output, type OutputContext, OutputSettingError } from "./output.ts";
import { openPrometheusOutput } from "./prometheus-output.ts";
import { openTraceoOutput } from "./traceo-output.ts";

type Open = (argument: string, context: OutputContext) => Output;

const OUTPUTS: Readonly<Record<string, Open>> = {
  json: openJsonOutput,
  csv: openCsvOutput,
  influxdb: openInfluxdbOutput,
  "experimental-prometheus-rw": openPrometheusOutput,
  opentelemetry: openOpentelemetryOutput,
  "experimental-opentelemetry": openOpentelemetryOutput,
  html: openHtmlOutput,
  traceo: openTraceoOutput,
};

/** k6 has or had them; each with what to use instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  cloud: "runs are kept in Traceo: -o traceo",
  "web-dashboard": "the live view is Traceo's own page of the run; for a file use -o html=report.html",
  kafka: "use -o opentelemetry to a Collector with a Kafka exporter",
  statsd: "use -o opentelemetry to a Collector with a StatsD exporter",
  datadog: "use -o opentelemetry to a Collector with a Datadog exporter",
};

/** Opens `name` or `name=argument`. Throws OutputSettingError for an unknown name or a setting that cannot be. */
export function openOutput(specification: string, context: OutputContext): Output {
  const at = specification.indexOf("=");
  const name = at < 0 ? specification : specification.slice(0, at);
  const open = Object.hasOwn(OUTPUTS, name) ? OUTPUTS[name]! : undefined;
  if (open !== undefined) return open(at < 0 ? "" : specification.slice(at + 1), context);
  const instead = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
  throw new OutputSettingError(
    instead === undefined
      ? `there is no output "${name}"; there are ${Object.keys(OUTPUTS).join(", ")}`
      : `there is no output "${name}": ${instead}`,
  );
}
