import type { Selection } from "../html/selection.ts";
import type { Response } from "./response.ts";

/** A request that a page leads to: arguments of `http.request`. */
export interface Led {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly params: unknown;
}

/** `response.submitForm({ formSelector, fields, submitSelector, params })`. Throws where the page has no such form. */
export function formRequest(response: Response, options: unknown): Led {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const formSelector = textOr(given["formSelector"], "form");
  const submitSelector = textOr(given["submitSelector"], '[type="submit"]');
  const form = response.html(formSelector).first();
  if (form.size() === 0)
    throw new Error(
      `no form found for selector ${JSON.stringify(formSelector)} in response ${JSON.stringify(response.url)}`,
    );
  const method = (form.attr("method") ?? "GET").toUpperCase();
  const action = form.attr("action");
  const url = new URL(action === undefined || action === "" ? response.url : action, response.url);
  const values: Record<string, unknown> = { ...form.serializeObject() };
  const submit = form.find(submitSelector).first();
  const submitName = submit.attr("name");
  if (submitName !== undefined && submitName !== "") put(values, submitName, submit.val() ?? "");
  for (const [name, value] of Object.entries((given["fields"] ?? {}) as object)) put(values, name, value);
  if (method !== "GET") return { method, url: url.href, body: values, params: given["params"] };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  url.search = query.toString();
  return { method, url: url.href, body: undefined, params: given["params"] };
}

/** `response.clickLink({ selector, params })`. Throws where the page has no such link. */
export function linkRequest(response: Response, options: unknown): Led {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const selector = textOr(given["selector"], "a[href]");
  const link: Selection = response.html(selector).first();
  if (link.size() === 0)
    throw new Error(
      `no element found for selector ${JSON.stringify(selector)} in response ${JSON.stringify(response.url)}`,
    );
  const href = link.attr("href");
  if (href === undefined)
    throw new Error(
      `no valid href attribute value found on element ${JSON.stringify(selector)} in response ${JSON.stringify(response.url)}`,
    );
  return { method: "GET", url: new URL(href, response.url).href, body: undefined, params: given["params"] };
}

function textOr(value: unknown, otherwise: string): string {
  return value === undefined || value === null ? otherwise : String(value);
}

function put(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}
