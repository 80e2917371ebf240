import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useStatus } from "../server/answers.ts";
import { AskFailure } from "../server/ask.ts";
import { newId, useSave } from "../server/documents.ts";
import { printAddress } from "../state/address.ts";
import { renewMoment } from "../state/moment.ts";
import { setPreferences, useTheme } from "../state/preferences.ts";
import { hrefTo, lasting, useAddress, useChange, useOpen, useRange } from "../state/question.ts";
import { isRelative, stepRange } from "../state/time-range.ts";
import { AppLink } from "./app-link.tsx";
import { CommandPalette } from "./command-palette.tsx";
import { Icon, type IconName, Logo } from "./icon.tsx";
import { KeyboardHelp } from "./keyboard-help.tsx";
import { TimePicker } from "./time-picker.tsx";
import { showToast, Toasts } from "./toast.tsx";
import { TrailPanel, useKeepStep } from "./trail-panel.tsx";
import { ValueMenu } from "./value-handle.tsx";
import "./shell.css";

const VIEWS: readonly {
  readonly path: string;
  readonly name: string;
  readonly icon: IconName;
  readonly key: string;
}[] = [
  { path: "/", name: "Home", icon: "home", key: "h" },
  { path: "/services", name: "Services", icon: "services", key: "s" },
  { path: "/traces", name: "Traces", icon: "traces", key: "t" },
  { path: "/logs", name: "Logs", icon: "logs", key: "l" },
  { path: "/metrics", name: "Metrics", icon: "metrics", key: "m" },
  { path: "/sql", name: "SQL", icon: "sql", key: "q" },
];
const LIVE_MS = 5000;
const LONGEST_LINK = 2048;

/** What stands around every view: rail, top bar, commands, menus, and the keys that work everywhere. */
export function Shell(): ReactElement {
  const address = useAddress();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const range = useRange();
  const change = useChange();
  const go = useOpen();
  const client = useQueryClient();
  const status = useStatus();
  const fetching = useIsFetching({ predicate: (query) => query.queryKey[1] !== "/status" }) > 0;
  const theme = useTheme();
  const save = useSave();
  const keep = useKeepStep();
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const [trail, setTrail] = useState(false);
  const offline = status.isError && status.error instanceof AskFailure && status.error.problem.status === 0;
  const relative = isRelative(address);
  const live = address.live === true && relative;

  useEffect(() => {
    if (!live) return;
    const timer = setInterval(() => {
      if (!document.hidden) renewMoment();
    }, LIVE_MS);
    return () => clearInterval(timer);
  }, [live]);

  // After an outage every answer may be old.
  const wasOffline = useRef(false);
  useEffect(() => {
    if (wasOffline.current && !offline) void client.invalidateQueries();
    wasOffline.current = offline;
  }, [offline, client]);

  useEffect(() => {
    const view = VIEWS.findLast((candidate) => path.startsWith(candidate.path));
    document.title = view === undefined || view.path === "/" ? "Traceo" : `${view.name} · Traceo`;
  }, [path]);

  const refresh = useCallback(() => {
    renewMoment();
    void client.invalidateQueries({ predicate: (query) => query.isActive() });
  }, [client]);

  const copyLink = useCallback(async () => {
    const href = path + printAddress(lasting(address, range));
    let link = location.origin + href;
    if (link.length > LONGEST_LINK) {
      const id = newId();
      await save.mutateAsync({ kind: "view", id, version: 0, name: document.title, content: { href } });
      link = `${location.origin}/v/${id}`;
    }
    await navigator.clipboard.writeText(link);
    showToast("Link copied, with absolute times");
  }, [path, address, range, save]);
  const copy = useCallback(() => {
    copyLink().catch((error: unknown) =>
      showToast(error instanceof Error ? error.message : "The link could not be copied", "error"),
    );
  }, [copyLink]);

  const toggleLive = useCallback(() => {
    if (live) change({ live: undefined });
    else change({ live: true, ...(relative ? {} : { from: "now-15m", to: "now" }) });
  }, [live, relative, change]);

  const keepStep = useCallback(() => {
    keep();
    setTrail(true);
  }, [keep]);

  useShellKeys({
    palette: () => setPalette(true),
    help: () => setHelp(true),
    go: (to) => go(hrefTo(to, address)),
    live: toggleLive,
    step: (direction) => change({ ...stepRange(range, direction), live: undefined }),
    copy,
    keep: keepStep,
    refresh,
  });

  const actions = useMemo(
    () => [
      ...VIEWS.map(({ path: to, name, icon, key }) => ({
        id: to,
        title: name,
        kind: "view",
        icon,
        keys: `g ${key}`,
        run: () => go(hrefTo(to, address)),
      })),
      {
        id: "live",
        title: live ? "Pause" : "Follow live",
        kind: "time",
        icon: live ? ("pause" as const) : ("play" as const),
        keys: ".",
        run: toggleLive,
      },
      { id: "refresh", title: "Refresh", kind: "time", icon: "refresh" as const, keys: "r", run: refresh },
      {
        id: "time",
        title: "Choose a time range",
        kind: "time",
        icon: "clock" as const,
        keys: "t",
        run: () => document.dispatchEvent(new CustomEvent("traceo:time")),
      },
      { id: "copy", title: "Copy link to this view", kind: "share", icon: "link" as const, keys: "y", run: copy },
      {
        id: "keep",
        title: "Keep this step on the trail",
        kind: "share",
        icon: "keep" as const,
        keys: "e",
        run: keepStep,
      },
      {
        id: "trail",
        title: "Show the evidence trail",
        kind: "share",
        icon: "trail" as const,
        run: () => setTrail(true),
      },
      { id: "help", title: "Keyboard", kind: "help", icon: "question" as const, keys: "?", run: () => setHelp(true) },
    ],
    [address, live, go, toggleLive, refresh, copy, keepStep],
  );

  const current = (to: string): boolean => (to === "/" ? path === "/" : path.startsWith(to));

  return (
    <div className="shell">
      <a href="#main" className="skip">
        Skip to the view
      </a>
      <nav className="rail" aria-label="Views">
        <AppLink href={hrefTo("/", address)} className="rail-logo" aria-label="Traceo, home">
          <Logo size={26} />
        </AppLink>
        {VIEWS.map(({ path: to, name, icon, key }) => (
          <AppLink
            key={to}
            href={hrefTo(to, address)}
            className="rail-item"
            aria-current={current(to) ? "page" : undefined}
            title={`${name}  g ${key}`}
          >
            <Icon name={icon} size={20} />
            <span>{name}</span>
          </AppLink>
        ))}
        <span className="grow" />
        <button
          type="button"
          className="rail-item rail-trail"
          aria-pressed={trail}
          onClick={() => setTrail(!trail)}
          title="Evidence trail"
        >
          <Icon name="trail" size={20} />
          <span>Trail</span>
        </button>
      </nav>
      <header className="top-bar">
        <div id="view-title" className="top-title" />
        <button
          type="button"
          className="search-button"
          onClick={() => setPalette(true)}
          aria-keyshortcuts="Meta+K Control+K"
        >
          <Icon name="search" />
          <span>Search or jump to</span>
          <kbd>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <TimePicker />
        <button
          type="button"
          className="icon-button"
          aria-label={live ? "Pause" : "Follow live"}
          aria-pressed={live}
          title={`${live ? "Pause" : "Follow live"}  .`}
          onClick={toggleLive}
        >
          <Icon name={live ? "pause" : "play"} />
        </button>
        <button
          type="button"
          className={`icon-button ${fetching ? "busy" : ""}`}
          aria-label="Refresh"
          title="Refresh  r"
          onClick={refresh}
        >
          <Icon name="refresh" />
        </button>
        <span className="top-line" />
        <button
          type="button"
          className="icon-button wide-only"
          aria-label="Keep this step on the trail"
          title="Keep this step  e"
          onClick={keepStep}
        >
          <Icon name="keep" />
        </button>
        <button
          type="button"
          className="icon-button wide-only"
          aria-label="Copy link"
          title="Copy link  y"
          onClick={copy}
        >
          <Icon name="link" />
        </button>
        <button
          type="button"
          className="icon-button wide-only"
          aria-label={theme === "dark" ? "Light theme" : "Dark theme"}
          title="Theme"
          onClick={() => setPreferences({ theme: theme === "dark" ? "light" : "dark" })}
        >
          <Icon name={theme === "dark" ? "sun" : "moon"} />
        </button>
      </header>
      {offline && (
        <div className="offline" role="status">
          <Icon name="alert" size={14} /> Traceo cannot be reached. What you see is from before; reconnecting by itself.
        </div>
      )}
      {!offline &&
        status.data !== undefined &&
        status.data.engine.state !== "ready" &&
        status.data.engine.state !== "running" && (
          <div className="offline" role="status">
            <Icon name="alert" size={14} /> The engine is {status.data.engine.state}. Telemetry is still accepted and
            kept; answers wait.
          </div>
        )}
      <main id="main" className="main" tabIndex={-1}>
        <Outlet />
      </main>
      {trail && <TrailPanel onClose={() => setTrail(false)} />}
      <ValueMenu />
      <Toasts />
      {palette && <CommandPalette onClose={() => setPalette(false)} actions={actions} />}
      {help && <KeyboardHelp onClose={() => setHelp(false)} />}
    </div>
  );
}

interface ShellKeys {
  readonly palette: () => void;
  readonly help: () => void;
  readonly go: (path: string) => void;
  readonly live: () => void;
  readonly step: (direction: -1 | 1) => void;
  readonly copy: () => void;
  readonly keep: () => void;
  readonly refresh: () => void;
}

function useShellKeys(keys: ShellKeys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    let goUntil = 0;
    const onKey = (event: KeyboardEvent): void => {
      const act = latest.current;
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        act.palette();
        return;
      }
      const target = event.composedPath()[0];
      const typing =
        target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
      if (
        typing ||
        event.metaKey ||
        event.ctrlKey ||
        event.altKey ||
        event.defaultPrevented ||
        document.querySelector("dialog[open]") !== null
      )
        return;
      if (goUntil > event.timeStamp) {
        goUntil = 0;
        const view = VIEWS.find(({ key }) => key === event.key);
        if (view !== undefined) {
          event.preventDefault();
          act.go(view.path);
        }
        return;
      }
      const actions: Record<string, () => void> = {
        g: () => {
          goUntil = event.timeStamp + 1500;
        },
        "/": () => document.querySelector<HTMLElement>("[data-query]")?.focus(),
        "?": act.help,
        t: () => document.dispatchEvent(new CustomEvent("traceo:time")),
        ".": act.live,
        "[": () => act.step(-1),
        "]": () => act.step(1),
        y: act.copy,
        e: act.keep,
        r: act.refresh,
      };
      const action = actions[event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
