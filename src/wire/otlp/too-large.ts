import { Failure } from "#runtime/failure.ts";
import { type DecodeLimit, limitSetting } from "../limits.ts";

const WHAT: Partial<Record<DecodeLimit, string>> = {
  decompressedBytes: "the decompressed body",
  columnBytes: "the decoded batch",
  records: "the number of records in the batch",
};

/** A batch over one of its limits: names the setting. */
export function tooLarge(limit: DecodeLimit, value: number): Failure {
  return new Failure("too-large", `${WHAT[limit] ?? limit} exceeds ${value} (${limitSetting(limit)})`);
}
