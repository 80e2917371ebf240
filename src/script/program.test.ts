import { describe, expect, it } from "vitest";
import { asWritten, natives } from "./natives.suite.ts";
import { openScript } from "./open-script.ts";
import { randomProgram } from "./program.suite.ts";

/** What it logs, and how it ends. */
async function outcome(run: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await run();
  } catch (error) {
    return [`ended by ${String(error)}`];
  }
}

async function transformed(program: string): Promise<readonly string[]> {
  const script = await openScript({
    entry: "/program.js",
    source: program,
    readFile: (path) => {
      throw new Error(`reads ${path}`);
    },
    ours: () => undefined,
    globals: natives,
  });
  const logs = await Promise.all(
    [1, 2].map(async (id) => {
      const host = { log: [] as string[] };
      const user = await script.createUser(id, host);
      await user.call("default", []);
      return host.log;
    }),
  );
  expect(logs[1]).toEqual(logs[0]);
  expect(script.reallyBlocked()).toEqual([]);
  return logs[0]!;
}

/** `PROGRAMS=5000 SEED=1 npx vitest run src/script/program.test.ts` looks further. */
const count = Number(process.env["PROGRAMS"] ?? 100);
const firstSeed = Number(process.env["SEED"] ?? 1);

describe("random programs", () => {
  it(`${count} of them log what they log as written`, async () => {
    let lines = 0;
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      const program = randomProgram(seed, { withPlacesThatBlock: false });
      const expected = await outcome(() => asWritten(program));
      lines += expected.length;
      expect(await outcome(() => transformed(program)), `seed ${seed}:\n${program}`).toEqual(expected);
    }
    expect(lines).toBeGreaterThan(count);
  });
});
