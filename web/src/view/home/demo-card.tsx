import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import type { DemoReveal, DemoState } from "../../../../src/api/contract/shapes.ts";
import { formatAgo } from "../../format/clock-time.ts";
import { FailureNote } from "../../part/answer.tsx";
import { Icon } from "../../part/icon.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { useAnswer } from "../../server/answers.ts";
import { ask } from "../../server/ask.ts";
import { serverNow } from "../../state/moment.ts";

/** In the demo only: cause one trouble without naming it, find it, then see what it was and undo it. */
export function DemoCard(): ReactElement {
  const client = useQueryClient();
  const demo = useAnswer<DemoState>("/demo", {}, { refreshMs: 3000, staleMs: 1000 });
  const [revealed, setRevealed] = useState<DemoReveal | null>(null);
  const renew = (): Promise<void> => client.invalidateQueries({ queryKey: ["", "/demo"] });
  const breakIt = useMutation({
    mutationFn: () => ask<DemoState>("/demo/break", {}, { method: "POST" }),
    onSuccess: () => {
      setRevealed(null);
      return renew();
    },
  });
  const reveal = useMutation({
    mutationFn: () => ask<DemoReveal>("/demo/reveal", {}, { method: "POST" }),
    onSuccess: (answer) => {
      setRevealed(answer);
      return renew();
    },
  });
  const broken = demo.data?.broken === true;
  const error = breakIt.error ?? reveal.error;
  return (
    <section className="panel demo" aria-labelledby="home-demo">
      <header>
        <Icon name="bolt" />
        <h2 id="home-demo" className="grow">
          Try it: find the trouble
        </h2>
      </header>
      <div className="demo-body stack">
        {error !== null && <FailureNote error={error} slim />}
        {revealed !== null ? (
          <div role="status">
            <div className="demo-title">
              <TelemetryText text={revealed.title} />
            </div>
            <p className="secondary">
              <TelemetryText text={revealed.explanation} max={1200} />
            </p>
            <p className="small">
              <span className="faint">Affected:</span> <TelemetryText text={revealed.affected} />{" "}
              <span className="ok-text">· undone</span>
            </p>
          </div>
        ) : broken ? (
          <p className="secondary" role="status">
            Something broke
            {demo.data?.brokenSinceMs == null ? "" : ` ${formatAgo(demo.data.brokenSinceMs, serverNow())}`}. Within a
            minute it shows among what is wrong now; follow it to the span or line that says why.
          </p>
        ) : (
          <p className="secondary">
            The shop is healthy. Cause one real trouble, in its database or one of its processes, and see how far you
            get.
          </p>
        )}
        <div className="row">
          <button
            type="button"
            className="button"
            disabled={broken || breakIt.isPending || demo.data?.running !== true}
            onClick={() => breakIt.mutate()}
          >
            <Icon name="bolt" /> Break something
          </button>
          <button
            type="button"
            className="button"
            disabled={!broken || reveal.isPending}
            onClick={() => reveal.mutate()}
          >
            Reveal and undo
          </button>
        </div>
      </div>
    </section>
  );
}
