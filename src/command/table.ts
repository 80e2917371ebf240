/** Rows for a terminal: columns padded to their widest cell, the last one left as it is. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return `${[line(header.map((title) => title.toUpperCase())), ...rows.map(line)].join("\n")}\n`;
}

/** Telemetry is hostile text: control characters (escape sequences above all) and bidirectional marks must not reach a terminal. */
export function printable(text: string): string {
  return Array.from(text, (letter) =>
    isHostile(letter.charCodeAt(0)) ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}` : letter,
  ).join("");
}

function isHostile(code: number): boolean {
  if (code < 0x20) return code !== 0x09 && code !== 0x0a;
  if (code >= 0x7f && code <= 0x9f) return true;
  return code === 0x200e || code === 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/** Nanoseconds as people read them, three significant digits. */
export function printNanoseconds(ns: number): string {
  const [value, unit] =
    ns < 1e3 ? [ns, "ns"] : ns < 1e6 ? [ns / 1e3, "µs"] : ns < 1e9 ? [ns / 1e6, "ms"] : [ns / 1e9, "s"];
  return `${Number(value.toPrecision(3))} ${unit}`;
}

/** Decimal Unix nanoseconds as RFC 3339 in UTC with milliseconds. */
export function printTime(unixNano: string): string {
  return new Date(Number(BigInt(unixNano) / 1_000_000n)).toISOString();
}
