import { runThread } from "#runtime/threads.ts";
import type { GeneratorGreeting } from "./generator-handle.ts";
import type { ToGenerator } from "./generator-link.ts";
import { openGeneratorSamples } from "./generator-samples.ts";
import { beat } from "./heartbeat.ts";
import { openLoadScript } from "./open-load-script.ts";
import { serveGenerator } from "./serve-generator.ts";

/** The entry of a load generator's thread. */
runThread(import.meta.url, (port) => {
  let receive: ((message: ToGenerator) => void) | undefined;
  port.onMessage((message) => {
    if (receive !== undefined) {
      receive(message as ToGenerator);
      return;
    }
    const { heartbeat, generator } = message as GeneratorGreeting;
    const heart = beat(heartbeat);
    receive = serveGenerator(
      {
        openScript: (parameters, samples, events) => openLoadScript(parameters, samples, events, heart.enter),
        openSamples: () => openGeneratorSamples(generator),
      },
      port.post,
    );
  });
});
