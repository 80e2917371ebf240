// A server as cheap as Node allows: it answers each request head with the same 27 bytes of JSON.
import { createServer } from "node:net";

const BODY = '{"id":12345,"name":"apple"}';
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed, 25 Nov 2026 04:00:00 GMT\r\nContent-Length: ${BODY.length}\r\nConnection: keep-alive\r\n\r\n${BODY}`,
);

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("data", () => socket.write(ANSWER));
  socket.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
