// Sends what the parent asks for and answers with the CPU time it took. argv: URL, what sends.
import { DEFAULT_CLIENT_SETTINGS } from "../../dist/client/client-settings.js";
import { HttpClient } from "../../dist/client/http-client.js";

const [url, kind] = process.argv.slice(2);

async function openSender() {
  const client = new HttpClient(DEFAULT_CLIENT_SETTINGS);
  const headers = [["User-Agent", "traceo"]];
  return async (user) => {
    const answer = await client.exchange(
      { method: "GET", url, headers, body: undefined, timeoutMs: 60_000, discardBody: false },
      user,
      undefined,
    );
    if (answer.status !== 200) throw new Error(answer.error);
  };
}

const send = await openSender(kind);
process.on("message", async ({ connections, requests }) => {
  let left = requests;
  const before = process.cpuUsage();
  const loop = async (user) => {
    while (left-- > 0) await send(user);
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => loop(index + 1)));
  const { user, system } = process.cpuUsage(before);
  process.send({ cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage().rss });
});
process.on("disconnect", () => process.exit());
