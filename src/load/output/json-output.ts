import type { MergedFrame } from "../metric/totals.ts";
import type { Metric } from "../samples.ts";
import { parseSubmetricName } from "../threshold/submetric-name.ts";
import { isoTime } from "./iso-time.ts";
import type { Output, OutputContext } from "./output.ts";
import { TextFile } from "./text-file.ts";

/** `-o json=FILE`: one JSON object a line, as k6 writes them: `Metric` when a metric first appears, then a `Point` for each sample. */
export function openJsonOutput(path: string, context: OutputContext): Output {
  const file = new TextFile("json", path, context);
  const { registry } = context.totals;
  const seen = new Set<number>();
  const tagTexts: string[] = [];
  const tagText = (set: number): string => {
    tagTexts[set] ??= JSON.stringify(Object.fromEntries(registry.tags.entries(set)));
    return tagTexts[set];
  };
  return {
    description: path === "" || path === "-" ? "json (stdout)" : `json (${path})`,
    wantsRaw: true,
    get counts() {
      return file.counts;
    },
    write({ raw }: MergedFrame): void {
      if (raw === undefined) return;
      let text = "";
      for (let at = 0; at < raw.length; at++) {
        const metric = registry.get(raw.metric[at]!);
        if (!seen.has(metric.id)) {
          seen.add(metric.id);
          text += `${JSON.stringify(description(metric, context))}\n`;
        }
        text += `{"metric":"${metric.name}","type":"Point","data":{"time":"${isoTime(raw.unixMs[at]!)}","value":${raw.value[at]!},"tags":${tagText(raw.tags[at]!)}}}\n`;
        // Flattened in pieces: one text of a busy second would be too long to build at once.
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

function description(metric: Metric, { thresholds, systemTags }: OutputContext): object {
  const { name, type, contains } = metric;
  const keys = new Set(Object.keys(thresholds));
  if (systemTags.has("expected_response")) keys.add("http_req_duration{expected_response:true}");
  const submetrics = [...keys].flatMap((key) => {
    const parsed = parseSubmetricName(key);
    if ("problem" in parsed || parsed.metric !== name || parsed.tags.length === 0) return [];
    return [{ name: key, suffix: key.slice(name.length + 1, -1), tags: Object.fromEntries(parsed.tags) }];
  });
  return {
    type: "Metric",
    data: {
      name,
      type,
      contains,
      thresholds: (thresholds[name] ?? []).map(({ threshold }) => threshold),
      submetrics: submetrics.length === 0 ? null : submetrics,
    },
    metric: name,
  };
}
