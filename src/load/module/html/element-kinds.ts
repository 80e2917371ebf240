import { isTag, type Page, type TagNode } from "./document.ts";
import { Element, elementClasses, elementOf, pageOf, tagOf } from "./element.ts";
import { fieldValue, optionValue } from "./form-field.ts";

/**
 * What elements of a tag have beside the rest: attributes as methods (as the DOM reflects them), and what is worked out from
 * the page. One table, since every entry is a line of the HTML standard's IDL.
 */
interface Kind {
  readonly text?: readonly string[];
  readonly flags?: readonly string[];
  readonly numbers?: Readonly<Record<string, number>>;
  /** Resolved against the page's address. */
  readonly urls?: readonly string[];
  /** The first is the default. */
  readonly enums?: Readonly<Record<string, readonly string[]>>;
  readonly methods?: Readonly<Record<string, (tag: TagNode, page: Page) => unknown>>;
}

/** Where the method's name is not the attribute's. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  htmlFor: "for",
  defaultValue: "value",
  defaultChecked: "checked",
  defaultSelected: "selected",
  acceptCharset: "accept-charset",
  httpEquiv: "http-equiv",
  formNoValidate: "formnovalidate",
  noValidate: "novalidate",
  isMap: "ismap",
  allowFullscreen: "allowfullscreen",
};

const attributeOf = (method: string): string => ATTRIBUTES[method] ?? method.toLowerCase();

const all = (page: Page, tag: TagNode, selector: string): Element[] =>
  page
    .api(tag)
    .find(selector)
    .toArray()
    .map((node) => elementOf(page, node));

const first = (page: Page, tag: TagNode, selector: string): Element | undefined => all(page, tag, selector)[0];

const children = (page: Page, tag: TagNode, selector: string): Element[] =>
  page
    .api(tag)
    .children(selector)
    .toArray()
    .map((node) => elementOf(page, node));

const textOf = (tag: TagNode, page: Page): string => page.api(tag).text();

/** The form that a field belongs to: the one it names, or the one around it. */
function formOf(tag: TagNode, page: Page): Element | undefined {
  const { form } = tag.attribs as Record<string, string | undefined>;
  const found =
    form === undefined
      ? page.api(tag).closest("form").get(0)
      : page
          .api("form")
          .toArray()
          .find((node) => isTag(node) && node.attribs["id"] === form);
  return found === undefined ? undefined : elementOf(page, found);
}

function labelsOf(tag: TagNode, page: Page): Element[] {
  const { id } = tag.attribs as Record<string, string | undefined>;
  const around = page.api(tag).closest("label").toArray();
  const naming =
    id === undefined
      ? []
      : page
          .api("label")
          .toArray()
          .filter((node) => isTag(node) && node.attribs["for"] === id);
  return [...new Set([...naming, ...around])].map((node) => elementOf(page, node));
}

function address(tag: TagNode, page: Page): URL | undefined {
  const { href } = tag.attribs as Record<string, string | undefined>;
  const base = URL.canParse(page.url) ? page.url : undefined;
  return href !== undefined && URL.canParse(href, base) ? new URL(href, base) : undefined;
}

const inForm = { form: formOf };
const labelled = { labels: labelsOf };

const LINK: Kind = {
  text: ["hreflang", "rel", "target", "type", "download", "ping", "referrerPolicy", "rev", "media"],
  urls: ["href"],
  methods: {
    hash: (tag, page) => address(tag, page)?.hash ?? "",
    host: (tag, page) => address(tag, page)?.host ?? "",
    hostname: (tag, page) => address(tag, page)?.hostname ?? "",
    origin: (tag, page) => address(tag, page)?.origin ?? "",
    password: (tag, page) => address(tag, page)?.password ?? "",
    pathname: (tag, page) => address(tag, page)?.pathname ?? "",
    port: (tag, page) => address(tag, page)?.port ?? "",
    protocol: (tag, page) => address(tag, page)?.protocol ?? ":",
    search: (tag, page) => address(tag, page)?.search ?? "",
    username: (tag, page) => address(tag, page)?.username ?? "",
    relList: (tag) => words(tag.attribs["rel"]),
    text: textOf,
  },
};

const words = (text: string | undefined): string[] => (text ?? "").split(/\s+/).filter((word) => word !== "");

const FIELD: Kind = {
  text: ["name", "formTarget"],
  flags: ["formNoValidate", "autofocus", "disabled"],
  urls: ["formAction"],
  enums: {
    formEnctype: ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"],
    formMethod: ["get", "post"],
  },
  methods: { ...inForm, ...labelled, value: (tag, page) => fieldValue(page, tag) ?? "" },
};

const MEDIA: Kind = {
  text: ["mediaGroup"],
  urls: ["src"],
  flags: ["autoplay", "controls", "loop", "muted", "defaultMuted"],
  enums: { preload: ["auto", "metadata", "none"], crossOrigin: ["", "anonymous", "use-credentials"] },
  methods: { textTracks: (tag, page) => all(page, tag, "track") },
};

const ROWS: Kind = { text: ["align"], methods: { rows: (tag, page) => children(page, tag, "tr") } };

const CELL: Kind = {
  text: ["abbr", "headers", "scope"],
  numbers: { colSpan: 1, rowSpan: 1 },
  methods: { cellIndex: (tag, page) => page.api(tag).prevAll("td, th").length },
};

function sizeOf(attribute: string, otherwise: number): (tag: TagNode) => number {
  return (tag) => {
    const size = Number.parseInt(tag.attribs[attribute] ?? "", 10);
    return Number.isNaN(size) ? otherwise : size;
  };
}

const KINDS: Readonly<Record<string, Kind>> = {
  a: LINK,
  area: { ...LINK, text: [...LINK.text!, "alt", "coords", "shape"] },
  audio: MEDIA,
  base: { text: ["target"], urls: ["href"] },
  button: { ...FIELD, enums: { ...FIELD.enums, type: ["submit", "button", "menu", "reset"] } },
  canvas: { methods: { height: sizeOf("height", 150), width: sizeOf("width", 300) } },
  data: { text: ["value"] },
  datalist: { methods: { options: (tag, page) => all(page, tag, "option") } },
  del: { text: ["dateTime"], urls: ["cite"] },
  ins: { text: ["dateTime"], urls: ["cite"] },
  embed: { text: ["height", "width", "type"], urls: ["src"] },
  fieldset: {
    text: ["name"],
    flags: ["disabled"],
    methods: {
      ...inForm,
      type: () => "fieldset",
      elements: (tag, page) => all(page, tag, "button, fieldset, input, object, output, select, textarea"),
      validity: () => undefined,
    },
  },
  form: {
    text: ["name", "target", "acceptCharset"],
    flags: ["noValidate"],
    urls: ["action"],
    enums: {
      autocomplete: ["on", "off"],
      enctype: ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"],
      encoding: ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"],
      method: ["get", "post", "dialog"],
    },
    methods: {
      elements: (tag, page) => all(page, tag, "button, fieldset, input, object, output, select, textarea"),
      length: (tag, page) => all(page, tag, "button, fieldset, input, object, output, select, textarea").length,
    },
  },
  iframe: { text: ["name", "height", "width", "srcdoc"], urls: ["src"], flags: ["allowFullscreen"] },
  img: {
    text: ["alt", "name", "sizes", "srcset", "useMap"],
    urls: ["src", "currentSrc", "longDesc"],
    flags: ["isMap"],
    numbers: { height: 0, width: 0 },
    enums: { crossOrigin: ["", "anonymous", "use-credentials"] },
  },
  input: {
    ...FIELD,
    text: [
      ...FIELD.text!,
      "accept",
      "alt",
      "autocapitalize",
      "autocomplete",
      "defaultValue",
      "dirName",
      "max",
      "min",
      "pattern",
      "placeholder",
      "step",
    ],
    flags: [...FIELD.flags!, "checked", "defaultChecked", "multiple", "readonly", "required"],
    urls: [...FIELD.urls!, "src"],
    numbers: { size: 20, maxLength: -1, minLength: -1, height: 0, width: 0 },
    enums: {
      ...FIELD.enums,
      type: [
        "text",
        "button",
        "checkbox",
        "color",
        "date",
        "datetime-local",
        "email",
        "file",
        "hidden",
        "image",
        "month",
        "number",
        "password",
        "radio",
        "range",
        "reset",
        "search",
        "submit",
        "tel",
        "time",
        "url",
        "week",
      ],
    },
  },
  keygen: {
    text: ["challenge", "keytype", "name"],
    flags: ["autofocus", "disabled"],
    methods: { ...inForm, ...labelled },
  },
  label: {
    text: ["htmlFor"],
    methods: {
      ...inForm,
      control: (tag, page) => {
        const wanted = tag.attribs["for"];
        if (wanted === undefined) return first(page, tag, "button, input, meter, output, progress, select, textarea");
        const found = page
          .api("*")
          .toArray()
          .find((node) => isTag(node) && node.attribs["id"] === wanted);
        return found === undefined ? undefined : elementOf(page, found);
      },
    },
  },
  legend: { methods: inForm },
  li: { numbers: { value: 0 }, text: ["type"] },
  link: { ...LINK, enums: { crossOrigin: ["", "anonymous", "use-credentials"] } },
  map: {
    text: ["name"],
    methods: {
      areas: (tag, page) => all(page, tag, "area"),
      images: (tag, page) =>
        page
          .api("img")
          .toArray()
          .filter((node) => isTag(node) && node.attribs["usemap"] === `#${tag.attribs["name"] ?? ""}`)
          .map((node) => elementOf(page, node)),
    },
  },
  meta: { text: ["content", "name", "httpEquiv"] },
  meter: { numbers: { min: 0, max: 1, high: 1, low: 0, optimum: 0.5, value: 0 }, methods: labelled },
  object: { text: ["height", "width", "name", "type", "useMap"], urls: ["data"], methods: inForm },
  ol: { flags: ["reversed"], numbers: { start: 1 }, enums: { type: ["1", "a", "A", "i", "I"] } },
  optgroup: { text: ["label"], flags: ["disabled"] },
  option: {
    flags: ["selected", "defaultSelected"],
    methods: {
      ...inForm,
      disabled: (tag, page) =>
        tag.attribs["disabled"] !== undefined || page.api(tag).closest("optgroup[disabled]").length > 0,
      index: (tag, page) => page.api(tag).closest("select, datalist").find("option").index(tag),
      label: (tag, page) => tag.attribs["label"] ?? textOf(tag, page),
      text: textOf,
      value: (tag, page) => optionValue(page, tag),
    },
  },
  output: {
    text: ["name", "htmlFor"],
    methods: { ...inForm, ...labelled, value: textOf, defaultValue: textOf, type: () => "output" },
  },
  param: { text: ["name", "value"] },
  pre: { text: ["name", "value"] },
  progress: {
    methods: {
      ...labelled,
      max: (tag) => number(tag.attribs["max"], 1),
      value: (tag) => number(tag.attribs["value"], 0),
      position: (tag) =>
        tag.attribs["value"] === undefined ? -1 : number(tag.attribs["value"], 0) / number(tag.attribs["max"], 1),
    },
  },
  q: { urls: ["cite"] },
  blockquote: { urls: ["cite"] },
  script: {
    text: ["type", "charset"],
    urls: ["src"],
    flags: ["async", "defer", "noModule"],
    enums: { crossOrigin: ["", "anonymous", "use-credentials"] },
    methods: { text: (tag, page) => page.api(tag).html() ?? "" },
  },
  select: {
    text: ["name"],
    flags: ["autofocus", "disabled", "multiple", "required"],
    methods: {
      ...inForm,
      ...labelled,
      length: (tag, page) => all(page, tag, "option").length,
      options: (tag, page) => all(page, tag, "option"),
      selectedIndex: (tag, page) =>
        page
          .api(tag)
          .find("option")
          .toArray()
          .findIndex((node) => isTag(node) && node.attribs["selected"] !== undefined),
      selectedOptions: (tag, page) => all(page, tag, "option[selected]"),
      size: (tag) => number(tag.attribs["size"], 0),
      type: (tag) => (tag.attribs["multiple"] === undefined ? "select-one" : "select-multiple"),
      value: (tag, page) => [fieldValue(page, tag)].flat()[0] ?? "",
    },
  },
  source: { text: ["media", "sizes", "srcset", "type"], urls: ["src"] },
  style: { text: ["media"], methods: { type: (tag) => tag.attribs["type"] ?? "text/css" } },
  col: { numbers: { span: 1 } },
  colgroup: { numbers: { span: 1 } },
  td: CELL,
  th: { ...CELL, text: [...CELL.text!, "sorted"] },
  table: {
    enums: { sortable: ["", "true"] },
    methods: {
      caption: (tag, page) => children(page, tag, "caption")[0],
      rows: (tag, page) => all(page, tag, "tr"),
      tBodies: (tag, page) => children(page, tag, "tbody"),
      tFoot: (tag, page) => children(page, tag, "tfoot")[0],
      tHead: (tag, page) => children(page, tag, "thead")[0],
    },
  },
  tbody: ROWS,
  thead: ROWS,
  tfoot: ROWS,
  tr: {
    methods: {
      cells: (tag, page) => children(page, tag, "td, th"),
      rowIndex: (tag, page) => page.api(tag).closest("table").find("tr").index(tag),
      sectionRowIndex: (tag, page) => page.api(tag).prevAll("tr").length,
    },
  },
  textarea: {
    text: ["accessKey", "autocomplete", "autocapitalize", "dirName", "name", "placeholder", "wrap"],
    flags: ["autofocus", "disabled", "readonly", "required"],
    numbers: { rows: 2, cols: 20, maxLength: -1, minLength: -1, tabIndex: 0 },
    methods: {
      ...inForm,
      ...labelled,
      value: textOf,
      defaultValue: textOf,
      length: (tag, page) => textOf(tag, page).length,
      type: () => "textarea",
    },
  },
  time: { text: ["dateTime"] },
  title: { methods: { text: textOf } },
  track: {
    text: ["srclang", "label"],
    urls: ["src"],
    flags: ["default"],
    enums: { kind: ["subtitles", "captions", "chapters", "descriptions", "metadata"] },
  },
  ul: { text: ["type"] },
  video: { ...MEDIA, urls: ["src", "poster"], numbers: { height: 0, width: 0 } },
};

function number(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? Number.NaN : Number.parseFloat(text);
  return Number.isNaN(value) ? otherwise : value;
}

/** Called once, when the module is evaluated: makes a class for every tag of the table. */
function defineKinds(): void {
  for (const [tag, kind] of Object.entries(KINDS)) {
    const made = class extends Element {};
    const define = (name: string, method: (tag: TagNode, page: Page) => unknown): void => {
      Object.defineProperty(made.prototype, name, {
        configurable: true,
        writable: true,
        value(this: Element) {
          return method(tagOf(this), pageOf(this));
        },
      });
    };
    for (const name of kind.text ?? []) define(name, (node) => node.attribs[attributeOf(name)] ?? "");
    for (const name of kind.flags ?? []) define(name, (node) => node.attribs[attributeOf(name)] !== undefined);
    for (const [name, otherwise] of Object.entries(kind.numbers ?? {}))
      define(name, (node) => number(node.attribs[attributeOf(name)], otherwise));
    for (const name of kind.urls ?? [])
      define(name, (node, page) => {
        const text = node.attribs[attributeOf(name)];
        if (text === undefined) return "";
        const base = URL.canParse(page.url) ? page.url : undefined;
        return URL.canParse(text, base) ? new URL(text, base).href : text;
      });
    for (const [name, values] of Object.entries(kind.enums ?? {}))
      define(name, (node) => {
        const text = node.attribs[attributeOf(name)];
        return values.find((value) => value === text || value === text?.toLowerCase()) ?? values[0];
      });
    for (const [name, method] of Object.entries(kind.methods ?? {})) define(name, method);
    elementClasses.set(tag, made);
  }
}
defineKinds();
