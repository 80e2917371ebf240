import { type AnyNode, isTag, type Page, type TagNode } from "./document.ts";

interface Behind {
  readonly page: Page;
  readonly node: AnyNode;
}

const behind = new WeakMap<object, Behind>();
/** The same node is the same object to a script. */
const elements = new WeakMap<AnyNode, Element>();
/** Classes for tags, filled by element-kinds.ts. */
export const elementClasses = new Map<string, new (page: Page, node: AnyNode) => Element>();

export function elementOf(page: Page, node: AnyNode): Element {
  const known = elements.get(node);
  if (known !== undefined) return known;
  const kind = (isTag(node) ? elementClasses.get(node.name) : undefined) ?? Element;
  const made = new kind(page, node);
  elements.set(node, made);
  return made;
}

/** The node behind an Element; undefined: it is none. */
export function nodeOf(value: unknown): AnyNode | undefined {
  return typeof value === "object" && value !== null ? behind.get(value)?.node : undefined;
}

export function pageOf(element: Element): Page {
  return behind.get(element)!.page;
}

/** The tag behind an element of a kind. */
export function tagOf(element: Element): TagNode {
  return behind.get(element)!.node as TagNode;
}

function parentOf(node: AnyNode): AnyNode | null {
  return node.parent as AnyNode | null;
}

function childrenOf(node: AnyNode): readonly AnyNode[] {
  return "children" in node ? node.children : [];
}

/** An attribute's node in the DOM. */
export class Attribute {
  readonly name: string;
  value: string;
  readonly ownerElement: Element;

  constructor(name: string, value: string, owner: Element) {
    this.name = name;
    this.value = value;
    this.ownerElement = owner;
  }

  localName(): string {
    return this.name.slice(this.name.indexOf(":") + 1);
  }

  namespaceURI(): string {
    return this.name.startsWith("xlink:") ? "http://www.w3.org/1999/xlink" : "";
  }

  prefix(): string {
    return this.name.includes(":") ? this.name.slice(0, this.name.indexOf(":")) : "";
  }
}

/** A node of a page by the names of the DOM, its properties as methods, as k6/html has it. */
export class Element {
  constructor(page: Page, node: AnyNode) {
    behind.set(this, { page, node });
  }

  #node(): AnyNode {
    return behind.get(this)!.node;
  }

  #page(): Page {
    return behind.get(this)!.page;
  }

  #attributes(): Readonly<Record<string, string>> {
    const node = this.#node();
    return isTag(node) ? node.attribs : {};
  }

  #element(node: AnyNode | null | undefined): Element | undefined {
    return node === null || node === undefined ? undefined : elementOf(this.#page(), node);
  }

  #elements(nodes: readonly AnyNode[]): Element[] {
    return nodes.map((node) => elementOf(this.#page(), node));
  }

  attributes(): Record<string, Attribute> {
    return Object.fromEntries(
      Object.entries(this.#attributes()).map(([name, value]) => [name, new Attribute(name, value, this)]),
    );
  }

  childElementCount(): number {
    return childrenOf(this.#node()).filter(isTag).length;
  }

  childNodes(): Element[] {
    return this.#elements(childrenOf(this.#node()));
  }

  children(): Element[] {
    return this.#elements(childrenOf(this.#node()).filter(isTag));
  }

  classList(): string[] {
    return (this.#attributes()["class"] ?? "").split(/\s+/).filter((name) => name !== "");
  }

  className(): string | undefined {
    return this.#attributes()["class"];
  }

  contains(other: unknown): boolean {
    const inner = nodeOf(other);
    for (let at = inner === undefined ? null : parentOf(inner); at !== null; at = parentOf(at))
      if (at === this.#node()) return true;
    return false;
  }

  firstChild(): Element | undefined {
    return this.#element(childrenOf(this.#node())[0]);
  }

  firstElementChild(): Element | undefined {
    return this.#element(childrenOf(this.#node()).find(isTag));
  }

  lastChild(): Element | undefined {
    return this.#element(childrenOf(this.#node()).at(-1));
  }

  lastElementChild(): Element | undefined {
    return this.#element(childrenOf(this.#node()).filter(isTag).at(-1));
  }

  getAttribute(name: string): string | undefined {
    const attributes = this.#attributes();
    return Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  }

  getAttributeNode(name: string): Attribute | undefined {
    const value = this.getAttribute(name);
    return value === undefined ? undefined : new Attribute(name, value, this);
  }

  getElementsByClassName(names: string): Element[] {
    const wanted = String(names)
      .split(/\s+/)
      .filter((name) => name !== "");
    return this.#within((tag) => {
      const own = (tag.attribs["class"] ?? "").split(/\s+/);
      return wanted.length > 0 && wanted.every((name) => own.includes(name));
    });
  }

  getElementsByTagName(name: string): Element[] {
    const wanted = String(name).toLowerCase();
    return this.#within((tag) => wanted === "*" || tag.name === wanted);
  }

  #within(fits: (tag: TagNode) => boolean): Element[] {
    const all = this.#page().api(this.#node()).find("*").toArray();
    return this.#elements(all.filter((node): node is TagNode => isTag(node) && fits(node)));
  }

  hasAttribute(name: string): boolean {
    return Object.hasOwn(this.#attributes(), name);
  }

  hasAttributes(): boolean {
    return Object.keys(this.#attributes()).length > 0;
  }

  hasChildNodes(): boolean {
    return childrenOf(this.#node()).length > 0;
  }

  id(): string | undefined {
    return this.#attributes()["id"];
  }

  innerHTML(): string | undefined {
    return this.#page().api(this.#node()).html() ?? undefined;
  }

  isDefaultNamespace(): boolean {
    return this.namespaceURI() === "http://www.w3.org/1999/xhtml" || this.namespaceURI() === "";
  }

  isEqualNode(other: unknown): boolean {
    const node = nodeOf(other);
    if (node === undefined) return false;
    const { api } = this.#page();
    return node.type === this.#node().type && api.html(api(node)) === api.html(api(this.#node()));
  }

  isSameNode(other: unknown): boolean {
    return nodeOf(other) === this.#node();
  }

  lang(): string | undefined {
    return this.#attributes()["lang"];
  }

  matches(selector: string): boolean {
    return this.#page().api(this.#node()).is(String(selector));
  }

  namespaceURI(): string {
    const node = this.#node();
    return isTag(node) ? (node.namespace ?? "http://www.w3.org/1999/xhtml") : "";
  }

  nextSibling(): Element | undefined {
    return this.#element(this.#node().next as AnyNode | null);
  }

  previousSibling(): Element | undefined {
    return this.#element(this.#node().prev as AnyNode | null);
  }

  nextElementSibling(): Element | undefined {
    return this.#element(this.#page().api(this.#node()).next().get(0));
  }

  previousElementSibling(): Element | undefined {
    return this.#element(this.#page().api(this.#node()).prev().get(0));
  }

  nodeName(): string {
    const node = this.#node();
    if (isTag(node)) return node.name;
    return node.type === "text"
      ? "#text"
      : node.type === "comment"
        ? "#comment"
        : node.type === "root"
          ? "#document"
          : "#doctype";
  }

  nodeType(): number | undefined {
    const node = this.#node();
    if (isTag(node)) return 1;
    return node.type === "text" ? 3 : node.type === "comment" ? 8 : node.type === "root" ? 9 : 10;
  }

  nodeValue(): string | undefined {
    const node = this.#node();
    return (node.type === "text" || node.type === "comment") && "data" in node ? node.data : undefined;
  }

  ownerDocument(): Element | undefined {
    return this.#element(this.#page().api.root().get(0));
  }

  parentElement(): Element | undefined {
    const parent = parentOf(this.#node());
    return isTag(parent) ? this.#element(parent) : undefined;
  }

  parentNode(): Element | undefined {
    return this.#element(parentOf(this.#node()));
  }

  querySelector(selector: string): Element | undefined {
    return this.#element(this.#page().api(this.#node()).find(String(selector)).get(0));
  }

  querySelectorAll(selector: string): Element[] {
    return this.#elements(this.#page().api(this.#node()).find(String(selector)).toArray());
  }

  textContent(): string {
    const node = this.#node();
    if (node.type === "text" && "data" in node) return node.data;
    return this.#page().api(node).text();
  }

  toString(): string {
    return this.#page().api.html(this.#page().api(this.#node() as TagNode));
  }
}
