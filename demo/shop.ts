import { randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Command } from "./channel.ts";
import { connectControl, type DemoControl } from "./control-client.ts";
import { openControlServer } from "./control-server.ts";
import { type Detours, openDetours } from "./detours.ts";
import type { DatabaseAddress, Directory, Instance, ServiceName } from "./directory.ts";
import { createRandom } from "./random.ts";
import { openServiceProcess, type ProcessPlan, type ServiceProcess } from "./service-process.ts";
import { createTroubleDesk } from "./trouble-desk.ts";
import { CART_VERSIONS, CHECKOUT_VERSIONS } from "./troubles.ts";

/*
 * The supervisor: starts every part as its own process, tells each where the others are, starts again what crashed, and
 * makes and undoes troubles. When it dies, however it dies, all parts leave: their line to it closes.
 */

export interface ShopOptions {
  /** Where the database and the control file lie. Created when missing. */
  readonly dataDir: string;
  /** OTLP over HTTP, without the path: `http://127.0.0.1:4318`. Need not answer yet. */
  readonly otlpEndpoint: string;
  /** The first of a run of ports, one for each process. Without it each takes a free one. */
  readonly basePort?: number;
  /** New customers a second, about six actions each. */
  readonly customersPerSecond?: number;
  /** Replays the customers and the order of random troubles. */
  readonly seed?: number;
  /**
   * A fault proxy's API (`traceo chaos proxy`). The shop's parts then reach each other and the database through proxies there,
   * named `cart-2.4.0`, `gateway-3.8.0`, …, `database`, so that an experiment can harm the network between them.
   */
  readonly faultProxy?: string;
  /** With a fault proxy: try again beside an answer that is this late (default 500). 0: never. */
  readonly hedgeAfterMs?: number;
  /** What the parts print on stderr, and what the supervisor does about it. */
  readonly log: (line: string) => void;
}

export interface Shop {
  /** `"checkout 1.5.0"` → port. */
  readonly ports: Readonly<Record<string, number>>;
  /** The pids of all parts that run now. */
  pids(): readonly number[];
  readonly control: DemoControl;
  /** Resolves when the shop has closed, whoever closed it. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

const DEFAULT_CUSTOMERS_PER_SECOND = 1.3;

type Part = readonly [service: ServiceName, version: string, heapMb: number];
const CUSTOMERS: Part = ["customers", "1.0.0", 32];
const PARTS: readonly Part[] = [
  ["postgresql", "18.4.0", 48],
  ["gateway", "3.8.0", 40],
  ["catalogue", "5.2.1", 40],
  ...CART_VERSIONS.map((version): Part => ["cart", version, 48]),
  ...CHECKOUT_VERSIONS.map((version): Part => ["checkout", version, 40]),
  ["payment", "2.1.0", 40],
  ["partners", "1.0.0", 32],
  ["worker", "1.9.3", 40],
];

/** Starts the shop; resolves when customers come. Rejects, with everything stopped again, when a part cannot start. */
export async function startShop(options: ShopOptions): Promise<Shop> {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const seed = options.seed ?? randomInt(2 ** 31);
  const environment = {
    SHOP_DATA: dataDir,
    SHOP_OTLP_ENDPOINT: options.otlpEndpoint.replace(/\/+$/, ""),
    SHOP_SEED: String(seed),
    SHOP_CUSTOMERS_PER_SECOND: String(options.customersPerSecond ?? DEFAULT_CUSTOMERS_PER_SECOND),
    ...(options.faultProxy === undefined ? {} : { SHOP_HEDGE_AFTER_MS: String(options.hedgeAfterMs ?? 500) }),
  };
  const detours = openDetours(options.faultProxy);
  const plan = ([service, version, heapMb]: Part, index: number): ProcessPlan => ({
    service,
    version,
    heapMb,
    port: options.basePort === undefined ? 0 : options.basePort + index,
    environment,
  });
  const processes: ServiceProcess[] = [];

  const announce = (): void => {
    const directory = directoryOf(processes, detours);
    for (const process of processes) process.send(directory);
  };
  const command = (service: ServiceName, version: string | null, order: Command): Promise<void> => {
    const process = processes.find(
      (candidate) => candidate.plan.service === service && (version === null || candidate.plan.version === version),
    );
    return process === undefined ? Promise.reject(new Error(`no ${service} is running`)) : process.command(order);
  };
  const desk = createTroubleDesk({ random: createRandom(seed), command, now: Date.now });
  const onReady = ({ plan: { service, version } }: ServiceProcess): void => {
    announce();
    desk.restore(service, version).catch((error: Error) => options.log(`${service} ${version}: ${error.message}`));
  };
  const start = async (part: ProcessPlan): Promise<void> => {
    const process = await openServiceProcess(part, { onReady, log: options.log });
    const { port = 0, database = null } = process.state ?? {};
    if (port !== 0) await detours.lead(`${part.service}-${part.version}`, port);
    if (database !== null) await detours.lead("database", database.port);
    processes.push(process);
    announce();
  };
  const stopProcesses = async (): Promise<void> => {
    // First nobody asks any more, then nobody needs the database.
    const isLast = ({ plan: { service } }: ServiceProcess): boolean => service === "postgresql";
    const isFirst = ({ plan: { service } }: ServiceProcess): boolean => service === "customers";
    for (const group of [
      processes.filter(isFirst),
      processes.filter((process) => !isFirst(process) && !isLast(process)),
      processes.filter(isLast),
    ])
      await Promise.all(group.map((process) => process.stop()));
  };

  let stopping: Promise<void> | null = null;
  let control: { close(): Promise<void> } | null = null;
  let onStopping: (finished: Promise<void>) => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    onStopping = resolve;
  });
  const stop = (): Promise<void> => {
    stopping ??= Promise.resolve(control?.close()).then(stopProcesses);
    onStopping(stopping);
    return stopping;
  };

  try {
    const started = await Promise.allSettled(PARTS.map((part, index) => start(plan(part, index))));
    const failed = started.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await start(plan(CUSTOMERS, PARTS.length));
    control = await openControlServer({ dataDir, desk, onStop: () => void stop() });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ports: Object.fromEntries(
      processes.flatMap(({ plan: { service, version }, state }) =>
        state === null || state.port === 0
          ? []
          : [[`${service} ${version}`, detours.portOf(`${service}-${version}`, state.port)]],
      ),
    ),
    pids: () => processes.flatMap(({ pid }) => (pid === null ? [] : [pid])),
    control: connectControl(dataDir),
    stopped,
    stop,
  };
}

function directoryOf(processes: readonly ServiceProcess[], detours: Detours): Directory {
  const services: Partial<Record<ServiceName, Instance[]>> = {};
  let database: DatabaseAddress | null = null;
  for (const { plan, address } of processes) {
    if (address === null) continue;
    if (address.database !== null)
      database = { ...address.database, port: detours.portOf("database", address.database.port) };
    const port = detours.portOf(`${plan.service}-${plan.version}`, address.port);
    services[plan.service] = [...(services[plan.service] ?? []), { version: plan.version, port }];
  }
  for (const instances of Object.values(services)) instances.sort((a, b) => (a.version < b.version ? -1 : 1));
  return { database, services };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: "string", default: "./shop-data" },
      otlp: { type: "string", default: "http://127.0.0.1:4318" },
      "customers-per-second": { type: "string" },
      seed: { type: "string" },
      "fault-proxy": { type: "string" },
      "hedge-after-ms": { type: "string" },
    },
  });
  const started = performance.now();
  const shop = await startShop({
    dataDir: values.data,
    otlpEndpoint: values.otlp,
    ...(values["customers-per-second"] === undefined
      ? {}
      : { customersPerSecond: Number(values["customers-per-second"]) }),
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
    ...(values["fault-proxy"] === undefined ? {} : { faultProxy: values["fault-proxy"] }),
    ...(values["hedge-after-ms"] === undefined ? {} : { hedgeAfterMs: Number(values["hedge-after-ms"]) }),
    log: (line) => console.error(line),
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`the shop is open after ${seconds} s, its gateway on http://127.0.0.1:${shop.ports["gateway 3.8.0"]}`);
  console.log(
    `it sends its telemetry to ${values.otlp} and keeps its data in ${resolve(values.data)}; Ctrl-C closes it`,
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void shop.stop());
  await shop.stopped;
  process.exit(0);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
