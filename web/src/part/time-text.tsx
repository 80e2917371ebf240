import type { ReactElement } from "react";
import { formatAgo, formatExact, formatMoment, msOfNano } from "../format/clock-time.ts";
import { useMoment } from "../state/moment.ts";
import { useZone } from "../state/question.ts";

/** A time as people read it; the exact one with its offset, and how long ago, on hover. */
export function TimeText({
  nano,
  digits = 3,
  ago = false,
}: {
  readonly nano: string;
  readonly digits?: number;
  readonly ago?: boolean;
}): ReactElement {
  const zone = useZone();
  const nowMs = useMoment();
  const exact = formatExact(nano, zone);
  return (
    <time dateTime={exact} title={`${exact}\n${formatAgo(msOfNano(nano), nowMs)}`} className="mono">
      {formatMoment(nano, zone, nowMs, digits)}
      {ago && <span className="faint"> {formatAgo(msOfNano(nano), nowMs)}</span>}
    </time>
  );
}
