import { useRouterState } from "@tanstack/react-router";
import { type RefObject, useEffect, useLayoutEffect } from "react";

const positions = new Map<string, number>();
const MOST = 200;

/** Where a list was scrolled to, by address: Back finds it as it was left. */
export function useScrollMemory(
  scroller: RefObject<HTMLElement | null>,
  name: string | undefined,
  ready: boolean,
): void {
  const href = useRouterState({ select: (state) => state.location.href });
  const key = name === undefined ? null : `${name} ${href}`;
  useLayoutEffect(() => {
    const element = scroller.current;
    const position = key === null ? undefined : positions.get(key);
    if (ready && element !== null && position !== undefined) element.scrollTop = position;
  }, [scroller, key, ready]);
  useEffect(() => {
    const element = scroller.current;
    if (element === null || key === null) return;
    const note = (): void => {
      positions.delete(key);
      positions.set(key, element.scrollTop);
      const oldest = positions.keys().next();
      if (positions.size > MOST && !oldest.done) positions.delete(oldest.value);
    };
    element.addEventListener("scroll", note, { passive: true });
    return () => element.removeEventListener("scroll", note);
  }, [scroller, key]);
}
