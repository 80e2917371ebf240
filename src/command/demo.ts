import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DemoReveal, DemoState } from "#api/contract/shapes.ts";
import { startProgram } from "#compose/program.ts";
import { Failure } from "#runtime/failure.ts";
import { createLog } from "#runtime/log.ts";
import { text } from "./api-client.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { SETTING_OPTIONS, settingsOf } from "./serve.ts";
import { programVersion } from "./version.ts";

/** What dist/demo offers. The shop is a system of its own, built beside the program and loaded only here. */
interface ShopModule {
  startShop(options: { dataDir: string; otlpEndpoint: string; log: (line: string) => void }): Promise<Shop>;
}
interface Shop {
  readonly ports: Readonly<Record<string, number>>;
  readonly control: ShopControl;
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}
interface ControlModule {
  connectControl(dataDir: string): ShopControl;
}
interface ShopControl {
  state(): Promise<DemoState>;
  break(): Promise<DemoState>;
  reveal(): Promise<DemoReveal>;
  stop(): Promise<void>;
}

const MARK = "traceo-demo.txt";

export const demo: Command = {
  name: "demo",
  summary: "Run Traceo with a small shop that sends telemetry; break it and find out why.",
  usage: "[start|break|reveal|status|stop|delete] [options]",
  description: [
    "  start   run Traceo and the shop until interrupted (the default)",
    "  break   cause one trouble at random, without naming it",
    "  reveal  say what was done, and undo it",
    "  status  say whether the shop runs and is broken",
    "  stop    stop a demo that runs elsewhere",
    "  delete  remove the demo's data",
  ].join("\n"),
  options: SETTING_OPTIONS,
  examples: ["npm run demo", "npm run demo -- break", "npm run demo -- reveal"],
  run: async (invocation) => {
    const [action = "start", ...rest] = invocation.positionals;
    const run = Object.hasOwn(ACTIONS, action) && rest.length === 0 ? ACTIONS[action] : undefined;
    if (run === undefined) {
      invocation.err(`traceo demo: say one of ${Object.keys(ACTIONS).join(", ")}.\n`);
      return EXIT.usage;
    }
    return await run(resolve(text(invocation, "data") ?? "traceo-demo"), invocation);
  },
};

const ACTIONS: Readonly<Record<string, (folder: string, invocation: Invocation) => Promise<number>>> = {
  start,
  break: async (folder, { out }) => {
    await (await connect(folder)).break();
    out("Something is broken now. Within a minute Home ranks it; find the cause, then `npm run demo -- reveal`.\n");
    return EXIT.ok;
  },
  reveal: async (folder, { out }) => {
    const reveal = await (await connect(folder)).reveal();
    out(`${reveal.title}\n  ${reveal.explanation}\n  Affected: ${reveal.affected}\n  It is undone.\n`);
    return EXIT.ok;
  },
  status: async (folder, { out }) => {
    const state = await (await connect(folder)).state();
    out(
      `The shop ${state.running ? "runs" : "does not run"}${state.broken ? ` and is broken since ${new Date(state.brokenSinceMs ?? 0).toISOString()}` : ""}.\n`,
    );
    return EXIT.ok;
  },
  stop: async (folder, { out }) => {
    await (await connect(folder)).stop();
    out("The demo stops. Its data is kept; `npm run demo -- delete` removes it.\n");
    return EXIT.ok;
  },
  delete: async (folder, { out }) => {
    if (!existsSync(folder)) {
      out(`There is no demo data at ${folder}.\n`);
      return EXIT.ok;
    }
    // Never remove a folder that this command did not make.
    if (!existsSync(join(folder, MARK)))
      throw new Failure("config-invalid", `${folder} was not made by \`traceo demo\`.`, {
        remedy: "Name the demo's folder with --data.",
      });
    if (await isRunning(folder))
      throw new Failure("data-in-use", "The demo still runs.", { remedy: "Stop it first: `npm run demo -- stop`." });
    // Below a closed home directory PostgreSQL runs elsewhere, and says where.
    const elsewhere = join(folder, "shop", "postgres-lies-in");
    if (existsSync(elsewhere)) rmSync(readFileSync(elsewhere, "utf8").trim(), { recursive: true, force: true });
    rmSync(folder, { recursive: true });
    out(`Removed ${folder}.\n`);
    return EXIT.ok;
  },
};

async function start(folder: string, invocation: Invocation): Promise<number> {
  const settings = settingsOf(invocation, { data: join(folder, "telemetry") });
  const log = createLog({ write: invocation.err });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, MARK), "Data of `traceo demo`. `npm run demo -- delete` removes this folder.\n");
  const { startShop } = await load<ShopModule>("shop.js");
  let shop: Shop | undefined;
  const running = (): ShopControl => {
    if (shop === undefined) throw new Failure("unavailable", "The shop is still starting.", { retryAfterSeconds: 2 });
    return shop.control;
  };
  await using program = await startProgram(
    { ...settings, data: text(invocation, "data") === undefined ? settings.data : join(folder, "telemetry") },
    {
      version: programVersion(),
      log,
      demo: {
        state: async () =>
          shop === undefined ? { running: false, broken: false, brokenSinceMs: null } : await shop.control.state(),
        break: async () => await running().break(),
        reveal: async () => await running().reveal(),
      },
    },
  );
  if (program.otlpHttpUrl === undefined)
    throw new Failure("config-invalid", "The demo needs OTLP over HTTP; do not switch --otlp-http off.");
  invocation.out(`${program.readyLine}\nstarting the shop …\n`);
  shop = await startShop({
    dataDir: join(folder, "shop"),
    otlpEndpoint: program.otlpHttpUrl,
    log: (line) => log.info(line),
  });
  invocation.out(
    [
      "",
      `  Look      ${program.url}`,
      "  Break     npm run demo -- break      then find out why; `npm run demo -- reveal` says it and undoes it",
      "  Stop      Ctrl-C, or npm run demo -- stop",
      `  Data      ${folder}      npm run demo -- delete removes it`,
      "",
      "",
    ].join("\n"),
  );
  const interrupted = new Promise<void>((done) => {
    if (invocation.signal.aborted) done();
    else invocation.signal.addEventListener("abort", () => done(), { once: true });
  });
  await Promise.race([interrupted, shop.stopped]);
  await shop.stop();
  return (await program.close()) ? EXIT.ok : EXIT.failed;
}

async function connect(folder: string): Promise<ShopControl> {
  const { connectControl } = await load<ControlModule>("control-client.js");
  try {
    return connectControl(join(folder, "shop"));
  } catch (error) {
    throw new Failure("unavailable", "No demo runs here.", {
      cause: error,
      remedy: "Start it with `npm run demo`, or name its folder with --data.",
    });
  }
}

async function isRunning(folder: string): Promise<boolean> {
  try {
    return (await (await connect(folder)).state()).running;
  } catch {
    return false;
  }
}

async function load<Module>(file: string): Promise<Module> {
  return (await import(new URL(`../demo/${file}`, import.meta.url).href)) as Module;
}
