import { describeEngine } from "./engine.suite.ts";
import { openRemoteEngine } from "./remote/remote-engine.ts";
import { openTestEngine, openTestServer } from "./test-engine.ts";

describeEngine("embedded", async () => {
  const engine = await openTestEngine();
  return {
    engine,
    crash: async () => {
      process.kill(engine.status().processId!, "SIGKILL");
    },
    [Symbol.asyncDispose]: async () => await engine[Symbol.asyncDispose](),
  };
});

/** The remote adapter over HTTP against a second engine process; with a real server's URL the same suite runs against that. */
describeEngine("remote", async () => {
  const server = await openTestServer();
  const engine = await openRemoteEngine({
    url: server.url,
    user: server.user,
    password: server.password,
    reader: { role: "reader" },
    retryMs: 50,
  });
  return {
    engine,
    crash: async () => {
      await server.kill();
      await server.start();
    },
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});
