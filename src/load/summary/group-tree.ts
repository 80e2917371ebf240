import { createHash } from "node:crypto";
import type { Totals } from "../metric/totals.ts";

export interface CheckResult {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly passes: number;
  readonly fails: number;
}

/** A group of the script as `handleSummary` shows it; the root has neither name nor path. */
export interface GroupResult {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly groups: readonly GroupResult[];
  readonly checks: readonly CheckResult[];
}

interface Growing {
  readonly name: string;
  readonly path: string;
  readonly groups: Map<string, Growing>;
  readonly checks: Map<string, { passes: number; fails: number }>;
}

/** Groups and checks in the order in which they were first met. Ids are MD5 of the path, as k6 makes them. */
export function groupTree(totals: Totals): GroupResult {
  const root: Growing = { name: "", path: "", groups: new Map(), checks: new Map() };
  for (const { metric, tags, sink } of totals.series()) {
    const path = totals.registry.tags.get(tags, "group") ?? "";
    const group = descend(root, path);
    const check = metric.name === "checks" ? totals.registry.tags.get(tags, "check") : undefined;
    if (check === undefined) continue;
    const before = group.checks.get(check) ?? { passes: 0, fails: 0 };
    group.checks.set(check, { passes: before.passes + sink.sum, fails: before.fails + sink.count - sink.sum });
  }
  return finish(root);
}

/** The names on the way: `::outer::inner` is outer, inner. */
export function groupNames(path: string): readonly string[] {
  return path === "" ? [] : path.replace(/^::/, "").split("::");
}

function descend(root: Growing, path: string): Growing {
  let group = root;
  for (const name of groupNames(path)) {
    let next = group.groups.get(name);
    if (next === undefined) {
      next = { name, path: `${group.path}::${name}`, groups: new Map(), checks: new Map() };
      group.groups.set(name, next);
    }
    group = next;
  }
  return group;
}

function finish({ name, path, groups, checks }: Growing): GroupResult {
  return {
    name,
    path,
    id: md5(path),
    groups: [...groups.values()].map(finish),
    checks: [...checks].map(([check, { passes, fails }]) => ({
      name: check,
      path: `${path}::${check}`,
      id: md5(`${path}::${check}`),
      passes,
      fails,
    })),
  };
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
