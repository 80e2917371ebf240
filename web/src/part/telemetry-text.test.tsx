// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChipText } from "./query-bar.tsx";
import { TelemetryText } from "./telemetry-text.tsx";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

let host: HTMLElement;
let root: Root;
beforeEach(() => {
  host = document.createElement("div");
  document.body.append(host);
  root = createRoot(host);
});
afterEach(() => {
  act(() => root.unmount());
  host.remove();
});
const show = (element: React.ReactElement): HTMLElement => {
  act(() => root.render(element));
  return host;
};

describe("telemetry text", () => {
  it("marks what a search found, and nothing else", () => {
    const shown = show(<TelemetryText text={"a <b>hit</b> and\u202e a hit"} hits={/hit/g} />);
    expect([...shown.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["hit", "hit"]);
    expect(shown.textContent).toBe("a <b>hit</b> andU+202E a hit");
    expect(show(<TelemetryText text="none here" hits={/hit/g} />).querySelectorAll("mark")).toHaveLength(0);
  });

  it("is only ever text", () => {
    const shown = show(<TelemetryText text={'<script>alert(1)</script><img src=x onerror="alert(1)">'} full lines />);
    expect(shown.querySelectorAll("script, img")).toHaveLength(0);
    expect(shown.textContent).toContain("<script>alert(1)</script>");
  });

  it("marks what hides or reorders, with its name", () => {
    const shown = show(<TelemetryText text={"user\u202Enimda\u0000"} />);
    expect([...shown.querySelectorAll(".mark")].map((mark) => [mark.textContent, mark.getAttribute("title")])).toEqual([
      ["U+202E", "U+202E right-to-left override"],
      ["U+0000", "U+0000 null"],
    ]);
    expect(shown.querySelector("bdi")).not.toBeNull();
  });

  it("cuts a megabyte and shows it on demand", () => {
    const shown = show(<TelemetryText text={"x".repeat(1_000_000)} max={1000} full />);
    expect(shown.textContent!.length).toBeLessThan(1100);
    const button = shown.querySelector("button")!;
    expect(button.textContent).toContain("show all");
    act(() => button.click());
    expect(shown.textContent!.length).toBe(1_000_000);
  });

  it("links only http and https, without opener or referrer", () => {
    const link = show(<TelemetryText text="https://example.com/x" full />).querySelector("a")!;
    expect([link.getAttribute("href"), link.rel, link.target]).toEqual([
      "https://example.com/x",
      "noopener noreferrer",
      "_blank",
    ]);
    expect(show(<TelemetryText text="javascript:alert(1)" full />).querySelector("a")).toBeNull();
  });

  it("says empty for empty", () => {
    expect(show(<TelemetryText text="" />).textContent).toBe("empty");
  });
});

describe("chips", () => {
  const parts = (text: string): (string | null)[] =>
    [...show(<ChipText text={text} />).querySelectorAll("span")]
      .filter((span) => span.className !== "")
      .map((span) => span.textContent);

  it("show field, operator and value", () => {
    expect(parts("service = checkout")).toEqual(["service", "=", "checkout"]);
    expect(parts("attributes.http.route != /cart")).toEqual(["http.route", "!=", "/cart"]);
    expect(parts('attributes.x in a,"b, c"')).toEqual(["x", "in", 'a,"b, c"']);
    expect(parts("attributes.user.id exists")).toEqual(["user.id", "exists"]);
  });

  it("show what is malformed as it is", () => {
    expect(show(<ChipText text="= broken" />).querySelector(".error-text")?.textContent).toBe("= broken");
  });
});
