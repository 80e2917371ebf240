export interface ReadCost {
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** ClickHouse closes an answer in JSON or JSONCompact with these; nothing that a row holds can stand so near to the end. */
const CLOSING = /"statistics":\s*\{\s*"elapsed": [\d.e+-]+,\s*"rows_read": (\d+),\s*"bytes_read": (\d+)\s*\}\s*\}\s*$/;
const CLOSING_BYTES = 400;

/**
 * What a read cost, rows and bytes taken from storage. The embedded engine's summary counts the rows of the result instead,
 * so the answer's own closing words come first, where its format has them.
 */
export function readCost(
  bytes: Buffer,
  summary: { readonly read_rows?: string; readonly read_bytes?: string } | undefined,
): ReadCost {
  const closing = CLOSING.exec(bytes.toString("latin1", Math.max(0, bytes.length - CLOSING_BYTES)));
  return {
    rowsRead: Number(closing?.[1] ?? summary?.read_rows ?? 0),
    bytesRead: Number(closing?.[2] ?? summary?.read_bytes ?? 0),
  };
}
