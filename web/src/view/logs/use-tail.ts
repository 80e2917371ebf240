import { useCallback, useEffect, useRef, useState } from "react";
import type { LogRow } from "../../../../src/api/contract/shapes.ts";
import { AskFailure } from "../../server/ask.ts";
import { readEvents } from "../../server/tail.ts";
import type { Parameters } from "../../state/question.ts";
import { EMPTY_TAIL, type TailState, tailArrived, tailReleased } from "./log-lines.ts";

const RECONNECT_MS = 2000;

export interface Tail extends TailState {
  readonly failure: Error | null;
  readonly release: () => void;
  /** Says whether the list is scrolled to its top. */
  readonly noteTop: (atTop: boolean) => void;
}

/** Follows the log while `on`; reconnects by itself, except when the question itself was refused. */
export function useTail(on: boolean, parameters: Parameters, tenant: string | undefined): Tail {
  const [state, setState] = useState<TailState>(EMPTY_TAIL);
  const [failure, setFailure] = useState<Error | null>(null);
  const top = useRef(true);
  const asked = JSON.stringify(parameters);

  useEffect(() => {
    setState(EMPTY_TAIL);
    setFailure(null);
    if (!on) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const follow = async (): Promise<void> => {
      try {
        for await (const { event, data } of readEvents(
          "/logs/tail",
          JSON.parse(asked) as Parameters,
          tenant,
          abort.signal,
        )) {
          setFailure(null);
          if (event === "rows") {
            const arrived = JSON.parse(data) as readonly LogRow[];
            setState((current) => tailArrived(current, arrived, top.current));
          } else if (event === "dropped") {
            const count = Number(JSON.parse(data));
            if (Number.isFinite(count)) setState((current) => ({ ...current, skipped: current.skipped + count }));
          }
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        setFailure(error instanceof Error ? error : new Error(String(error)));
        if (
          error instanceof AskFailure &&
          error.problem.status >= 400 &&
          error.problem.status < 500 &&
          error.problem.status !== 429
        )
          return;
      }
      if (!abort.signal.aborted) timer = setTimeout(() => void follow(), RECONNECT_MS);
    };
    void follow();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [on, asked, tenant]);

  const release = useCallback(() => setState(tailReleased), []);
  const noteTop = useCallback((atTop: boolean) => {
    if (atTop && !top.current) setState(tailReleased);
    top.current = atTop;
  }, []);
  return { ...state, failure, release, noteTop };
}
