import type { LogLine, RunProgress, ScenarioProgress } from "#load/load-run.ts";

const STAGES: Readonly<Record<RunProgress["stage"], string>> = {
  loading: "reading the script",
  preparing: "making users",
  paused: "paused",
  setup: "setup()",
  running: "running",
  teardown: "teardown()",
  summary: "summing up",
  ended: "done",
};

/** `1m05s`, `12.3s`. */
export function printElapsed(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return `${hours > 0 ? `${hours}h` : ""}${String(minutes).padStart(hours > 0 ? 2 : 1, "0")}m${String(whole % 60).padStart(2, "0")}s`;
}

const count = (value: number): string => Math.round(value).toLocaleString("en-US");

function headline(progress: RunProgress): string {
  const { stage, elapsedMs, plannedMs, activeUsers, users } = progress;
  const parts = [
    stage === "running"
      ? `running ${printElapsed(elapsedMs)} of ${printElapsed(plannedMs)}`
      : `${STAGES[stage]}${elapsedMs > 0 ? `, ran ${printElapsed(elapsedMs)}` : ""}`,
    `${count(activeUsers)}/${count(users)} users`,
    `${count(progress.scenarios.reduce((sum, { completed }) => sum + completed, 0))} iterations, ${count(progress.iterationsPerSecond)}/s`,
  ];
  if (progress.requests > 0) {
    const p95 = progress.requestP95Ms === undefined ? "" : `, p95 ${progress.requestP95Ms.toFixed(1)} ms`;
    parts.push(`${count(progress.requestsPerSecond)} requests/s${p95}`);
  }
  const dropped = progress.scenarios.reduce((sum, scenario) => sum + scenario.dropped, 0);
  if (dropped > 0) parts.push(`${count(dropped)} dropped`);
  return parts.join(" · ");
}

export function printBar(fraction: number, width: number): string {
  const filled = Math.round(Math.max(0, Math.min(1, fraction)) * width);
  return `[${"=".repeat(Math.max(0, filled - 1))}${filled > 0 ? (filled < width ? ">" : "=") : ""}${"-".repeat(width - filled)}]`;
}

function scenarioLine(scenario: ScenarioProgress, nameWidth: number, barWidth: number): string {
  const mark = scenario.state === "ended" ? "✓" : scenario.state === "waiting" ? "·" : " ";
  const rate = scenario.targetRate === undefined ? "" : `  ${scenario.targetRate.toFixed(1)} iterations/s wanted`;
  const interrupted = scenario.interrupted > 0 ? `, ${count(scenario.interrupted)} interrupted` : "";
  const dropped = scenario.dropped > 0 ? `, ${count(scenario.dropped)} dropped` : "";
  return `${scenario.name.padEnd(nameWidth)} ${mark} ${printBar(scenario.progress, barWidth)} ${String(Math.floor(scenario.progress * 100)).padStart(3)}%  ${count(scenario.activeUsers)} users  ${count(scenario.completed)} done${interrupted}${dropped}${rate}`;
}

/** The state of a run as a block of lines, none wider than the terminal. */
export function printScreen(progress: RunProgress, columns: number): readonly string[] {
  const nameWidth = Math.min(24, Math.max(0, ...progress.scenarios.map(({ name }) => name.length)));
  const barWidth = Math.max(8, Math.min(30, columns - nameWidth - 50));
  const lines = [
    headline(progress),
    ...progress.scenarios.map((scenario) => scenarioLine(scenario, nameWidth, barWidth)),
    ...progress.thresholds.map(
      ({ metric, source, verdict, observed }) =>
        `${verdict === "passed" ? "✓" : verdict === "failed" ? "✗" : "?"} ${metric} ${source}${observed === undefined ? "" : `: ${Number(observed.toPrecision(4))}`}`,
    ),
  ];
  return lines.map((line) => (line.length > columns ? `${line.slice(0, Math.max(0, columns - 1))}…` : line));
}

/** One line for logs and pipes. */
export function printPlain(progress: RunProgress): string {
  const scenarios = progress.scenarios.map(
    ({ name, progress: done, state }) => `${name} ${state === "waiting" ? "waits" : `${Math.floor(done * 100)}%`}`,
  );
  const failed = progress.thresholds.filter(({ verdict }) => verdict === "failed");
  return [
    headline(progress),
    scenarios.join(", "),
    ...(failed.length === 0
      ? []
      : [`crossed: ${failed.map(({ metric, source }) => `${metric} ${source}`).join(", ")}`]),
  ].join(" · ");
}

const LEVELS = { debug: "DEBU", info: "INFO", warn: "WARN", error: "ERRO" } as const;

/** As k6 writes it: short on a terminal, `key=value` pairs elsewhere. */
export function printLogLine(line: LogLine, elapsedMs: number, isTerminal: boolean, now: Date): string {
  const source = line.source === "console" ? "  source=console" : "";
  if (isTerminal)
    return `${LEVELS[line.level]}[${String(Math.floor(elapsedMs / 1000)).padStart(4, "0")}] ${line.text}${source}`;
  const level = line.level === "warn" ? "warning" : line.level;
  return `time="${now.toISOString().replace(/\.\d+Z$/, "Z")}" level=${level} msg=${JSON.stringify(line.text)}${source.trim() === "" ? "" : ` ${source.trim()}`}`;
}

export interface LoadScreen {
  progress(progress: RunProgress): void;
  log(line: LogLine): void;
  /** Takes the live lines away. */
  close(): void;
}

export interface ScreenOptions {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  readonly columns: () => number;
  /** Log lines only. */
  readonly isQuiet: boolean;
  /** Where console lines of the script go, when not here. */
  readonly writeConsole?: (text: string) => void;
  readonly isVerbose: boolean;
}

/** Lines between which a log without a terminal is left in peace. */
const PLAIN_MS = 10_000;

/** Draws a run that goes on: a block that is redrawn on a terminal, a line every ten seconds elsewhere. Log lines go above it. */
export function openLoadScreen({
  write,
  isTerminal,
  columns,
  isQuiet,
  writeConsole,
  isVerbose,
}: ScreenOptions): LoadScreen {
  const startMs = performance.now();
  let drawn: readonly string[] = [];
  let lastPlainMs = Number.NEGATIVE_INFINITY;
  let lastStage = "";
  const erase = (): void => {
    if (drawn.length > 0) write(`\x1b[${drawn.length}A\x1b[0J`);
  };
  const draw = (): void => {
    if (drawn.length > 0) write(`${drawn.join("\n")}\n`);
  };
  return {
    progress: (progress) => {
      if (isQuiet) return;
      if (isTerminal) {
        erase();
        drawn = printScreen(progress, columns());
        draw();
        return;
      }
      const now = performance.now();
      if (progress.stage === lastStage && now - lastPlainMs < PLAIN_MS) return;
      lastStage = progress.stage;
      lastPlainMs = now;
      write(`${printPlain(progress)}\n`);
    },
    log: (line) => {
      if (line.level === "debug" && !isVerbose) return;
      const text = `${printLogLine(line, performance.now() - startMs, isTerminal, new Date())}\n`;
      if (line.source === "console" && writeConsole !== undefined) {
        writeConsole(text);
        return;
      }
      erase();
      write(text);
      draw();
    },
    close: () => {
      erase();
      drawn = [];
    },
  };
}
