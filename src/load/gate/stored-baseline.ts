import { studentQuantile } from "#math/student.ts";

/**
 * One new run beside runs kept from before: no verdict, since what lies between the days cannot be told from the version. A
 * prediction interval says where one more run of the old version would have come out, 19 times in 20.
 */
export interface Prediction {
  readonly name: string;
  /** Of the earlier runs, ms, the geometric mean. */
  readonly expectedMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly observedMs: number;
  /** Observed over expected, less 1. */
  readonly change: number;
  readonly outside: "slower" | "faster" | undefined;
  /** A slowdown of less than this share cannot show: 0.6 with ten runs that scatter by 20%. */
  readonly smallestVisible: number;
  readonly runs: number;
}

/** From at least three earlier runs' values (log-normal; Student's t prediction interval, Hahn and Meeker 1991, 4.8); undefined with fewer. */
export function predict(name: string, earlierMs: readonly number[], observedMs: number): Prediction | undefined {
  const logs = earlierMs.filter((value) => value > 0).map(Math.log);
  const runs = logs.length;
  if (runs < 3 || !(observedMs > 0)) return undefined;
  const mean = logs.reduce((sum, value) => sum + value, 0) / runs;
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (runs - 1);
  const reach = studentQuantile(0.975, runs - 1) * Math.sqrt(variance * (1 + 1 / runs));
  const difference = Math.log(observedMs) - mean;
  return {
    name,
    expectedMs: Math.exp(mean),
    lowMs: Math.exp(mean - reach),
    highMs: Math.exp(mean + reach),
    observedMs,
    change: Math.expm1(difference),
    outside: difference > reach ? "slower" : difference < -reach ? "faster" : undefined,
    smallestVisible: Math.expm1(reach),
    runs,
  };
}
