/** Numbers within the sentences of Home: at most three digits, with the unit people use. */
export function sayDuration(ns: number): string {
  for (const [size, unit] of [
    [60e9, "min"],
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "µs"],
  ] as const)
    if (ns >= size) return `${three(ns / size)} ${unit}`;
  return `${three(ns)} ns`;
}

export function sayShare(share: number): string {
  return `${three(share * 100)}%`;
}

export function sayBytes(bytes: number): string {
  for (const [size, unit] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ] as const)
    if (bytes >= size) return `${three(bytes / size)} ${unit}`;
  return `${three(bytes)} B`;
}

/** Minutes and hours of a UTC time. */
export function sayTime(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(11, 16)} UTC`;
}

function three(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
