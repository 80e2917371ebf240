import type { Cheerio } from "cheerio";
import { type AnyNode, isTag, type Page, type TagNode } from "./document.ts";

const FIELDS = "input, select, textarea, keygen";
const UNSENT = new Set(["submit", "button", "image", "reset", "file"]);

/** The fields that a browser would send (HTML, "constructing the entry list"), in document order. */
export function formFields(page: Page, nodes: Cheerio<AnyNode>): { name: string; value: string }[] {
  const found: { name: string; value: string }[] = [];
  for (const node of nodes.toArray()) {
    if (!isTag(node)) continue;
    const tags = node.name === "form" || !isField(node) ? page.api(node).find(FIELDS).toArray() : [node];
    for (const field of tags) if (isTag(field)) addField(page, field, found);
  }
  return found;
}

function isField(node: TagNode): boolean {
  return ["input", "select", "textarea", "keygen"].includes(node.name);
}

function addField(page: Page, field: TagNode, found: { name: string; value: string }[]): void {
  const {
    name: fieldName = "",
    type = "text",
    disabled,
    checked,
  } = field.attribs as Record<string, string | undefined>;
  if (fieldName === "" || disabled !== undefined) return;
  const kind = type.toLowerCase();
  if (field.name === "input") {
    if (UNSENT.has(kind)) return;
    if ((kind === "checkbox" || kind === "radio") && checked === undefined) return;
  }
  const value = fieldValue(page, field);
  for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value])
    found.push({ name: fieldName, value: one });
}

/** What `val()` says of an element. */
export function fieldValue(page: Page, field: TagNode): string | string[] | undefined {
  switch (field.name) {
    case "textarea":
      return page.api(field).text();
    case "option":
      return optionValue(page, field);
    case "select": {
      const options = page.api(field).find("option").toArray().filter(isTag);
      const chosen = options.filter((option) => option.attribs["selected"] !== undefined);
      if (field.attribs["multiple"] !== undefined) return chosen.map((option) => optionValue(page, option));
      const one = chosen.at(-1) ?? options.find((option) => option.attribs["disabled"] === undefined);
      return one === undefined ? undefined : optionValue(page, one);
    }
    case "input": {
      const { type = "text", value } = field.attribs as Record<string, string | undefined>;
      const isTicked = type.toLowerCase() === "checkbox" || type.toLowerCase() === "radio";
      return value ?? (isTicked ? "on" : "");
    }
    default:
      return field.attribs["value"];
  }
}

export function optionValue(page: Page, option: TagNode): string {
  return option.attribs["value"] ?? page.api(option).text();
}
