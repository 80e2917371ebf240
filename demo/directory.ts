/** The services of the shop, one file and at least one process each. */
export const SERVICES = [
  "gateway",
  "catalogue",
  "cart",
  "checkout",
  "payment",
  "partners",
  "worker",
  "customers",
  "postgresql",
] as const;
export type ServiceName = (typeof SERVICES)[number];

/** One running process of a service. Everything listens on loopback; only the port tells them apart. */
export interface Instance {
  readonly version: string;
  readonly port: number;
}

/** Where PostgreSQL listens and how a service signs in. */
export interface DatabaseAddress {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly name: string;
}

/** Who listens where. The supervisor sends a new one whenever a process came up. */
export interface Directory {
  readonly database: DatabaseAddress | null;
  readonly services: Readonly<Partial<Record<ServiceName, readonly Instance[]>>>;
}

/** FNV-1a, 32 bit: stable across processes, so that every service routes one session to the same version. */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  // One more round of mixing: the low bit of FNV-1a alone follows the last character.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** The instance that answers a session: versions run side by side and each session stays with one. */
export function chooseInstance(directory: Directory, service: ServiceName, stickyKey: string): Instance {
  const instances = directory.services[service] ?? [];
  if (instances.length === 0) throw new Error(`no ${service} is running`);
  return instances[stableHash(stickyKey) % instances.length]!;
}
