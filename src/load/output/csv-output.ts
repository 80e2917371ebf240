import type { MergedFrame } from "../metric/totals.ts";
import { isoTime } from "./iso-time.ts";
import { type Output, type OutputContext, OutputSettingError } from "./output.ts";
import { Settings } from "./settings.ts";
import { TextFile } from "./text-file.ts";

const TIME_FORMATS: Readonly<Record<string, (unixMs: number) => string>> = {
  unix: (unixMs) => String(Math.floor(unixMs / 1000)),
  unix_milli: (unixMs) => String(Math.floor(unixMs)),
  unix_micro: (unixMs) => String(Math.round(unixMs * 1000)),
  unix_nano: (unixMs) => `${Math.round(unixMs * 1000)}000`,
  rfc3339: (unixMs) => isoTime(Math.floor(unixMs / 1000) * 1000).replace(".000000", ""),
  rfc3339_nano: isoTime,
};

/** k6's system tags that a CSV can have a column for; `vu` and `iter` are metadata. */
const COLUMNS = [
  "check",
  "error",
  "error_code",
  "expected_response",
  "group",
  "ip",
  "method",
  "name",
  "ocsp_status",
  "proto",
  "scenario",
  "service",
  "status",
  "subproto",
  "tls_version",
  "url",
];

/**
 * `-o csv=FILE` or `-o csv=fileName=FILE,timeFormat=unix_milli`: a line for each sample, with a column for each system tag
 * that is on, other tags as `a=b&c=d`. Settings: K6_CSV_FILENAME, K6_CSV_TIME_FORMAT.
 */
export function openCsvOutput(argument: string, context: OutputContext): Output {
  const { path, timeFormat } = readSettings(argument, context);
  const file = new TextFile("csv", path, context);
  const { registry } = context.totals;
  const columns = COLUMNS.filter((tag) => context.systemTags.has(tag));
  file.write(`${["metric_name", "timestamp", "metric_value", ...columns, "extra_tags", "metadata"].join(",")}\n`);
  const tagTexts: string[] = [];
  const tagText = (set: number): string => {
    let text = tagTexts[set];
    if (text === undefined) {
      const tags = new Map(registry.tags.entries(set));
      const extra = [...tags].filter(([key]) => !COLUMNS.includes(key)).map(([key, value]) => `${key}=${value}`);
      text = [...columns.map((column) => tags.get(column) ?? ""), extra.join("&"), ""].map(quoted).join(",");
      tagTexts[set] = text;
    }
    return text;
  };
  return {
    description: path === "-" ? "csv (stdout)" : `csv (${path})`,
    wantsRaw: true,
    get counts() {
      return file.counts;
    },
    write({ raw }: MergedFrame): void {
      if (raw === undefined) return;
      let text = "";
      for (let at = 0; at < raw.length; at++) {
        const { name } = registry.get(raw.metric[at]!);
        text += `${name},${timeFormat(raw.unixMs[at]!)},${raw.value[at]!.toFixed(6)},${tagText(raw.tags[at]!)}\n`;
        if (text.length > 1 << 20) {
          file.write(text);
          text = "";
        }
      }
      file.write(text);
    },
    close: () => file.close(),
  };
}

function readSettings(argument: string, { environment }: OutputContext) {
  const settings = new Settings(environment);
  let path = settings.text("K6_CSV_FILENAME", "file.csv");
  let format = settings.text("K6_CSV_TIME_FORMAT", "unix");
  if (argument !== "" && !argument.includes("=")) path = argument;
  else if (argument !== "")
    for (const pair of argument.split(",")) {
      const at = pair.indexOf("=");
      const [key, value] = [pair.slice(0, at), pair.slice(at + 1)];
      if (at < 0 || value === "") throw new OutputSettingError(`-o csv: "${pair}" is not key=value`);
      if (key === "fileName") path = value;
      else if (key === "timeFormat") format = value;
      // Lines are written with each frame, once a second: k6's own default.
      else if (key !== "saveInterval")
        throw new OutputSettingError(`-o csv: unknown key "${key}"; there are fileName, timeFormat and saveInterval`);
    }
  const timeFormat = TIME_FORMATS[format];
  if (timeFormat === undefined)
    throw new OutputSettingError(
      `-o csv: unknown time format "${format}"; there are ${Object.keys(TIME_FORMATS).join(", ")}`,
    );
  return { path, timeFormat };
}

function quoted(value: string): string {
  return /[",\r\n]|^\s/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
