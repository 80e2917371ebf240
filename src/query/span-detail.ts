import { and, as, call, column, descending, equals, select } from "#plan/expression.ts";
import { Failure } from "#runtime/failure.ts";
import type { Question } from "./question.ts";
import { readSpans, SPAN_COLUMNS, type SpanLine } from "./span-search.ts";
import { ALL_TIME } from "./time.ts";

type Attributes = Readonly<Record<string, string>>;

/** The API's SpanDetail. */
export interface WholeSpan extends SpanLine {
  readonly traceState: string;
  readonly flags: number;
  readonly scope: { readonly name: string; readonly version: string; readonly attributes: Attributes };
  readonly resource: Attributes;
  readonly events: readonly { readonly time: string; readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
  readonly dropped: { readonly attributes: number; readonly events: number; readonly links: number };
}

/** A span id as people paste it. Throws bad-request. */
export function parseSpanId(text: string): string {
  const id = text.toLowerCase();
  if (!/^[0-9a-f]{1,16}$/.test(id)) throw new Failure("bad-request", "spanId: must be 16 hexadecimal digits");
  return id;
}

/** Everything of one span. Where two share an id (old Zipkin tracers), the server's. Throws not-found. */
export async function readSpan(question: Question, traceId: string, spanId: string): Promise<WholeSpan> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: ALL_TIME,
      where: and(equals(column("trace_id"), traceId), equals(column("span_id"), spanId)),
      columns: [
        ...SPAN_COLUMNS,
        as("traceState", column("trace_state")),
        as("flags", column("flags")),
        as("scopeName", column("scope_name")),
        as("scopeVersion", column("scope_version")),
        as("scopeAttributes", column("scope_attributes")),
        as("resource", column("resource_attributes")),
        as("eventTimes", call("unixNanoTexts", column("events.time"))),
        as("eventNames", column("events.name")),
        as("eventAttributes", column("events.attributes")),
        as("linkTraces", column("links.trace_id")),
        as("linkSpans", column("links.span_id")),
        as("linkAttributes", column("links.attributes")),
        as("droppedAttributes", column("dropped_attributes_count")),
        as("droppedEvents", column("dropped_events_count")),
        as("droppedLinks", column("dropped_links_count")),
      ],
      orderBy: [descending({ kind: "test", of: equals(column("kind"), "server") })],
      limit: 1,
    }),
  );
  const [span] = readSpans(frame);
  if (span === undefined) throw new Failure("not-found", `trace ${traceId} has no span ${spanId}`);
  const eventNames = frame.lists<string>("eventNames")[0]!;
  const eventAttributes = frame.nested("eventAttributes")[0] as readonly Attributes[];
  const linkSpans = frame.lists<string>("linkSpans")[0]!;
  const linkAttributes = frame.nested("linkAttributes")[0] as readonly Attributes[];
  return {
    ...span,
    traceState: frame.strings("traceState")[0]!,
    flags: frame.numbers("flags")[0]!,
    scope: {
      name: frame.strings("scopeName")[0]!,
      version: frame.strings("scopeVersion")[0]!,
      attributes: frame.maps("scopeAttributes")[0]!,
    },
    resource: frame.maps("resource")[0]!,
    events: frame.lists<string>("eventTimes")[0]!.map((time, index) => ({
      time,
      name: eventNames[index]!,
      attributes: eventAttributes[index]!,
    })),
    links: frame.lists<string>("linkTraces")[0]!.map((trace, index) => ({
      traceId: trace,
      spanId: linkSpans[index]!,
      attributes: linkAttributes[index]!,
    })),
    dropped: {
      attributes: frame.numbers("droppedAttributes")[0]!,
      events: frame.numbers("droppedEvents")[0]!,
      links: frame.numbers("droppedLinks")[0]!,
    },
  };
}
