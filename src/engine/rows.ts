import type { Engine, EngineParameters } from "./engine.ts";

/** Runs a SELECT of ours and answers its rows as arrays; 64-bit integers are strings. For small results. */
export async function readRows<Row extends readonly unknown[]>(
  engine: Pick<Engine, "read">,
  sql: string,
  parameters: EngineParameters = {},
  signal?: AbortSignal,
): Promise<Row[]> {
  const { bytes } = await engine.read({ sql, parameters, format: "JSONCompactEachRow" }, signal);
  return Buffer.from(bytes)
    .toString()
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Row]));
}
