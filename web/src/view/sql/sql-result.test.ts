import { describe, expect, it } from "vitest";
import { cellText, chartOf, columnWidths, csvOf, isNumeric, isTime, readResult, timeOf } from "./sql-result.ts";

const statistics = { elapsedMs: 1, rowsRead: 2, bytesRead: 3, partial: false };
const column = (name: string, type: string) => ({ name, type });

describe("sql result", () => {
  it("reads JSONCompact and its cost", () => {
    const result = readResult(
      '{"meta":[{"name":"n","type":"UInt64"}],"data":[["18446744073709551615"]]}',
      JSON.stringify(statistics),
    );
    expect(cellText(result.rows[0]![0])).toBe("18446744073709551615");
    expect(result.statistics).toEqual(statistics);
  });

  it("makes columns as wide as they need, within bounds", () => {
    const widths = columnWidths({
      columns: [column("n", "UInt64"), column("service_name", "String"), column("long", "String")],
      rows: [
        ["1", "checkout", "x".repeat(5000)],
        [null, "a-service-with-a-name", ""],
      ],
      statistics,
    });
    expect(widths).toEqual([72, 200, 560]);
  });

  it("knows numbers and times by type", () => {
    for (const type of ["UInt8", "Nullable(Float64)", "Int64", "Decimal(9, 2)"])
      expect([type, isNumeric(type)]).toEqual([type, true]);
    for (const type of ["DateTime", "DateTime64(9, 'UTC')", "Date", "Nullable(DateTime)"])
      expect([type, isTime(type)]).toEqual([type, true]);
    for (const type of ["String", "Map(String, String)", "LowCardinality(String)"])
      expect([type, isNumeric(type), isTime(type)]).toEqual([type, false, false]);
    expect(timeOf("2026-07-01 10:00:00.123456789")).toBe(Date.UTC(2026, 6, 1, 10, 0, 0, 123));
    expect(timeOf("soon")).toBeNull();
  });

  it("makes a chart of time and numbers, with gaps", () => {
    const chart = chartOf({
      columns: [column("minute", "DateTime"), column("spans", "UInt64")],
      rows: [
        ["2026-07-01 10:03:00", "4"],
        ["2026-07-01 10:00:00", "1"],
        ["2026-07-01 10:01:00", "2"],
      ],
      statistics,
    });
    expect(chart).toEqual({
      startMs: Date.UTC(2026, 6, 1, 10),
      stepMs: 60_000,
      series: [{ label: "spans", values: [1, 2, null, 4] }],
    });
  });

  it("makes a line per text, and none where it makes no sense", () => {
    const rows = [
      ["2026-07-01 10:00:00", "cart", 1],
      ["2026-07-01 10:01:00", "cart", 2],
      ["2026-07-01 10:01:00", "payment", 5],
    ];
    const columns = [column("t", "DateTime"), column("service", "String"), column("n", "UInt8")];
    expect(chartOf({ columns, rows, statistics })!.series).toEqual([
      { label: "cart", values: [1, 2] },
      { label: "payment", values: [null, 5] },
    ]);
    expect(chartOf({ columns: columns.slice(1), rows: rows.map((row) => row.slice(1)), statistics })).toBeNull();
  });

  it("writes CSV that a spreadsheet does not run", () => {
    expect(
      csvOf({
        columns: [column("a", "String"), column("b", "Int8")],
        rows: [
          ['=HYPERLINK("x")', -1],
          ["a,b\n", null],
        ],
        statistics,
      }),
    ).toBe('a,b\r\n"\'=HYPERLINK(""x"")",-1\r\n"a,b\n",');
  });
});
