import { BlockList, isIP } from "node:net";

/** Addresses that connections may not go to, from `10.0.0.0/8` and single addresses. Throws on what is neither. */
export function parseRanges(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits, ...more] = range.split("/");
    const family = familyOf(address);
    const width = family === "ipv4" ? 32 : 128;
    const prefix = bits === undefined ? width : Number(bits);
    if (family === undefined || more.length > 0 || !/^\d+$/.test(bits ?? "0") || prefix > width)
      throw new Error(`"${range}" is no IP address or network`);
    list.addSubnet(address, prefix, family);
  }
  return list;
}

export function isInRange(list: BlockList, address: string): boolean {
  const family = familyOf(address);
  if (family === undefined) return false;
  if (list.check(address, family)) return true;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped !== undefined && list.check(mapped, "ipv4");
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const family = isIP(address);
  return family === 4 ? "ipv4" : family === 6 ? "ipv6" : undefined;
}

/** The addresses that `192.168.0.10-192.168.0.19`, `10.0.0.0/28` and single addresses stand for, at most `limit`. IPv4 ranges only. */
export function expandAddresses(parts: readonly string[], limit = 65_536): readonly string[] {
  const all: string[] = [];
  for (const part of parts) {
    if (isIP(part) !== 0) {
      all.push(part);
      continue;
    }
    const [first, last] = bounds(part);
    for (let at = first; at <= last && all.length < limit; at++) all.push(dotted(at));
  }
  return all;
}

function bounds(part: string): readonly [number, number] {
  const range = /^([\d.]+)-([\d.]+)$/.exec(part);
  if (range !== null && isIP(range[1]!) === 4 && isIP(range[2]!) === 4) return [numeric(range[1]!), numeric(range[2]!)];
  const network = /^([\d.]+)\/(\d+)$/.exec(part);
  if (network !== null && isIP(network[1]!) === 4 && Number(network[2]) <= 32) {
    const size = 2 ** (32 - Number(network[2]));
    const first = Math.floor(numeric(network[1]!) / size) * size;
    // The network's own address and its broadcast address are no hosts.
    return size > 2 ? [first + 1, first + size - 2] : [first, first + size - 1];
  }
  throw new Error(`"${part}" is no IP address, range or network`);
}

function numeric(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
