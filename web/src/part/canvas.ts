import { type RefObject, useEffect, useLayoutEffect, useState } from "react";

/** The size of an element in CSS pixels, as it changes. */
export function useBoxSize(box: RefObject<HTMLElement | null>): { readonly width: number; readonly height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = (): void =>
      setSize((old) =>
        old.width === element.clientWidth && old.height === element.clientHeight
          ? old
          : { width: element.clientWidth, height: element.clientHeight },
      );
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return size;
}

const CANVAS_FONTS = ['12px "Inter"', '500 12px "Inter"'];

/**
 * Whether the interface's font can be drawn with. A canvas keeps what it was drawn with, unlike text, so whoever writes on
 * one draws again when this turns true.
 */
export function useCanvasFont(): boolean {
  const [loaded, setLoaded] = useState(() => CANVAS_FONTS.every((font) => document.fonts.check(font)));
  useEffect(() => {
    if (loaded) return;
    // Without the font, the system's stays.
    void Promise.allSettled(CANVAS_FONTS.map((font) => document.fonts.load(font))).then(() => setLoaded(true));
  }, [loaded]);
  return loaded;
}

/** A cleared canvas of that size, sharp on this display; null while it has none. */
export function drawOn(
  canvas: HTMLCanvasElement | null,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  if (canvas === null || width <= 0 || height <= 0) return null;
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  if (context === null) return null;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
