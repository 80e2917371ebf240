import type { Cheerio } from "cheerio";
import { callingBack } from "#script/blocking.ts";
import { type AnyNode, isTag, type Page, type TagNode } from "./document.ts";
import { type Element, elementOf, nodeOf } from "./element.ts";
import { fieldValue, formFields } from "./form-field.ts";

/** A script's function that is called with an index and an element or a selection. */
type Each = (...args: never[]) => unknown;

/** jQuery's view of a page, as k6/html has it: a set of nodes in document order. Shared code of the methods below. */
export class Selection {
  readonly #page: Page;
  readonly #nodes: Cheerio<AnyNode>;

  constructor(page: Page, nodes: Cheerio<AnyNode>) {
    this.#page = page;
    this.#nodes = nodes;
  }

  #with(nodes: Cheerio<AnyNode>): Selection {
    return new Selection(this.#page, nodes);
  }

  #of(nodes: readonly AnyNode[]): Selection {
    return this.#with(this.#page.api([...nodes]) as unknown as Cheerio<AnyNode>);
  }

  /** A selector, Selection or Element as cheerio takes it. */
  #matcher(value: unknown): string | Cheerio<AnyNode> {
    if (value instanceof Selection) return value.#nodes;
    const node = nodeOf(value);
    if (node !== undefined) return this.#page.api(node) as unknown as Cheerio<AnyNode>;
    return String(value);
  }

  attr(name: unknown, otherwise?: string): string | undefined {
    const first = this.#nodes.get(0);
    return isTag(first) && Object.hasOwn(first.attribs, String(name)) ? first.attribs[String(name)] : otherwise;
  }

  children(selector?: string): Selection {
    return this.#with(present(selector) ? this.#nodes.children(String(selector)) : this.#nodes.children());
  }

  closest(selector: unknown): Selection {
    return this.#with(this.#nodes.closest(this.#matcher(selector) as string));
  }

  contents(): Selection {
    return this.#with(this.#nodes.contents() as Cheerio<AnyNode>);
  }

  /** `data-*` of the first element: one value, or all of them; what reads as JSON is given as what it says. */
  data(key?: string): unknown {
    const first = this.#nodes.get(0);
    if (!isTag(first)) return undefined;
    if (present(key)) {
      const name = `data-${String(key).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return Object.hasOwn(first.attribs, name) ? dataValue(first.attribs[name]!) : undefined;
    }
    return Object.fromEntries(
      Object.entries(first.attribs)
        .filter(([name]) => name.startsWith("data-"))
        .map(([name, value]) => [
          name.slice(5).replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase()),
          dataValue(value),
        ]),
    );
  }

  eq(index: number): Selection {
    return this.#with(this.#nodes.eq(Number(index)));
  }

  find(selector: unknown): Selection {
    return this.#with(this.#nodes.find(this.#matcher(selector) as string) as Cheerio<AnyNode>);
  }

  first(): Selection {
    return this.#with(this.#nodes.first());
  }

  get(index: number): Element | undefined {
    const node = this.#nodes.get(Number(index));
    return node === undefined ? undefined : elementOf(this.#page, node);
  }

  has(selector: unknown): Selection {
    return this.#with(this.#nodes.has(this.#matcher(selector) as string));
  }

  html(): string | undefined {
    return this.#nodes.length === 0 ? undefined : (this.#nodes.html() ?? undefined);
  }

  /** Position among the siblings, or of an element or a selector's first match in this selection; -1: not there. */
  index(of?: unknown): number {
    if (!present(of)) return this.#nodes.length === 0 ? -1 : this.#nodes.first().index();
    if (typeof of === "string") return this.#nodes.index(of);
    const node = of instanceof Selection ? of.#nodes.get(0) : nodeOf(of);
    return node === undefined ? -1 : this.#nodes.toArray().indexOf(node);
  }

  last(): Selection {
    return this.#with(this.#nodes.last());
  }

  next(selector?: unknown): Selection {
    return this.#with(this.#nodes.next(this.#optional(selector)) as Cheerio<AnyNode>);
  }

  nextAll(selector?: unknown): Selection {
    return this.#with(this.#nodes.nextAll(this.#optional(selector)) as Cheerio<AnyNode>);
  }

  nextUntil(selector?: unknown, filter?: unknown): Selection {
    return this.#with(this.#nodes.nextUntil(this.#optional(selector), this.#optional(filter)) as Cheerio<AnyNode>);
  }

  parent(selector?: unknown): Selection {
    return this.#with(this.#nodes.parent(this.#optional(selector)) as Cheerio<AnyNode>);
  }

  parents(selector?: unknown): Selection {
    return this.#with(this.#nodes.parents(this.#optional(selector)) as Cheerio<AnyNode>);
  }

  parentsUntil(selector?: unknown, filter?: unknown): Selection {
    return this.#with(this.#nodes.parentsUntil(this.#optional(selector), this.#optional(filter)) as Cheerio<AnyNode>);
  }

  prev(selector?: unknown): Selection {
    return this.#with(this.#nodes.prev(this.#optional(selector)) as Cheerio<AnyNode>);
  }

  prevAll(selector?: unknown): Selection {
    return this.#with(this.#nodes.prevAll(this.#optional(selector)) as Cheerio<AnyNode>);
  }

  prevUntil(selector?: unknown, filter?: unknown): Selection {
    return this.#with(this.#nodes.prevUntil(this.#optional(selector), this.#optional(filter)) as Cheerio<AnyNode>);
  }

  siblings(selector?: unknown): Selection {
    return this.#with(this.#nodes.siblings(this.#optional(selector)) as Cheerio<AnyNode>);
  }

  #optional(selector: unknown): string | undefined {
    return present(selector) ? (this.#matcher(selector) as string) : undefined;
  }

  /** `name=value&…` of a form, or of form fields. */
  serialize(): string {
    return formFields(this.#page, this.#nodes)
      .map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`.replaceAll("%20", "+"))
      .join("&");
  }

  serializeArray(): { name: string; value: string }[] {
    return formFields(this.#page, this.#nodes);
  }

  /** The last value of each name. */
  serializeObject(): Record<string, string> {
    return Object.fromEntries(formFields(this.#page, this.#nodes).map(({ name, value }) => [name, value]));
  }

  size(): number {
    return this.#nodes.length;
  }

  slice(start: number, end?: number): Selection {
    return this.#with(this.#nodes.slice(Number(start), present(end) ? Number(end) : undefined));
  }

  text(): string {
    return this.#nodes.text();
  }

  toArray(): Selection[] {
    return this.#nodes.toArray().map((node) => this.#of([node]));
  }

  val(): string | string[] | undefined {
    const first = this.#nodes.get(0);
    return isTag(first) ? fieldValue(this.#page, first) : undefined;
  }

  /** `each`, `map`, `filter`, `not` and `is` may be given a function of the script, which may make requests. */
  get each(): (handler: Each) => Selection {
    const selection = this;
    return callingBack("html.each", function* (_user, handler: Each) {
      for (const [index, node] of selection.#nodes.toArray().entries())
        yield { callee: callable(handler, "each"), self: undefined, args: [index, elementOf(selection.#page, node)] };
      return selection;
    });
  }

  get map(): (mapper: Each) => unknown[] {
    const selection = this;
    return callingBack("html.map", function* (_user, mapper: Each) {
      const mapped: unknown[] = [];
      for (const [index, node] of selection.#nodes.toArray().entries())
        mapped.push(yield { callee: callable(mapper, "map"), self: undefined, args: [index, selection.#of([node])] });
      return mapped;
    });
  }

  get filter(): (what: unknown) => Selection {
    return this.#choosing("html.filter", true);
  }

  get not(): (what: unknown) => Selection {
    return this.#choosing("html.not", false);
  }

  #choosing(name: string, keeps: boolean): (what: unknown) => Selection {
    const selection = this;
    return callingBack(name, function* (_user, what: unknown) {
      if (typeof what !== "function") {
        const matcher = selection.#matcher(what) as string;
        return selection.#with(
          keeps ? selection.#nodes.filter(matcher) : (selection.#nodes.not(matcher) as Cheerio<AnyNode>),
        );
      }
      const kept: AnyNode[] = [];
      for (const [index, node] of selection.#nodes.toArray().entries()) {
        const isChosen = yield { callee: what as Each, self: undefined, args: [index, selection.#of([node])] };
        if (Boolean(isChosen) === keeps) kept.push(node);
      }
      return selection.#of(kept);
    });
  }

  get is(): (what: unknown) => boolean {
    const selection = this;
    return callingBack("html.is", function* (_user, what: unknown) {
      if (typeof what !== "function") return selection.#nodes.is(selection.#matcher(what) as string);
      for (const [index, node] of selection.#nodes.toArray().entries())
        if (yield { callee: what as Each, self: undefined, args: [index, selection.#of([node])] }) return true;
      return false;
    });
  }

  toString(): string {
    return this.#page.api.html(this.#nodes as Cheerio<TagNode>);
  }
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function callable(value: unknown, method: string): Each {
  if (typeof value !== "function") throw new TypeError(`the argument to ${method}() must be a function`);
  return value as Each;
}

/** jQuery's reading of a data attribute. */
function dataValue(text: string): unknown {
  if (text === "true") return true;
  if (text === "false") return false;
  if (text === "null") return undefined;
  if (/^-?\d+(\.\d+)?$/.test(text) && String(Number(text)) === text) return Number(text);
  if (/^[{[]/.test(text))
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  return text;
}
