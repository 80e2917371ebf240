/** HTTP/2 frames byte by byte, for what no client library would send. */

export const FrameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The client's preface and empty SETTINGS. */
export const PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(FrameType.settings, 0, 0),
]);

/** HPACK without its tables: literal fields, never indexed, names and values as they are (RFC 7541, section 6.2.3). */
export function literalFields(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const length: number[] = [127];
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
    return Buffer.concat([Buffer.from([...length, rest]), bytes]);
  };
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0x10]), text(name), text(value)]),
  );
}

export const CALL_FIELDS = {
  ":method": "POST",
  ":scheme": "http",
  ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  ":authority": "127.0.0.1",
  "content-type": "application/grpc",
  te: "trailers",
} as const;

/** The frames in what a server sent, in order. */
export function framesOf(received: string): { type: number; flags: number; stream: number }[] {
  const bytes = Buffer.from(received, "latin1");
  const frames: { type: number; flags: number; stream: number }[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, stream: bytes.readUInt32BE(at + 5) });
  return frames;
}

/** The error code of the GOAWAY in what a server sent, if there is one. */
export function goawayCode(received: string): number | undefined {
  const bytes = Buffer.from(received, "latin1");
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === FrameType.goaway && at + 17 <= bytes.length) return bytes.readUInt32BE(at + 13);
  return undefined;
}
