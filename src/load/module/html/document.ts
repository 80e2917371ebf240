import { type Cheerio, type CheerioAPI, load } from "cheerio";

type Held<T> = T extends Cheerio<infer Node> ? Node : never;

/** The nodes of the parser's tree, by the types that cheerio gives them. */
export type RootNode = Held<ReturnType<CheerioAPI["root"]>>;
export type TagNode = Held<ReturnType<Cheerio<RootNode>["children"]>>;
export type AnyNode = Held<ReturnType<Cheerio<RootNode>["contents"]>> | RootNode;

/** A parsed page: its tree, and where it came from, which relative addresses are resolved by. */
export interface Page {
  readonly api: CheerioAPI;
  readonly url: string;
}

export function parsePage(html: string, url: string): Page {
  return { api: load(html), url };
}

export function isTag(node: AnyNode | null | undefined): node is TagNode {
  return (
    node !== null && node !== undefined && (node.type === "tag" || node.type === "script" || node.type === "style")
  );
}
