import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { connectControl } from "./control-client.ts";
import { CONTROL_FILE, type ControlAddress, openControlServer } from "./control-server.ts";
import { createRandom } from "./random.ts";
import { createTroubleDesk } from "./trouble-desk.ts";
import { TROUBLES } from "./troubles.ts";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open() {
  const dataDir = mkdtempSync(join(tmpdir(), "shop-control-"));
  closing.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const desk = createTroubleDesk({ random: createRandom(1), now: () => 5, command: async () => undefined });
  let onStop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    onStop = resolve;
  });
  const server = await openControlServer({ dataDir, desk, onStop });
  closing.unshift(server.close);
  const address = JSON.parse(readFileSync(join(dataDir, CONTROL_FILE), "utf8")) as ControlAddress;
  return { dataDir, address, control: connectControl(dataDir), stopped, server };
}

describe("control", () => {
  it("breaks, reveals and stops over HTTP", async () => {
    const { control, stopped } = await open();
    expect(await control.state()).toEqual({ running: true, broken: false, brokenSinceMs: null });
    const broken = await control.break({ trouble: "lock-convoy", subject: "plus" });
    expect(broken).toEqual({ running: true, broken: true, brokenSinceMs: 5 });
    await expect(control.break()).rejects.toThrow("something is broken already");
    expect(await control.reveal()).toEqual({
      trouble: "lock-convoy",
      title: expect.any(String),
      explanation: expect.stringContaining("plus"),
      affected: "orders by plus customers (customer.tier = plus)",
    });
    await control.stop();
    await stopped;
  });

  it("does not name what it broke", async () => {
    const { address } = await open();
    const response = await fetch(`${address.url}/break`, {
      method: "POST",
      headers: { authorization: `Bearer ${address.secret}` },
    });
    const text = await response.text();
    for (const { name, title } of TROUBLES) {
      expect(text).not.toContain(name);
      expect(text).not.toContain(title);
    }
  });

  it("answers nobody without the secret, which only its owner may read", async () => {
    const { dataDir, address } = await open();
    expect(statSync(join(dataDir, CONTROL_FILE)).mode & 0o777).toBe(0o600);
    for (const authorization of ["", "Bearer ", `Bearer ${"x".repeat(address.secret.length)}`, address.secret]) {
      const response = await fetch(`${address.url}/break`, { method: "POST", headers: { authorization } });
      expect(response.status).toBe(401);
    }
  });

  it("says what is wrong with a request", async () => {
    const { address } = await open();
    const post = async (path: string, body: string): Promise<number> =>
      (
        await fetch(`${address.url}${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${address.secret}` },
          body,
        })
      ).status;
    expect(await post("/break", "{")).toBe(400);
    expect(await post("/break", `{"trouble":"${"x".repeat(5_000)}"}`)).toBe(400);
    expect(await post("/break", '{"trouble":"meteorite"}')).toBe(409);
    expect(await post("/meteorite", "{}")).toBe(404);
  });

  it("takes its address away when it closes, and the client says so", async () => {
    const { dataDir, server } = await open();
    closing.shift();
    await server.close();
    expect(existsSync(join(dataDir, CONTROL_FILE))).toBe(false);
    expect(() => connectControl(dataDir)).toThrow("no demo shop runs");
  });
});
