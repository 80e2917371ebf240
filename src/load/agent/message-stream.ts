import type { Duplex } from "node:stream";
import { deserialize, serialize } from "node:v8";

/** A frame larger than this is a mistake, and would take the memory of whoever reads it. */
const MAX_MESSAGE_BYTES = 256 * 2 ** 20;

/** Messages over a connection: four bytes of length (little-endian), then the message in V8's serialization, both ways. */
export interface MessageStream {
  send(message: unknown): void;
  close(): void;
}

/**
 * Speaks over a socket until it closes.
 * @param onEnd called once: by the other side, by `close`, or with what went wrong
 */
export function openMessageStream(
  socket: Duplex,
  onMessage: (message: unknown) => void,
  onEnd: (reason: string) => void,
): MessageStream {
  let parts: Buffer[] = [];
  let size = 0;
  let needed = 4;
  let isLength = true;
  let isOver = false;
  const end = (reason: string): void => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    onEnd(reason);
  };
  const read = (): void => {
    let all = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    while (all.byteLength >= needed) {
      const piece = all.subarray(0, needed);
      all = all.subarray(needed);
      if (isLength) {
        needed = piece.readUInt32LE(0);
        isLength = false;
        if (needed > MAX_MESSAGE_BYTES) {
          end(`a message of ${needed} bytes is too large`);
          return;
        }
      } else {
        needed = 4;
        isLength = true;
        // A copy: typed arrays in the message must stand on their own memory, at places that they may stand at.
        onMessage(deserialize(Buffer.from(piece)));
        if (isOver) return;
      }
    }
    parts = [all];
    size = all.byteLength;
  };
  socket.on("data", (chunk: Buffer) => {
    if (isOver) return;
    parts.push(chunk);
    size += chunk.byteLength;
    if (size < needed) return;
    try {
      read();
    } catch (error) {
      end(error instanceof Error ? error.message : String(error));
    }
  });
  socket.on("error", (error) => end(error.message));
  socket.on("close", () => end("the connection was closed"));
  return {
    send: (message) => {
      if (isOver) return;
      const body = serialize(message);
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32LE(body.byteLength, 0);
      socket.write(Buffer.concat([length, body]));
    },
    close: () => end("the connection was closed"),
  };
}
