import { type ReactElement, useEffect, useRef, useState } from "react";
import { formatMinute, offsetOf } from "../format/clock-time.ts";
import { useMoment } from "../state/moment.ts";
import { setPreferences } from "../state/preferences.ts";
import { useAddress, useChange, useRange, useZone } from "../state/question.ts";
import {
  absoluteRange,
  describeRange,
  isRelative,
  PRESETS,
  parseTimeRange,
  stepRange,
  zoomOut,
} from "../state/time-range.ts";
import { Icon } from "./icon.tsx";
import { Popover } from "./popover.tsx";
import "./time-picker.css";

/** The range of the whole page: typed, chosen, stepped, widened, live or paused. `t` opens it. */
export function TimePicker(): ReactElement {
  const address = useAddress();
  const range = useRange();
  const nowMs = useMoment();
  const zone = useZone();
  const change = useChange();
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const parsed = text === "" ? null : parseTimeRange(text, zone, nowMs);
  const relative = isRelative(address);

  useEffect(() => {
    const onOpen = (): void => {
      setText("");
      setOpen(true);
    };
    document.addEventListener("traceo:time", onOpen);
    return () => document.removeEventListener("traceo:time", onOpen);
  }, []);

  const choose = (from: string, to: string): void => {
    setOpen(false);
    setText("");
    change({ from, to, live: to === "now" ? address.live : undefined });
  };

  return (
    <div className="time-picker">
      <button
        type="button"
        className="icon-button step"
        aria-label="Step back"
        title="Earlier  ["
        onClick={() => change({ ...stepRange(range, -1), live: undefined })}
      >
        <Icon name="left" />
      </button>
      <button
        ref={button}
        type="button"
        className="time-button"
        aria-haspopup="dialog"
        aria-expanded={open}
        title="Time range  t"
        onClick={() => setOpen(!open)}
      >
        <Icon name="clock" />
        <span>{describeRange(address, zone, nowMs)}</span>
        {zone === "utc" && <span className="faint">UTC</span>}
      </button>
      <button
        type="button"
        className="icon-button step"
        aria-label="Step forward"
        title="Later  ]"
        disabled={relative}
        onClick={() => change(stepRange(range, 1))}
      >
        <Icon name="right" />
      </button>
      <button
        type="button"
        className="icon-button step"
        aria-label="Zoom out"
        title="Twice the time"
        onClick={() => change({ ...zoomOut(range, nowMs), live: undefined })}
      >
        <Icon name="zoomOut" />
      </button>
      {open && (
        <Popover anchor={button} onClose={() => setOpen(false)} label="Time range" align="end" width={340}>
          <form
            className="time-form"
            onSubmit={(event) => {
              event.preventDefault();
              if (parsed !== null && !("message" in parsed)) choose(parsed.from, parsed.to);
            }}
          >
            <input
              className="input mono"
              data-first
              aria-label="Type a time range"
              aria-describedby="time-reading"
              placeholder="last 3h · yesterday 14:00-15:30"
              autoComplete="off"
              spellCheck={false}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
            <div id="time-reading" className="small time-reading" aria-live="polite">
              {parsed === null ? (
                <span className="faint">
                  {formatMinute(range.fromMs, zone, 0, true)} – {formatMinute(range.toMs, zone, 0, true)}{" "}
                  {offsetOf(range.toMs, zone)}
                </span>
              ) : "message" in parsed ? (
                <span className="warn-text">{parsed.message}</span>
              ) : (
                <span className="ok-text">{describeRange(parsed, zone, nowMs)}, press Enter</span>
              )}
            </div>
          </form>
          <div className="time-presets">
            {PRESETS.map(({ label, from }) => (
              <button
                key={from}
                type="button"
                className="menu-item"
                aria-current={(address.from ?? "now-15m") === from && (address.to ?? "now") === "now"}
                onClick={() => choose(from, "now")}
              >
                {label}
              </button>
            ))}
          </div>
          <div className="menu-line" />
          <div className="time-foot">
            <fieldset className="segments" aria-label="Time zone">
              <button
                type="button"
                aria-pressed={zone === "local"}
                onClick={() => {
                  setPreferences({ zone: "local" });
                  change({ zone: undefined }, { replace: true });
                }}
              >
                Local
              </button>
              <button
                type="button"
                aria-pressed={zone === "utc"}
                onClick={() => {
                  setPreferences({ zone: "utc" });
                  change({ zone: undefined }, { replace: true });
                }}
              >
                UTC
              </button>
            </fieldset>
            <span className="grow" />
            {relative && (
              <button
                type="button"
                className="button small"
                onClick={() => {
                  const fixed = absoluteRange(range);
                  choose(fixed.from, fixed.to);
                }}
              >
                Hold this range
              </button>
            )}
          </div>
        </Popover>
      )}
    </div>
  );
}
