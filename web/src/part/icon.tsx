import type { ReactElement } from "react";

/** Our own line icons on a 20-unit grid; they say nothing alone, so they are hidden from assistive technology. */
const PATHS = {
  home: "M3 9.5 10 4l7 5.5M5 8.5V16h4v-4h2v4h4V8.5",
  services: "M4 4h5v5H4zM11 11h5v5h-5zM13.5 4v4M11.5 6h4M6.5 11v5M4 13.5h5",
  traces: "M3 5h8M6 10h9M10 15h5",
  logs: "M4 4.5h12M4 8.2h9M4 11.8h12M4 15.5h6",
  metrics: "M3 16h14M4 12.5l3.5-4 3 2.5L16 5",
  sql: "M10 3c3.9 0 6 1 6 2.3S13.900 7.600 10 7.600 4 6.600 4 5.300 6.100 3 10 3zM4 5.300v9.400C4 16 6.100 17 10 17s6-1 6-2.300V5.300M4 10c0 1.300 2.100 2.300 6 2.300s6-1 6-2.300",
  trail: "M5 4v8a3 3 0 0 0 3 3h4M5 4 3 6M5 4l2 2M12 15l-2-2M12 15l-2 2M15.500 15h.01",
  search: "M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM13 13l4 4",
  close: "M5 5l10 10M15 5 5 15",
  down: "M5 7.500l5 5 5-5",
  right: "M7.500 5l5 5-5 5",
  left: "M12.500 5l-5 5 5 5",
  refresh: "M16 10a6 6 0 1 1-1.800-4.300M16 3v3.500h-3.500",
  play: "M6 4l10 6-10 6z",
  pause: "M6.500 4.500v11M13.500 4.500v11",
  sun: "M10 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM10 2v2M10 16v2M2 10h2M16 10h2M4.300 4.300l1.400 1.400M14.300 14.300l1.400 1.400M4.300 15.700l1.400-1.400M14.300 5.700l1.400-1.400",
  moon: "M16.500 12A7 7 0 0 1 8 3.500 7 7 0 1 0 16.500 12z",
  link: "M8.500 11.500a3 3 0 0 0 4.200 0l2.600-2.600a3 3 0 0 0-4.200-4.200l-1 1M11.500 8.500a3 3 0 0 0-4.200 0l-2.600 2.600a3 3 0 0 0 4.200 4.200l1-1",
  keep: "M5.500 3.500h9v13L10 13l-4.500 3.500z",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  check: "M4 10.500l4 4 8-9",
  alert: "M10 3 2.500 16.500h15zM10 8.500v3.500M10 14.200v.1",
  error: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6.500v4.500M10 13.400v.1",
  clock: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4.200l2.800 1.800",
  zoomOut: "M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM13 13l4 4M6.500 9h5",
  table: "M3.500 4.500h13v11h-13zM3.500 8.200h13M8 8.200v7.300",
  copy: "M7.500 7.500h8v8h-8zM12.500 7.500v-3h-8v8h3",
  compare: "M7 4v12M13 4v12M4 8h3M4 12h3M13 7h3M13 13h3",
  group: "M4 5h4v4H4zM12 5h4v4h-4zM4 12h4v3H4zM12 12h4v3h-4z",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  external: "M8 5H5v10h10v-3M11 4.500h4.500V9M15 5l-6 6",
  question: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM8 8a2 2 0 1 1 2.700 1.900c-.5.200-.7.600-.7 1.300M10 13.700v.1",
  bolt: "M11 3 5 11.500h4L8.500 17 15 8.500h-4z",
  wrap: "M4 5h12M4 10h10a2.500 2.500 0 0 1 0 5h-3M12.500 13l-2 2 2 2M4 15h4",
  flame: "M4 4.500h12v3H4zM4 8.500h8v3H4zM4 12.500h5v3H4z",
  up: "M5 12.500l5-5 5 5",
  trash: "M4.500 6h11M8 6V4h4v2M6 6l.7 10.500h6.600L14 6",
  columns: "M3.500 4.500h13v11h-13zM8 4.500v11M12.300 4.500v11",
  filter: "M3.500 5h13l-5 6v4.500l-3-1.500V11z",
  target: "M10 16a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM10 2v4M10 14v4M2 10h4M14 10h4",
  explain: "M4 5h5M4 9h8M7 13h7M4 5v8",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }): ReactElement {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill={name === "play" ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth={name === "more" ? 2.6 : 1.6}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark of the program: three spans and the one that matters. */
export function Logo({ size = 24 }: { readonly size?: number }): ReactElement {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32">
      <path d="M6 9h12M10 16h14M14 23h8" stroke="var(--accent)" strokeWidth="3.4" strokeLinecap="round" />
      <circle cx="25" cy="9" r="2.4" fill="var(--warn)" />
    </svg>
  );
}
