import type { Cheerio } from "cheerio";
import type { ScriptModule } from "../../script-module.ts";
import { type AnyNode, parsePage } from "./document.ts";
import "./element-kinds.ts";
import { Selection } from "./selection.ts";

/** The whole page as a Selection; `url` is what relative addresses in it are resolved by. */
export function parseDocument(html: string, url: string): Selection {
  const page = parsePage(html, url);
  return new Selection(page, page.api.root() as unknown as Cheerio<AnyNode>);
}

/** k6/html. */
export const htmlModule: ScriptModule = {
  specifier: "k6/html",
  exports: {
    parseHTML: (html: unknown): Selection => parseDocument(String(html), ""),
  },
};
