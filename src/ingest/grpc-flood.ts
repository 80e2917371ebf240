/**
 * Tells a flood from a sender, one per HTTP/2 connection. Two buckets leak slowly back to full: stream resets (CVE-2023-44487)
 * and control frames (pings, settings; CVE-2019-9512, -9515). Each call answered refills both: gRPC clients ping after data to
 * measure the path, and cancel calls now and then, but only a flood does so without calls between. Floods that never reach
 * this code (CONTINUATION, empty frames, acknowledgements queued up) are ended by nghttp2 and node.
 */
import type { Clock } from "#runtime/clock.ts";

export interface FloodLimits {
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  readonly controlBurst: number;
  readonly controlsPerSecond: number;
}

export const FLOOD_DEFAULTS: FloodLimits = {
  resetBurst: 200,
  resetsPerSecond: 10,
  controlBurst: 200,
  controlsPerSecond: 2,
};

export class FloodWatch {
  readonly #limits: FloodLimits;
  readonly #clock: Clock;
  #resets: number;
  #controls: number;
  #atMs: number;

  constructor(limits: FloodLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#resets = limits.resetBurst;
    this.#controls = limits.controlBurst;
    this.#atMs = clock.monotonicMs();
  }

  /** The peer reset a stream before it was answered. True if that is a flood. */
  reset(): boolean {
    this.#leak();
    return --this.#resets < 0;
  }

  /** A PING or SETTINGS came. True if that is a flood. */
  control(): boolean {
    this.#leak();
    return --this.#controls < 0;
  }

  answered(): void {
    this.#resets = Math.min(this.#limits.resetBurst, this.#resets + 1);
    this.#controls = this.#limits.controlBurst;
  }

  #leak(): void {
    const nowMs = this.#clock.monotonicMs();
    const seconds = (nowMs - this.#atMs) / 1000;
    this.#atMs = nowMs;
    const { resetBurst, resetsPerSecond, controlBurst, controlsPerSecond } = this.#limits;
    this.#resets = Math.min(resetBurst, this.#resets + seconds * resetsPerSecond);
    this.#controls = Math.min(controlBurst, this.#controls + seconds * controlsPerSecond);
  }
}
