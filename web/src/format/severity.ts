/** Severity is a letter, a place and a colour; never the colour alone. Numbers are OpenTelemetry's SeverityNumber. */
export interface Severity {
  readonly name: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "unset";
  readonly letter: string;
  /** The palette's token, e.g. `var(--error)`. */
  readonly colour: "error" | "warn" | "info" | "faint" | "secondary";
}

const UNSET: Severity = { name: "unset", letter: "·", colour: "faint" };
const STEPS: readonly Severity[] = [
  { name: "trace", letter: "T", colour: "faint" },
  { name: "debug", letter: "D", colour: "faint" },
  { name: "info", letter: "I", colour: "info" },
  { name: "warn", letter: "W", colour: "warn" },
  { name: "error", letter: "E", colour: "error" },
  { name: "fatal", letter: "F", colour: "error" },
];

/** From most to least severe: the order in which charts stack them, from the axis up. */
export const SEVERITIES: readonly Severity[] = [...STEPS].reverse().concat(UNSET);

export function severityOf(number: number): Severity {
  return number < 1 || number > 24 ? UNSET : STEPS[Math.floor((number - 1) / 4)]!;
}

/** By name or number, as a histogram's group says it. */
export function severityNamed(group: string): Severity {
  const lower = group.toLowerCase();
  const number = Number(group);
  if (group !== "" && Number.isInteger(number)) return severityOf(number);
  return STEPS.find((step) => lower.startsWith(step.name)) ?? (lower.startsWith("err") ? STEPS[4]! : UNSET);
}
