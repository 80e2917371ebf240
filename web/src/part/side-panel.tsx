import { type CSSProperties, type ReactElement, type ReactNode, useEffect, useRef, useState } from "react";
import { Icon } from "./icon.tsx";
import "./side-panel.css";

const LEAST = 300;

/** The inspector: a panel beside the list, never over it on a desktop. Its edge can be dragged, or moved with arrow keys. */
export function SidePanel({
  label,
  title,
  onClose,
  children,
}: {
  readonly label: string;
  readonly title: ReactNode;
  readonly onClose: () => void;
  readonly children: ReactNode;
}): ReactElement {
  const panel = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(remembered);
  useEffect(() => {
    remembered = width;
  }, [width]);
  const resize = (next: number): void => setWidth(Math.round(Math.min(Math.max(next, LEAST), innerWidth * 0.7)));
  return (
    <aside ref={panel} className="side-panel" aria-label={label} style={{ "--side": `${width}px` } as CSSProperties}>
      {/* biome-ignore lint/a11y/useSemanticElements: a separator that can be moved is no rule */}
      <div
        className="side-edge"
        role="separator"
        aria-label="Width of the panel"
        aria-orientation="vertical"
        aria-valuenow={width}
        aria-valuemin={LEAST}
        aria-valuemax={1200}
        tabIndex={0}
        onKeyDown={(event) => {
          if (event.key === "ArrowLeft") resize(width + 24);
          else if (event.key === "ArrowRight") resize(width - 24);
        }}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId))
            resize((panel.current?.getBoundingClientRect().right ?? innerWidth) - event.clientX);
        }}
      />
      <header className="side-head">
        <div className="grow">{title}</div>
        <button type="button" className="icon-button" aria-label="Close the panel" title="Close  esc" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="side-body">{children}</div>
    </aside>
  );
}

let remembered = 420;
