import { expect, it } from "vitest";
import { LoadGate } from "./load-gate.ts";

it("lets loads pass together, and others alone and first", async () => {
  const gate = new LoadGate();
  const seen: string[] = [];
  const finish = new Map<string, () => void>();
  const work = (name: string) => async (): Promise<void> => {
    seen.push(`+${name}`);
    await new Promise<void>((done) => finish.set(name, done));
    seen.push(`-${name}`);
  };
  const end = async (name: string): Promise<void> => {
    finish.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const all = [
    gate.together(work("a")),
    gate.together(work("b")),
    gate.alone(work("X")),
    gate.together(work("c")),
    gate.alone(work("Y")),
  ];
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(["+a", "+b"]);
  await end("a");
  expect(seen.slice(2)).toEqual(["-a"]);
  await end("b");
  expect(seen.slice(3)).toEqual(["-b", "+X"]);
  await end("X");
  expect(seen.slice(5)).toEqual(["-X", "+Y"]);
  await end("Y");
  expect(seen.slice(7)).toEqual(["-Y", "+c"]);
  await end("c");
  await Promise.all(all);
  await gate.alone(async () => void seen.push("again"));
  expect(seen.at(-1)).toBe("again");
});

it("goes on after work that failed", async () => {
  const gate = new LoadGate();
  await expect(gate.together(async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(gate.alone(async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await gate.alone(async () => 1)).toBe(1);
});
