import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { DatabaseAddress, Directory, Instance, ServiceName } from "./directory.ts";
import { openServiceProcess, type ProcessPlan, type ServiceProcess } from "./service-process.ts";

export interface ShopOptions {
  /** Where the database and the control file lie. Created when missing. */
  readonly dataDir: string;
  /** OTLP over HTTP, without the path: `http://127.0.0.1:4318`. */
  readonly otlpEndpoint: string;
  /** The first of a run of ports, one for each process. Without it each takes a free one. */
  readonly basePort?: number;
  /** New customers a second, about six actions each. */
  readonly customersPerSecond?: number;
  readonly seed?: number;
  readonly log: (line: string) => void;
}

export interface Shop {
  readonly ports: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

const DEFAULT_CUSTOMERS_PER_SECOND = 1.2;
const PROCESSES: readonly (readonly [service: ServiceName, version: string, heapMb: number])[] = [
  ["postgresql", "18.4.0", 48],
  ["gateway", "3.8.0", 64],
  ["catalogue", "5.2.1", 64],
];

/** Starts the shop; resolves when customers can come. Rejects, with everything stopped again, when a part cannot start. */
export async function startShop(options: ShopOptions): Promise<Shop> {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const environment = {
    SHOP_DATA: dataDir,
    SHOP_OTLP_ENDPOINT: options.otlpEndpoint.replace(/\/+$/, ""),
    SHOP_SEED: String(options.seed ?? 1),
    SHOP_CUSTOMERS_PER_SECOND: String(options.customersPerSecond ?? DEFAULT_CUSTOMERS_PER_SECOND),
  };
  const processes: ServiceProcess[] = [];

  const directory = (): Directory => {
    const services: Partial<Record<ServiceName, Instance[]>> = {};
    let database: DatabaseAddress | null = null;
    for (const { plan, state } of processes) {
      if (state === null) continue;
      database = state.database ?? database;
      services[plan.service] = [...(services[plan.service] ?? []), { version: plan.version, port: state.port }];
    }
    return { database, services };
  };
  const announce = (): void => {
    const current = directory();
    for (const process of processes) process.send(current);
  };
  const start = async (plan: ProcessPlan): Promise<void> => {
    processes.push(await openServiceProcess(plan, { onReady: announce, log: options.log }));
    announce();
  };
  const stop = async (): Promise<void> => {
    const of = (...services: readonly ServiceName[]) => processes.filter(({ plan }) => services.includes(plan.service));
    const last = of("postgresql");
    await Promise.all(of("customers").map((process) => process.stop()));
    await Promise.all(processes.filter((process) => !last.includes(process)).map((process) => process.stop()));
    await Promise.all(last.map((process) => process.stop()));
  };

  const plans = [...PROCESSES, ["customers", "1.0.0", 32] as const].map(
    ([service, version, heapMb], index): ProcessPlan => ({
      service,
      version,
      heapMb,
      port: options.basePort === undefined ? 0 : options.basePort + index,
      environment,
    }),
  );
  try {
    const inside = await Promise.allSettled(plans.slice(0, -1).map(start));
    const failed = inside.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await start(plans.at(-1)!);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ports: Object.fromEntries(
      processes
        .filter(({ state }) => state !== null && state.port !== 0)
        .map(({ plan, state }) => [`${plan.service} ${plan.version}`, state!.port]),
    ),
    stop,
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: "string", default: "./shop-data" },
      otlp: { type: "string", default: "http://127.0.0.1:4318" },
      "customers-per-second": { type: "string" },
      seed: { type: "string" },
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
    log: (line) => console.error(line),
  });
  console.log(
    `the shop is open after ${((performance.now() - started) / 1000).toFixed(1)} s: ${JSON.stringify(shop.ports)}`,
  );
  const close = (): void => {
    shop.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGINT", close);
  process.once("SIGTERM", close);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
