import { type ReactElement, useSyncExternalStore } from "react";
import { Icon } from "./icon.tsx";
import "./toast.css";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: "ok" | "error";
  readonly action: { readonly label: string; readonly run: () => void } | null;
}

let toasts: readonly Toast[] = [];
let count = 0;
const listeners = new Set<() => void>();
const set = (next: readonly Toast[]): void => {
  toasts = next;
  for (const listener of listeners) listener();
};
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Says that something was done, once, and goes away by itself; errors stay longer. */
export function showToast(text: string, kind: Toast["kind"] = "ok", action: Toast["action"] = null): void {
  const id = ++count;
  set([...toasts.slice(-2), { id, text, kind, action }]);
  setTimeout(() => set(toasts.filter((toast) => toast.id !== id)), kind === "error" || action !== null ? 8000 : 3000);
}

export function Toasts(): ReactElement {
  const list = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {list.map((toast) => (
        <div key={toast.id} className={`toast ${toast.kind}`}>
          <Icon name={toast.kind === "ok" ? "check" : "alert"} />
          <span>{toast.text}</span>
          {toast.action !== null && (
            <button type="button" className="link" onClick={toast.action.run}>
              {toast.action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
