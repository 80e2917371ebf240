import type { StagedKind } from "#engine/schema/staged.ts";
import type { Signal } from "#model/batch.ts";
import type { TimeWindow } from "#pipeline/time-window.ts";
import type { FailureCode } from "#runtime/failure.ts";
import type { DecodeLimit, DecodeLimits } from "#wire/limits.ts";
import type { IngestRequest, Rejection } from "./ingest.ts";

/**
 * What the I/O thread and a decode worker say to each other. Orders are answered in the order they came; every order but
 * `release`, `forget-series` and `give-back` gets one answer with its `id`.
 */
export interface DecodeOrder {
  readonly kind: "decode";
  readonly id: number;
  readonly signal: Signal;
  readonly tenant: string;
  readonly contentType: IngestRequest["contentType"];
  readonly contentEncoding: IngestRequest["contentEncoding"];
  readonly receivedUnixNano: bigint;
  readonly window: TimeWindow;
  readonly limits: DecodeLimits;
  /** Transferred. */
  readonly body: Uint8Array;
  /** Keep the decoded batch under this number until it is built or released. */
  readonly keepAs: number | undefined;
}

export interface BuildOrder {
  readonly kind: "build";
  readonly id: number;
  readonly signal: Signal;
  /** Numbers of kept batches, in the order of their rows. They are released, whatever comes of it. */
  readonly batches: readonly number[];
}

export interface ReleaseOrder {
  readonly kind: "release";
  readonly batches: readonly number[];
}

/** A load failed or its outcome is not known: its series are staged again. */
export interface ForgetSeriesOrder {
  readonly kind: "forget-series";
}

/** Memory of blocks that were written; transferred. */
export interface GiveBackOrder {
  readonly kind: "give-back";
  readonly signal: Signal;
  readonly buffers: readonly ArrayBuffer[];
}

export type WorkerOrder = DecodeOrder | BuildOrder | ReleaseOrder | ForgetSeriesOrder | GiveBackOrder;

/** The first thing a worker says. */
export interface WorkerReady {
  readonly kind: "ready";
}

export interface DecodedAnswer {
  readonly kind: "decoded";
  readonly id: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly rejections: readonly Rejection[];
  /** Records whose time was moved to the border of the window. */
  readonly clamped: number;
  /** What was cut off at a limit, by limit. */
  readonly truncated: readonly { readonly limit: DecodeLimit; readonly count: number }[];
  /** Memory that the decoded batch takes. */
  readonly keptBytes: number;
  /** Memory that the decoded batch takes, or its block will, whichever is more. */
  readonly decodedBytes: number;
  readonly isKept: boolean;
}

export interface TransferredBlock {
  readonly kind: StagedKind;
  readonly rows: number;
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly dates: readonly string[];
}

export interface BuiltAnswer {
  readonly kind: "built";
  readonly id: number;
  readonly blocks: readonly TransferredBlock[];
}

/** The order could not be done; the worker goes on. */
export interface FailedAnswer {
  readonly kind: "failed";
  readonly id: number;
  /** Undefined for an error that is no Failure. */
  readonly code: FailureCode | undefined;
  readonly message: string;
}

export type WorkerAnswer = DecodedAnswer | BuiltAnswer | FailedAnswer;
