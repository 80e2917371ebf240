import { describe, expect, it } from "vitest";
import { cutText, isPlain, pieces, plainText, safeLink } from "./hostile.ts";

const marks = (text: string, lines = false): string[] =>
  pieces(text, lines).flatMap((piece) => (piece.kind === "mark" ? [piece.mark] : []));

describe("hostile text", () => {
  it("leaves ordinary text alone, in any script", () => {
    for (const text of ["GET /cart", "Überraschung", "日本語", "שלום", "<script>alert(1)</script>"])
      expect(pieces(text)).toEqual([{ kind: "text", text }]);
  });

  it("marks what reorders, hides or breaks", () => {
    expect(marks("user\u202Enimda")).toEqual(["U+202E"]);
    expect(marks("a\u0000b\u001b[31mc")).toEqual(["U+0000", "U+001B"]);
    expect(marks("x\u200by\ufeffz\u2066")).toEqual(["U+200B", "U+FEFF", "U+2066"]);
    expect(marks("tag\u{e0041}")).toEqual(["U+E0041"]);
    expect(marks("lone\ud800")).toEqual(["U+D800"]);
    expect(pieces("\u202e")[0]).toMatchObject({ name: "U+202E right-to-left override" });
  });

  it("keeps lines where lines are shown", () => {
    expect(marks("a\nb\tc")).toEqual(["↵", "⇥"]);
    expect(marks("a\nb\tc\r", true)).toEqual(["U+000D"]);
  });

  it("keeps emoji sequences whole", () => {
    expect(isPlain("👍")).toBe(true);
    expect(marks("👩‍💻 and 🏳️‍🌈")).toEqual([]);
    expect(marks("a\u200db")).toEqual(["U+200D"]);
  });

  it("loses no character", () => {
    const text = "a\u202eb\nc👩‍💻d\u0007";
    const shown = pieces(text).reduce((sum, piece) => sum + (piece.kind === "text" ? piece.text.length : 1), 0);
    expect(shown).toBe(text.length);
  });

  it("makes one safe line for titles", () => {
    expect(plainText("a\u202eb\nc")).toBe("a⟨U+202E⟩b c");
    expect(plainText("x".repeat(500))).toHaveLength(401);
  });

  it("cuts without splitting a character", () => {
    expect(cutText("ab👍", 3)).toBe("ab");
    expect(cutText("ab👍", 4)).toBe("ab👍");
  });

  it("opens only http and https", () => {
    expect(safeLink("https://example.com/a?b=1")).toBe("https://example.com/a?b=1");
    for (const bad of [
      "javascript:alert(1)",
      "data:text/html,x",
      "//example.com",
      "https://u:p@example.com",
      "http://a b",
      "https://x/\u202e",
      "ftp://x",
    ])
      expect([bad, safeLink(bad)]).toEqual([bad, null]);
  });
});
