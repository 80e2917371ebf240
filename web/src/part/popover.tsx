import { type ReactElement, type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import "./popover.css";

export interface PopoverProps {
  readonly anchor: DOMRect | RefObject<HTMLElement | null>;
  readonly onClose: () => void;
  readonly label: string;
  readonly align?: "start" | "end";
  readonly width?: number;
  readonly children: ReactNode;
}

/** A small panel by its anchor. Escape and a press outside close it; the focus goes back to where it came from. */
export function Popover({ anchor, onClose, label, align = "start", width, children }: PopoverProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const [place, setPlace] = useState<{ left: number; top: number; maxHeight: number } | null>(null);

  useLayoutEffect(() => {
    const rect = anchor instanceof DOMRect ? anchor : anchor.current?.getBoundingClientRect();
    const element = box.current;
    if (rect === undefined || element === null) return;
    const own = element.getBoundingClientRect();
    const wanted = align === "end" ? rect.right - own.width : rect.left;
    const left = Math.max(8, Math.min(wanted, innerWidth - own.width - 8));
    const below = innerHeight - rect.bottom - 12;
    const above = rect.top - 12;
    const up = own.height > below && above > below;
    setPlace({
      left,
      top: up ? Math.max(8, rect.top - 4 - Math.min(own.height, above)) : rect.bottom + 4,
      maxHeight: Math.max(120, up ? above : below),
    });
  }, [anchor, align]);

  useEffect(() => {
    const before = document.activeElement;
    const element = box.current;
    const onDown = (event: PointerEvent): void => {
      if (event.target instanceof Node && box.current?.contains(event.target)) return;
      if (!(anchor instanceof DOMRect) && event.target instanceof Node && anchor.current?.contains(event.target))
        return;
      close.current();
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      event.preventDefault();
      close.current();
    };
    document.addEventListener("pointerdown", onDown, true);
    document.addEventListener("keydown", onKey, true);
    return () => {
      document.removeEventListener("pointerdown", onDown, true);
      document.removeEventListener("keydown", onKey, true);
      if (
        before instanceof HTMLElement &&
        before.isConnected &&
        (element?.contains(document.activeElement) || document.activeElement === document.body)
      )
        before.focus();
    };
  }, [anchor]);

  // Only what is visible takes the focus, so this waits until the panel has its place.
  const placed = place !== null;
  useEffect(() => {
    const element = box.current;
    if (placed && element !== null && !element.contains(document.activeElement))
      (element.querySelector<HTMLElement>("[data-first], input, button, a") ?? element).focus();
  }, [placed]);

  return (
    <div
      ref={box}
      role="dialog"
      aria-label={label}
      tabIndex={-1}
      className="popover"
      style={{
        left: place?.left ?? 0,
        top: place?.top ?? 0,
        maxHeight: place?.maxHeight,
        visibility: place === null ? "hidden" : "visible",
        width,
      }}
    >
      {children}
    </div>
  );
}

/** Moves the focus among the buttons and links of a menu with the arrow keys. */
export function menuKeys(event: React.KeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp" && event.key !== "Home" && event.key !== "End") return;
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled), a")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const next =
    event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 : at + (event.key === "ArrowDown" ? 1 : -1);
  items[(next + items.length) % items.length]?.focus();
  event.preventDefault();
}
