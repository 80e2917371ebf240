import type { TimeWindow } from "./trace.tsx";

/** Percent of the window's width at which an offset stands. */
export function percentOf(view: TimeWindow, ns: number): number {
  return ((ns - view.startNs) / Math.max(view.endNs - view.startNs, 1)) * 100;
}

/** Round offsets inside the window, about `wanted` of them: 1, 2 or 5 times a power of ten. */
export function ticksOf(view: TimeWindow, wanted: number): readonly number[] {
  const length = Math.max(view.endNs - view.startNs, 1);
  const raw = length / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? raw;
  const ticks: number[] = [];
  for (let at = Math.ceil(view.startNs / step) * step; at <= view.endNs && ticks.length < 50; at += step)
    ticks.push(at);
  return ticks;
}
