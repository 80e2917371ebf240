import { describe, expect, it } from "vitest";
import { createPostgresLogReader, type PostgresEntry } from "./postgres-log.ts";

const LOG = `2026-11-25 00:10:00.123 UTC [71] checkout-1.4.2 LOG:  process 71 still waiting for ShareLock on transaction 9 after 400.1 ms
2026-11-25 00:10:00.123 UTC [71] checkout-1.4.2 STATEMENT:  UPDATE stock SET available = 1
2026-11-25 00:10:01.000 UTC [72] catalogue-5.2.1 LOG:  duration: 512.300 ms  plan:
\tQuery Text: SELECT 1
\tSeq Scan on listings_eu_west
2026-11-25 00:10:04.000 UTC [71] checkout-1.4.2 ERROR:  canceling statement due to lock timeout
`;

function read(chunks: readonly string[]): readonly PostgresEntry[] {
  const entries: PostgresEntry[] = [];
  const reader = createPostgresLogReader((entry) => entries.push(entry));
  for (const chunk of chunks) reader.push(chunk);
  reader.flush();
  return entries;
}

describe("PostgreSQL's log", () => {
  it("is cut into entries, continued lines kept together", () => {
    const entries = read([LOG]);
    expect(entries.map(({ level }) => level)).toEqual(["LOG", "LOG", "LOG", "ERROR"]);
    expect(entries[2]?.text).toContain("plan:\n\tQuery Text: SELECT 1\n\tSeq Scan on listings_eu_west");
    expect(entries[0]?.time.toISOString()).toBe("2026-11-25T00:10:00.123Z");
  });

  it("reads the same however the bytes arrive", () => {
    expect(read([...LOG])).toEqual(read([LOG]));
  });

  it("keeps a line without a time", () => {
    expect(read(["could not start\n"])[0]).toMatchObject({ text: "could not start", level: "LOG" });
  });
});
