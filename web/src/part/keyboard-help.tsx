import { type ReactElement, useEffect, useRef } from "react";
import { Icon } from "./icon.tsx";

const GROUPS: readonly { readonly title: string; readonly keys: readonly (readonly [string, string])[] }[] = [
  {
    title: "Everywhere",
    keys: [
      ["⌘K", "commands (Ctrl-K)"],
      ["/", "query"],
      ["t", "time range"],
      [".", "follow live, or pause"],
      ["[ ]", "step the range"],
      ["r", "refresh"],
      ["e", "keep this step on the trail"],
      ["y", "copy link"],
      ["?", "this help"],
    ],
  },
  {
    title: "Go to",
    keys: [
      ["g h", "Home"],
      ["g s", "Services"],
      ["g t", "Traces"],
      ["g l", "Logs"],
      ["g m", "Metrics"],
      ["g q", "SQL"],
    ],
  },
  {
    title: "Lists and the waterfall",
    keys: [
      ["j k", "down, up (also ↓ ↑)"],
      ["→ ←", "open, close; child, parent"],
      ["enter", "open the row"],
      ["f", "find in the trace"],
      ["c", "critical path"],
      ["esc", "close, clear the selection"],
    ],
  },
];

export function KeyboardHelp({ onClose }: { readonly onClose: () => void }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Keyboard"
      onClose={onClose}
      onPointerDown={(event) => event.target === dialog.current && onClose()}
    >
      <div className="palette-box help-box">
        <header className="row">
          <h2 className="grow">Keyboard</h2>
          <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div className="help-groups">
          {GROUPS.map(({ title, keys }) => (
            <section key={title}>
              <h3>{title}</h3>
              <dl>
                {keys.map(([key, what]) => (
                  <div key={key} className="help-key">
                    <dt>
                      {key.split(" ").map((part) => (
                        <kbd key={part}>{part}</kbd>
                      ))}
                    </dt>
                    <dd>{what}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </div>
    </dialog>
  );
}
