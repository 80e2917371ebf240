import { execFile } from "node:child_process";
import { connect } from "node:net";
import { describeError, isFailure } from "#runtime/failure.ts";
import type { Probe } from "../experiment-file.ts";
import { holds } from "./quantity.ts";

/** Numbers from Traceo, answered by whoever runs the experiment. Undefined when there is no row or no sample. */
export interface AskNumber {
  sql(statement: string, signal: AbortSignal): Promise<number | undefined>;
  metric(query: string, signal: AbortSignal): Promise<number | undefined>;
}

export interface ProbeResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, in words. */
  readonly detail: string;
  readonly value?: number;
  readonly tookMs: number;
}

const KEPT_TEXT = 300;

/** Looks once. Never throws: what goes wrong is a result that is not ok. */
export async function runProbe(probe: Probe, ask: AskNumber, stop: AbortSignal): Promise<ProbeResult> {
  const started = performance.now();
  const signal = AbortSignal.any([stop, AbortSignal.timeout(probe.within)]);
  let seen: Pick<ProbeResult, "ok" | "detail" | "value">;
  try {
    seen = await look(probe, ask, signal);
  } catch (error) {
    const isLate = signal.aborted && !stop.aborted;
    seen = { ok: false, detail: isLate ? `no answer within ${probe.within} ms` : reason(error) };
  }
  return { name: probe.name, ...seen, tookMs: Math.round(performance.now() - started) };
}

type Seen = Pick<ProbeResult, "ok" | "detail" | "value">;

async function look(probe: Probe, ask: AskNumber, signal: AbortSignal): Promise<Seen> {
  switch (probe.type) {
    case "http": {
      const { url, method, headers, body } = probe;
      const response = await fetch(url, {
        method,
        headers,
        signal,
        redirect: "manual",
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      const wanted = probe.status === undefined ? undefined : [probe.status].flat();
      const isStatus =
        wanted === undefined ? response.status >= 200 && response.status < 400 : wanted.includes(response.status);
      if (!isStatus) return { ok: false, detail: `status ${response.status}`, value: response.status };
      if (probe.contains !== undefined && !text.includes(probe.contains))
        return {
          ok: false,
          detail: `status ${response.status}, without \`${probe.contains}\``,
          value: response.status,
        };
      return { ok: true, detail: `status ${response.status}`, value: response.status };
    }
    case "tcp":
      await canConnect(probe.address, signal);
      return { ok: true, detail: "accepted" };
    case "command": {
      const { code, output } = await runCommand(probe.run, signal);
      if (code !== probe.exitCode)
        return { ok: false, detail: `exit code ${code}: ${output.slice(0, KEPT_TEXT)}`, value: code };
      if (probe.contains !== undefined && !output.includes(probe.contains))
        return {
          ok: false,
          detail: `output without \`${probe.contains}\`: ${output.slice(0, KEPT_TEXT)}`,
          value: code,
        };
      return { ok: true, detail: `exit code ${code}`, value: code };
    }
    case "sql":
    case "metric": {
      const value =
        probe.type === "sql" ? await ask.sql(probe.statement, signal) : await ask.metric(probe.query, signal);
      if (value === undefined) return { ok: false, detail: "no value" };
      const { comparison, bound } = probe.expect;
      const ok = holds(value, probe.expect);
      return { ok, detail: `${Number(value.toPrecision(6))}, expected ${comparison} ${bound}`, value };
    }
  }
}

function reason(error: unknown): string {
  const cause =
    error instanceof Error && !isFailure(error) && error.cause instanceof Error
      ? `: ${error.cause.message || (error.cause as NodeJS.ErrnoException).code}`
      : "";
  return `${describeError(error)}${cause}`.slice(0, KEPT_TEXT);
}

function canConnect(address: string, signal: AbortSignal): Promise<void> {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(address.slice(at + 1)), signal });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}

function runCommand(
  run: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly output: string }> {
  const [program, ...args] = run;
  return new Promise((resolve, reject) => {
    execFile(program!, args, { signal, killSignal: "SIGKILL", maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim();
      if (error === null) resolve({ code: 0, output });
      else if (typeof error.code === "number") resolve({ code: error.code, output });
      else reject(error);
    });
  });
}
