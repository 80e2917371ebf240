import chromium from "@sparticuz/chromium";
import { type Browser, type BrowserContext, chromium as playwright } from "playwright-core";

/** Flags that would switch off what the tests are to prove (one origin reading another's answers) or make runs differ. */
const REFUSED =
  /^--(use-gl|use-angle|enable-unsafe-swiftshader|ignore-gpu-blocklist|in-process-gpu|disable-web-security|allow-running-insecure-content|single-process|disable-site-isolation-trials|disable-features=.*IsolateOrigins.*)(=|$)/;

/** Drawn by the CPU, all of it each time: what a GPU process that came late or a half-drawn tile adds differs between runs. */
const STEADY = [
  "--disable-gpu",
  "--disable-gpu-rasterization",
  "--disable-partial-raster",
  "--force-color-profile=srgb",
];

/** Headless Chromium from npm, unpacked to the temporary folder at first use. */
export async function openBrowser(): Promise<Browser> {
  return await playwright.launch({
    executablePath: await chromium.executablePath(),
    args: [
      ...chromium.args.filter((flag) => !REFUSED.test(flag)),
      ...STEADY,
      "--disable-background-networking",
      "--no-first-run",
    ],
    headless: true,
  });
}

/** A context in which everything that could differ between runs is fixed. */
export async function openContext(
  browser: Browser,
  width = 1440,
  colorScheme: "dark" | "light" = "dark",
): Promise<BrowserContext> {
  return await browser.newContext({
    viewport: { width, height: width < 600 ? 844 : 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    colorScheme,
    reducedMotion: "reduce",
  });
}
