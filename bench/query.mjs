// How long people wait: `npm run bench -- query [--rows 10000000] [--data DIR]`. Loads that many spans and log lines over 24
// hours, then asks through the built program's HTTP API. Cold: the first question of its kind after a start, median of
// three starts (the system's own file cache stays). Warm: 15 more, each for a value not asked before. Then warm once more
// while OTLP arrives at half of the speed that the program took it with alone. A directory that is named is kept and used again.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startIngest } from "./query/ingest.mjs";
import { questions } from "./query/questions.mjs";
import { startServer } from "./query/server.mjs";
import { fillStore } from "./query/store.mjs";

const STARTS = 3;
const WARM = 15;

export async function run(print, args = []) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: "10000000" },
      data: { type: "string" },
      only: { type: "string", default: "" },
      "fill-only": { type: "boolean", default: false },
      "without-ingest": { type: "boolean", default: false },
    },
  });
  const rows = Number(values.rows);
  if (!(rows > 0)) throw new Error("--rows takes a number");
  const dataDir = values.data ?? mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "traceo-bench-"));
  mkdirSync(dataDir, { recursive: true });
  let server;
  try {
    const store = await fillStore(dataDir, rows, print);
    if (values["fill-only"]) return;
    const kinds = questions(store).filter(({ name }) => name.includes(values.only));
    const cold = new Map(kinds.map(({ name }) => [name, []]));
    for (let start = 0; start < STARTS; start++) {
      await server?.stop();
      server = await startServer(dataDir);
      // Whoever is first pays for the first connection: every start another.
      const turn = Math.floor((start * kinds.length) / STARTS);
      for (const kind of [...kinds.slice(turn), ...kinds.slice(0, turn)])
        cold.get(kind.name).push((await ask(server, kind.path(start))).ms);
    }
    const askAll = async (from, state) => {
      for (const kind of kinds) {
        const answers = [];
        const cpuMs = server.cpuMs();
        const refusals = [];
        for (let n = from; n < from + WARM; n++) {
          const answer = await ask(server, kind.path(n)).catch((error) => refusals.push(String(error).slice(0, 300)));
          if (typeof answer === "object") answers.push(answer);
        }
        if (answers.length === 0) {
          print({ figure: kind.name, rows, state, refused: refusals.length, because: refusals[0] });
          continue;
        }
        const times = answers.map(({ ms }) => ms);
        print({
          figure: kind.name,
          rows,
          state,
          p50Ms: round(quantile(times, 0.5)),
          maxMs: round(Math.max(...times)),
          // Of one question, everything in the two processes included: on a busy machine the steadier figure.
          cpuMs: Math.round((server.cpuMs() - cpuMs) / WARM),
          ...(kind.aimMs === undefined ? {} : { aimMs: kind.aimMs }),
          // The engine's cap holds inserts, merges and reads together: a read may be refused while much arrives.
          ...(refusals.length === 0 ? {} : { refused: refusals.length, because: refusals[0] }),
          rowsRead: quantile(
            answers.map(({ statistics }) => statistics?.rowsRead ?? 0),
            0.5,
          ),
        });
      }
    };
    for (const kind of kinds)
      print({ figure: kind.name, rows, state: "cold", p50Ms: round(quantile(cold.get(kind.name), 0.5)) });
    await askAll(STARTS, "warm");
    if (!values["without-ingest"]) {
      const ingest = await startIngest(server, print);
      await askAll(STARTS + WARM, "warm, ingest at half speed");
      print({ figure: "ingest meanwhile", rows, ...(await ingest.stop()) });
    }
  } finally {
    await server?.stop();
    if (values.data === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

async function ask(server, path) {
  const started = performance.now();
  const response = await fetch(`${server.url}${path}`);
  const text = await response.text();
  const ms = performance.now() - started;
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
  return { ms, statistics: JSON.parse(text).statistics };
}

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

const round = (value) => Math.round(value * 10) / 10;
