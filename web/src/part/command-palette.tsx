import { type KeyboardEvent, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import type { Metrics, SavedDocument } from "../../../src/api/contract/shapes.ts";
import { useAnswer, useServiceSlots } from "../server/answers.ts";
import { useDocuments } from "../server/documents.ts";
import { readPreferences, setPreferences, themeOf } from "../state/preferences.ts";
import { hrefTo, useAddress, useChange, useOpen } from "../state/question.ts";
import { PRESETS } from "../state/time-range.ts";
import { Icon, type IconName } from "./icon.tsx";
import { TelemetryText } from "./telemetry-text.tsx";
import "./command-palette.css";

interface Command {
  readonly id: string;
  readonly title: string;
  readonly kind: string;
  readonly icon: IconName;
  readonly keys?: string;
  readonly run: () => void;
}

/** How well the letters of the words appear in order; higher is better, null is not at all. */
export function matchScore(text: string, words: string): number | null {
  const hay = text.toLowerCase();
  const needle = words.toLowerCase().trim();
  if (needle === "") return 0;
  const whole = hay.indexOf(needle);
  if (whole >= 0) return 100 - whole + (whole === 0 || hay[whole - 1] === " " ? 20 : 0) - hay.length / 50;
  let at = -1;
  let gaps = 0;
  for (const letter of needle) {
    if (letter === " ") continue;
    const next = hay.indexOf(letter, at + 1);
    if (next < 0) return null;
    gaps += next - at - 1;
    at = next;
  }
  return 40 - gaps - hay.length / 50;
}

export interface CommandPaletteProps {
  readonly onClose: () => void;
  readonly actions: readonly Command[];
}

/** Everything by name: views, services, metrics, trails, actions, a pasted trace id. */
export function CommandPalette({ onClose, actions }: CommandPaletteProps): ReactElement {
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const address = useAddress();
  const change = useChange();
  const go = useOpen();
  const services = useServiceSlots();
  const metrics = useAnswer<Metrics>("/metrics", { search: words, limit: 8 }, { enabled: words.length > 1 });
  const trails = useDocuments("trail");
  const list = useRef<HTMLDivElement>(null);
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const commands = useMemo<readonly Command[]>(() => {
    const theme = themeOf(readPreferences());
    return [
      ...actions,
      ...Object.keys(services).map(
        (service): Command => ({
          id: `service ${service}`,
          title: service,
          kind: "service",
          icon: "services",
          run: () => go(hrefTo(`/services/${encodeURIComponent(service)}`, address)),
        }),
      ),
      ...(metrics.data?.metrics ?? []).map(
        (metric): Command => ({
          id: `metric ${metric.name}`,
          title: metric.name,
          kind: "metric",
          icon: "metrics",
          run: () => go(hrefTo("/metrics", address, { metric: metric.name })),
        }),
      ),
      ...(trails.data ?? []).map(
        (trail: SavedDocument): Command => ({
          id: `trail ${trail.id}`,
          title: trail.name,
          kind: "trail",
          icon: "trail",
          run: () => go(`/trails/${trail.id}`),
        }),
      ),
      ...PRESETS.map(
        ({ label, from }): Command => ({
          id: from,
          title: label,
          kind: "time",
          icon: "clock",
          run: () => change({ from, to: "now" }),
        }),
      ),
      {
        id: "theme",
        title: theme === "dark" ? "Light theme" : "Dark theme",
        kind: "look",
        icon: theme === "dark" ? "sun" : "moon",
        run: () => setPreferences({ theme: theme === "dark" ? "light" : "dark" }),
      },
      {
        id: "theme system",
        title: "Theme of the system",
        kind: "look",
        icon: "sun",
        run: () => setPreferences({ theme: "system" }),
      },
      {
        id: "density",
        title: readPreferences().density === "dense" ? "Default row height" : "Dense rows",
        kind: "look",
        icon: "table",
        run: () => setPreferences({ density: readPreferences().density === "dense" ? "default" : "dense" }),
      },
    ];
  }, [actions, services, metrics.data, trails.data, address, change, go]);

  const found = useMemo(() => {
    const trace: readonly Command[] = /^[0-9a-f]{32}$/i.test(words.trim())
      ? [
          {
            id: "trace",
            title: `Open trace ${words.trim().toLowerCase()}`,
            kind: "trace",
            icon: "traces",
            run: () => go(hrefTo(`/traces/${words.trim().toLowerCase()}`, address)),
          },
        ]
      : [];
    const scored = commands.flatMap((command) => {
      const score = matchScore(`${command.title} ${command.kind}`, words);
      return score === null ? [] : [{ command, score }];
    });
    scored.sort((a, b) => b.score - a.score);
    return [...trace, ...scored.slice(0, 40).map(({ command }) => command)];
  }, [commands, words, address, go]);

  const run = (command: Command | undefined): void => {
    if (command === undefined) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = (at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(found.length, 1);
      setAt(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[at]);
    }
  };

  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Commands"
      onClose={onClose}
      onPointerDown={(event) => event.target === dialog.current && onClose()}
    >
      <div className="palette-box">
        <div className="palette-input">
          <Icon name="search" />
          <input
            role="combobox"
            aria-label="Search views, services, metrics, actions, or paste a trace id"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={found[at] === undefined ? undefined : `palette-${at}`}
            placeholder="Go to a view, service or metric, run an action, or paste a trace id"
            autoComplete="off"
            spellCheck={false}
            value={words}
            onChange={(event) => {
              setWords(event.target.value);
              setAt(0);
            }}
            onKeyDown={onKeyDown}
          />
          <kbd>esc</kbd>
        </div>
        <div id="palette-list" ref={list} role="listbox" aria-label="Commands" className="palette-list">
          {found.map((command, i) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox's keys choose among options
            // biome-ignore lint/a11y/useFocusableInteractive: focus stays in the combobox
            <div
              key={command.id}
              id={`palette-${i}`}
              role="option"
              aria-selected={i === at}
              className="menu-item"
              onPointerMove={() => setAt(i)}
              onClick={() => run(command)}
            >
              <Icon name={command.icon} />
              <span className="cut">
                <TelemetryText text={command.title} max={100} />
              </span>
              <span className="hint">
                {command.keys === undefined
                  ? command.kind
                  : command.keys.split(" ").map((key) => <kbd key={key}>{key}</kbd>)}
              </span>
            </div>
          ))}
        </div>
        {found.length === 0 && <div className="palette-none secondary">Nothing by that name</div>}
      </div>
    </dialog>
  );
}
