import { useRouter } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, MouseEvent, ReactElement } from "react";

/** A link to a place in this interface, given as path and search. Opens in place; modified clicks stay the browser's. */
export function AppLink({
  href,
  onClick,
  children,
  ...rest
}: AnchorHTMLAttributes<HTMLAnchorElement> & { readonly href: string }): ReactElement {
  const router = useRouter();
  const preload = (): void => {
    // Fetches the view's code while the pointer is on its way; failing is harmless, the click tries again.
    router.preloadRoute({ to: href.split("?")[0]! } as never).catch(() => undefined);
  };
  return (
    <a
      href={href}
      onMouseEnter={preload}
      onFocus={preload}
      onClick={(event: MouseEvent<HTMLAnchorElement>) => {
        onClick?.(event);
        if (
          event.defaultPrevented ||
          event.button !== 0 ||
          event.metaKey ||
          event.ctrlKey ||
          event.shiftKey ||
          event.altKey
        )
          return;
        event.preventDefault();
        router.history.push(href);
      }}
      {...rest}
    >
      {children}
    </a>
  );
}
