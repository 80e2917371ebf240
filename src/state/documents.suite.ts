import { describe, expect, it } from "vitest";
import { isFailure } from "#runtime/failure.ts";
import { DOCUMENT_LIMITS, type DocumentDraft, type DocumentKey, type Documents } from "./documents.ts";

const key = (id: string, tenant = "default", kind = "view"): DocumentKey => ({ tenant, kind, id });
const draft = (content: unknown, name = "a view"): DocumentDraft => ({ name, owner: "ann", updatedMs: 5, content });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isFailure(error)) return error.code;
    throw error;
  }
  return "no failure";
}

/** What every adapter of Documents must do. `open` answers new, empty ones. */
export function describeDocuments(name: string, open: () => Promise<Documents>): void {
  describe(name, () => {
    it("keeps what was put and answers it as it is", async () => {
      await using documents = await open();
      const content = { panels: [{ q: "größe ✓", n: 1.5 }, null], nested: { a: [] } };
      const put = await documents.put(key("one"), draft(content), 0);
      expect(put).toEqual({ ...key("one"), version: put.version, ...draft(content) });
      expect(put.version).toBeGreaterThan(0);
      expect(await documents.get(key("one"))).toEqual(put);
      expect(await documents.get(key("two"))).toBeUndefined();
    });

    it("replaces only the version that the writer has seen", async () => {
      await using documents = await open();
      const first = await documents.put(key("one"), draft(1), 0);
      expect(await codeOf(documents.put(key("one"), draft(2), 0))).toBe("conflict");
      const second = await documents.put(key("one"), draft(2, "renamed"), first.version);
      expect(second.version).toBeGreaterThan(first.version);
      expect(await codeOf(documents.put(key("one"), draft(3), first.version))).toBe("conflict");
      expect(await documents.get(key("one"))).toMatchObject({ content: 2, name: "renamed" });
      expect(await codeOf(documents.put(key("other"), draft(3), first.version))).toBe("conflict");
    });

    it("lets one of many writers at once win", async () => {
      await using documents = await open();
      const { version } = await documents.put(key("one"), draft(0), 0);
      const codes = await Promise.all(
        Array.from({ length: 20 }, (_, n) => codeOf(documents.put(key("one"), draft(n + 1), version))),
      );
      expect(codes.filter((code) => code === "no failure")).toHaveLength(1);
      expect(codes.filter((code) => code === "conflict")).toHaveLength(19);
      expect((await documents.get(key("one")))!.content).toBe(codes.indexOf("no failure") + 1);
    });

    it("counts without losing an increment when writers try again", async () => {
      await using documents = await open();
      const add = async (): Promise<void> => {
        for (;;) {
          const found = await documents.get(key("count"));
          const next = ((found?.content as number | undefined) ?? 0) + 1;
          if ((await codeOf(documents.put(key("count"), draft(next), found?.version ?? 0))) === "no failure") return;
        }
      };
      await Promise.all(Array.from({ length: 15 }, add));
      expect((await documents.get(key("count")))!.content).toBe(15);
    });

    it("removes only the version that was seen, and never gives a version out again", async () => {
      await using documents = await open();
      const first = await documents.put(key("one"), draft(1), 0);
      expect(await codeOf(documents.remove(key("one"), first.version + 1))).toBe("conflict");
      await documents.remove(key("one"), first.version);
      expect(await documents.get(key("one"))).toBeUndefined();
      expect(await codeOf(documents.remove(key("one"), first.version))).toBe("not-found");
      const again = await documents.put(key("one"), draft(1), 0);
      expect(again.version).toBeGreaterThan(first.version);
      expect(await codeOf(documents.put(key("one"), draft(2), first.version))).toBe("conflict");
    });

    it("keeps tenants and kinds apart, and lists by id", async () => {
      await using documents = await open();
      for (const id of ["b", "a", "c-1", "B"]) await documents.put(key(id), draft(id), 0);
      await documents.put(key("a", "other"), draft("theirs"), 0);
      await documents.put(key("a", "default", "trail"), draft("trail"), 0);
      await documents.put(key("a", "default", "views"), draft("views"), 0);
      expect((await documents.list("default", "view")).map(({ id }) => id)).toEqual(["B", "a", "b", "c-1"]);
      expect((await documents.list("other", "view")).map(({ content }) => content)).toEqual(["theirs"]);
      expect(await documents.list("other", "trail")).toEqual([]);
      expect(await documents.get(key("b", "other"))).toBeUndefined();
    });

    it("refuses keys and contents that it cannot keep", async () => {
      await using documents = await open();
      for (const id of ["", "a/b", "../x", ".", "ä", "a".repeat(129)])
        expect(await codeOf(documents.put(key(id), draft(1), 0)), id).toBe("bad-request");
      expect(await codeOf(documents.put(key("one"), draft(undefined), 0))).toBe("bad-request");
      const most = "x".repeat(DOCUMENT_LIMITS.contentBytes - 2);
      await documents.put(key("one"), draft(most), 0);
      expect((await documents.get(key("one")))!.content).toBe(most);
      expect(await codeOf(documents.put(key("two"), draft(`${most}x`), 0))).toBe("too-large");
      expect(await codeOf(documents.put(key("two"), draft(1, "n".repeat(201)), 0))).toBe("too-large");
    });

    it("has room for so many bytes of a kind, and again when one is deleted", async () => {
      await using documents = await open();
      const big = draft("x".repeat(DOCUMENT_LIMITS.contentBytes - 2));
      const fits = Math.floor(DOCUMENT_LIMITS.totalBytes / DOCUMENT_LIMITS.contentBytes) - 1;
      const puts = [];
      for (let n = 0; n < fits; n++) puts.push(await documents.put(key(`d${n}`), big, 0));
      expect(await codeOf(documents.put(key("last"), big, 0))).toBe("too-large");
      expect(await documents.get(key("last"))).toBeUndefined();
      await documents.put(key("last", "other"), big, 0);
      await documents.remove(key("d0"), puts[0]!.version);
      await documents.put(key("last"), big, 0);
    });
  });
}
