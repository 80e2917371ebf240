import { type ReactElement, type ReactNode, useEffect, useState } from "react";
import { createPortal } from "react-dom";

/** The view's title and breadcrumbs, in the top bar. */
export function ViewTitle({ children }: { readonly children: ReactNode }): ReactElement | null {
  const [place, setPlace] = useState<HTMLElement | null>(null);
  useEffect(() => setPlace(document.getElementById("view-title")), []);
  return place === null ? null : createPortal(children, place);
}
