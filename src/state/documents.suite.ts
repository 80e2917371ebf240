import { describe, expect, it } from "vitest";
import type { Clock } from "#runtime/clock.ts";
import { ManualClock } from "#runtime/clock.ts";
import { isFailure } from "#runtime/failure.ts";
import { CONTENT_BYTES, type Documents, type StoredDocument } from "./documents.ts";

/** What every adapter must keep. `open` gives an empty store; called again it opens the same one, if it lasts. */
export function documentsSuite(name: string, open: (clock: Clock) => Documents, lasts: boolean): void {
  const key = { tenant: "default", kind: "view", id: "a" };
  const code = async (work: Promise<unknown>): Promise<string | undefined> =>
    work.then(
      () => undefined,
      (error: unknown) => (isFailure(error) ? error.code : String(error)),
    );

  describe(`documents: ${name}`, () => {
    it("keeps what was put, by version", async () => {
      const clock = new ManualClock(1000);
      await using documents = open(clock);
      const first = await documents.put(key, { x: [1, "ä", null] }, "absent");
      expect(first).toMatchObject({ ...key, updatedMs: 1000, content: { x: [1, "ä", null] } });
      clock.advance(5);
      const second = await documents.put(key, "b", first.version);
      expect(second.version).toBeGreaterThan(first.version);
      expect(await documents.get(key)).toEqual({ ...key, version: second.version, updatedMs: 1005, content: "b" });
    });

    it("refuses a write that expects something else", async () => {
      await using documents = open(new ManualClock(0));
      const one = { ...key, id: "refused" };
      expect(await code(documents.put(one, 1, 7))).toBe("conflict");
      const { version } = await documents.put(one, 1, "absent");
      expect(await code(documents.put(one, 2, "absent"))).toBe("conflict");
      expect(await code(documents.put(one, 2, version + 1))).toBe("conflict");
      expect(await code(documents.remove(one, version + 1))).toBe("conflict");
      expect((await documents.get(one))?.content).toBe(1);
      await documents.put(one, 3, "any");
      expect(await code(documents.remove(one, version))).toBe("conflict");
      await documents.remove(one, "any");
      expect(await documents.get(one)).toBeUndefined();
      expect(await code(documents.remove(one, "any"))).toBe("not-found");
    });

    it("lets one of many writers win", async () => {
      await using documents = open(new ManualClock(0));
      const one = { ...key, id: "race" };
      const { version } = await documents.put(one, 0, "absent");
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, writer) => code(documents.put(one, writer, version))),
      );
      expect(results.filter((result) => result === undefined)).toHaveLength(1);
      expect(results.filter((result) => result === "conflict")).toHaveLength(19);
    });

    it("never uses a version twice", async () => {
      await using documents = open(new ManualClock(0));
      const one = { ...key, id: "again" };
      const before = await documents.put(one, 1, "absent");
      await documents.remove(one, before.version);
      const after = await documents.put(one, 1, "absent");
      expect(after.version).not.toBe(before.version);
      expect(await code(documents.put(one, 2, before.version))).toBe("conflict");
    });

    it("lists one tenant's documents of one kind by id, a page at a time", async () => {
      await using documents = open(new ManualClock(0));
      const of = { tenant: "listed", kind: "query" };
      for (const id of ["c", "a", "e", "b", "d"]) await documents.put({ ...of, id }, id, "absent");
      await documents.put({ ...of, kind: "query-2", id: "x" }, 0, "absent");
      await documents.put({ ...of, tenant: "listed-2", id: "x" }, 0, "absent");
      const first = await documents.list(of, 2);
      const second = await documents.list(of, 2, first.next);
      const third = await documents.list(of, 2, second.next);
      expect([first, second, third].map((page) => page.documents.map(({ id }) => id))).toEqual([
        ["a", "b"],
        ["c", "d"],
        ["e"],
      ]);
      expect(third.next).toBeUndefined();
      expect((await documents.list({ tenant: "nobody", kind: "query" }, 10)).documents).toEqual([]);
    });

    it("hands out everything of everybody", async () => {
      await using documents = open(new ManualClock(0));
      const keys = [
        { tenant: "all-1", kind: "view", id: "a" },
        { tenant: "all-1", kind: "trail", id: "a" },
        { tenant: "all-2", kind: "view", id: "b" },
      ];
      for (const each of keys) await documents.put(each, { of: each.tenant }, "absent");
      const found: StoredDocument[] = [];
      for await (const document of documents.all()) if (document.tenant.startsWith("all-")) found.push(document);
      expect(found.map(({ tenant, kind, id }) => ({ tenant, kind, id }))).toEqual(expect.arrayContaining(keys));
      expect(found).toHaveLength(3);
      expect(found[0]!.content).toEqual({ of: found[0]!.tenant });
    });

    it("refuses keys and contents that it does not keep", async () => {
      await using documents = open(new ManualClock(0));
      for (const id of ["", "a/b", "x".repeat(65), "\u0000", "a b", "é"])
        expect(await code(documents.put({ ...key, id }, 1, "any"))).toBe("bad-request");
      expect(await code(documents.get({ ...key, tenant: "a/b" }))).toBe("bad-request");
      expect(await code(documents.put({ ...key, id: "big" }, "x".repeat(CONTENT_BYTES), "any"))).toBe("too-large");
      expect(await code(documents.put({ ...key, id: "none" }, undefined, "any"))).toBe("bad-request");
    });

    if (lasts)
      it("is there again after it was closed", async () => {
        let version: number;
        {
          await using documents = open(new ManualClock(0));
          version = (await documents.put({ ...key, id: "lasting" }, { deep: true }, "any")).version;
        }
        await using documents = open(new ManualClock(0));
        expect(await documents.get({ ...key, id: "lasting" })).toMatchObject({ version, content: { deep: true } });
        expect((await documents.put({ ...key, id: "next" }, 1, "any")).version).toBeGreaterThan(version);
      });
  });
}
