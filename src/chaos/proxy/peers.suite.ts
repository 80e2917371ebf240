import { connect, type Server, type Socket } from "node:net";

/** Both ends of a proxied connection, for tests. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

export function open(address: string, allowHalfOpen = true): Promise<Socket> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen }, () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

/** Sends `text` and reads until `bytes` have arrived; keeps the connection. */
export function received(socket: Socket, text: string, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const onData = (data: Buffer): void => {
      got += data.toString("latin1");
      if (got.length < bytes) return;
      socket.off("data", onData);
      socket.off("close", onClose);
      resolve(got);
    };
    const onClose = (): void => reject(new Error(`closed after ${JSON.stringify(got)}`));
    socket.on("data", onData);
    socket.once("close", onClose);
    if (text !== "") socket.write(text, "latin1");
  });
}

/** Everything until the other side ends, and how it ended. */
export function ending(socket: Socket): Promise<{ readonly text: string; readonly how: "end" | "reset" | "close" }> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let how: "end" | "reset" | "close" = "close";
    socket.on("data", (data: Buffer) => parts.push(data));
    socket.once("end", () => {
      how = "end";
      resolve({ text: Buffer.concat(parts).toString("latin1"), how });
    });
    socket.once("error", () => {
      how = "reset";
    });
    socket.once("close", () => resolve({ text: Buffer.concat(parts).toString("latin1"), how }));
  });
}

/** Opens a connection, sends `text`, ends its side, answers everything that came back. */
export async function exchange(address: string, text: string): Promise<string> {
  const socket = await open(address);
  const whole = ending(socket);
  socket.end(text, "latin1");
  const { text: answer } = await whole;
  socket.destroy();
  return answer;
}
