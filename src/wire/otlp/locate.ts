import type { Message } from "./schema.ts";
import { Source, WireError, WireType } from "./source.ts";

/**
 * The path of the field that holds byte `target` of a protobuf message, like `resource_spans[0].scope_spans[2].spans[17].name`.
 * Walks the message from its start, which is only done once something in it was found to be wrong; what comes before the
 * target is therefore sound.
 */
export function locate(request: Message, bytes: Uint8Array, target: number): string {
  const source = new Source();
  source.open(bytes);
  const path: string[] = [];
  let message: Message | undefined = request;
  let position = 0;
  let end = bytes.length;
  while (message !== undefined) {
    const seen = new Map<number, number>();
    const current: Message = message;
    message = undefined;
    try {
      while (position < end && position <= target) {
        const tag = source.tag(position, end);
        const number = tag >>> 3;
        const field = current.fields.find((known) => known.number === number);
        const start = source.next;
        if (target < start) break;
        const index = seen.get(number) ?? 0;
        seen.set(number, index + 1);
        const name =
          field === undefined ? `field ${number}` : field.isRepeated ? `${field.name}[${index}]` : field.name;
        path.push(name);
        const finish = source.skip(tag, start, end);
        if (target < finish) {
          const payload = (tag & 7) === WireType.length ? payloadStart(source, start, end) : start;
          if (field?.message !== undefined && (tag & 7) === WireType.length && target >= payload) {
            message = field.message;
            position = payload;
            end = finish;
          }
          break;
        }
        path.pop();
        position = finish;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      break;
    }
  }
  return path.join(".");
}

function payloadStart(source: Source, start: number, end: number): number {
  source.length(start, end);
  return source.next;
}
