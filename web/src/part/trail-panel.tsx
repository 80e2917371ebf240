import { useQueryClient } from "@tanstack/react-query";
import { useRouterState } from "@tanstack/react-router";
import { type ReactElement, useCallback, useState } from "react";
import type { SavedDocument } from "../../../src/api/contract/shapes.ts";
import { formatMinute } from "../format/clock-time.ts";
import { AskFailure, ask } from "../server/ask.ts";
import { newId, type Trail, type TrailStep, useDocument, useSave } from "../server/documents.ts";
import { printAddress } from "../state/address.ts";
import { useMoment } from "../state/moment.ts";
import { setPreferences, usePreferences } from "../state/preferences.ts";
import { lasting, useAddress, useRange, useZone } from "../state/question.ts";
import { FailureNote } from "./answer.tsx";
import { AppLink } from "./app-link.tsx";
import { Icon } from "./icon.tsx";
import { TelemetryText } from "./telemetry-text.tsx";
import { showToast } from "./toast.tsx";
import "./trail-panel.css";

/** What a step is called until somebody says better: the view and its filters. */
export function stepTitle(path: string, where: readonly string[] | undefined, text: string | undefined): string {
  const [, view = "", rest] = path.split("/");
  const name = view === "" ? "Home" : view === "sql" ? "SQL" : view[0]!.toUpperCase() + view.slice(1);
  const subject = rest === undefined ? "" : ` ${decodeURIComponent(rest).slice(0, 40)}`;
  const filters = [...(where ?? []), ...(text === undefined ? [] : [`“${text}”`])];
  return `${name}${subject}${filters.length === 0 ? "" : `: ${filters.join(", ")}`}`.slice(0, 200);
}

export function stepsOf(document: SavedDocument | undefined): readonly TrailStep[] {
  const content = document?.content as Partial<Trail> | undefined;
  return Array.isArray(content?.steps) ? content.steps : [];
}

/** Keeps the present view as a step of the trail, which begins with its first step. */
export function useKeepStep(): () => void {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const address = useAddress();
  const range = useRange();
  const { trail } = usePreferences();
  const save = useSave();
  const tenant = address.tenant;
  return useCallback(() => {
    const step: TrailStep = {
      id: newId(),
      keptMs: Date.now(),
      title: stepTitle(path, address.where, address.text),
      href: path + printAddress(lasting(address, range)),
      note: "",
    };
    const keep = async (): Promise<void> => {
      let current: SavedDocument | null = null;
      if (trail !== null) {
        try {
          current = await ask<SavedDocument>(`/documents/trail/${trail}`, {}, { tenant });
        } catch (error) {
          if (!(error instanceof AskFailure && error.problem.status === 404)) throw error;
        }
      }
      const id = current?.id ?? newId();
      const name = current?.name ?? `Trail of ${new Date().toISOString().slice(0, 16).replace("T", " ")}`;
      await save.mutateAsync({
        kind: "trail",
        id,
        version: current?.version ?? 0,
        name,
        content: { steps: [...stepsOf(current ?? undefined), step] },
      });
      if (current === null) setPreferences({ trail: id });
      showToast("Kept on the trail");
    };
    keep().catch((error: unknown) =>
      showToast(error instanceof Error ? error.message : "The step could not be kept", "error"),
    );
  }, [path, address, range, trail, save, tenant]);
}

/** The trail beside the view: steps, notes, one link. */
export function TrailPanel({ onClose }: { readonly onClose: () => void }): ReactElement {
  const { trail } = usePreferences();
  const document = useDocument("trail", trail);
  const keep = useKeepStep();
  return (
    <aside className="trail-panel" aria-label="Evidence trail">
      <header className="row">
        <h2 className="grow">Evidence trail</h2>
        <button type="button" className="icon-button" aria-label="Close the trail" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {document.data === undefined ? (
        <div className="trail-empty secondary">
          {document.isError && !(document.error instanceof AskFailure && document.error.problem.status === 404) ? (
            <FailureNote error={document.error} retry={() => void document.refetch()} />
          ) : (
            <p>Keep the steps that led somewhere, say why, and share the whole way as one link.</p>
          )}
        </div>
      ) : (
        <TrailSteps document={document.data} />
      )}
      <footer className="row">
        <button type="button" className="button primary grow" onClick={keep}>
          <Icon name="keep" /> Keep this step <kbd>e</kbd>
        </button>
        {trail !== null && (
          <button type="button" className="button" onClick={() => setPreferences({ trail: null })}>
            New trail
          </button>
        )}
      </footer>
    </aside>
  );
}

export function TrailSteps({
  document,
  wide = false,
}: {
  readonly document: SavedDocument;
  readonly wide?: boolean;
}): ReactElement {
  const save = useSave();
  const client = useQueryClient();
  const zone = useZone();
  const nowMs = useMoment();
  const [name, setName] = useState(document.name);
  const steps = stepsOf(document);
  const write = (next: readonly TrailStep[], title = document.name): void => {
    save.mutate(
      { kind: "trail", id: document.id, version: document.version, name: title, content: { steps: next } },
      {
        onError: (error) => {
          showToast(error.message, "error");
          void client.invalidateQueries({ queryKey: ["", "documents", "trail"] });
        },
      },
    );
  };
  return (
    <div className={wide ? "trail-steps wide" : "trail-steps"}>
      <div className="row trail-name">
        <input
          className="input grow"
          aria-label="Name of the trail"
          value={name}
          onChange={(event) => setName(event.target.value)}
          onBlur={() => name !== document.name && name.trim() !== "" && write(steps, name)}
        />
        <button
          type="button"
          className="button"
          onClick={() => {
            navigator.clipboard.writeText(`${location.origin}/trails/${document.id}`).then(
              () => showToast("Link to the whole trail copied"),
              () => showToast("The browser refused the clipboard", "error"),
            );
          }}
        >
          <Icon name="link" /> Link
        </button>
      </div>
      <ol>
        {steps.map((step, i) => (
          <li key={step.id} className="trail-step">
            <span className="trail-number" aria-hidden="true">
              {i + 1}
            </span>
            <div className="grow">
              <AppLink href={safeHref(step.href)} className="trail-title">
                <TelemetryText text={step.title} max={160} />
              </AppLink>
              <div className="small faint">kept {formatMinute(step.keptMs, zone, nowMs)}</div>
              <textarea
                className="input trail-note"
                aria-label={`Note on step ${i + 1}`}
                placeholder="What does this show?"
                rows={1}
                defaultValue={step.note}
                onBlur={(event) =>
                  event.target.value !== step.note &&
                  write(steps.map((other) => (other.id === step.id ? { ...other, note: event.target.value } : other)))
                }
              />
            </div>
            <button
              type="button"
              className="icon-button small"
              aria-label={`Drop step ${i + 1}`}
              onClick={() => write(steps.filter((other) => other.id !== step.id))}
            >
              <Icon name="close" size={14} />
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** A step leads within this interface only, whatever the document says. */
function safeHref(href: string): string {
  return /^\/(?![/\\])/.test(href) ? href : "/";
}
