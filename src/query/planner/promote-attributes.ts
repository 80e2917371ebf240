import { PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "#engine/schema/promoted.ts";
import type { TableName } from "#plan/select.ts";
import { mapSelect, mapSelects } from "#plan/walk.ts";
import type { RewriteRule } from "./rules.ts";

const SPAN = new Set(PROMOTED_SPAN_ATTRIBUTES);
/** Tables that keep the resource as JSON text, once for all rows that share it. */
const WITH_RESOURCE: ReadonlySet<TableName> = new Set(["spans", "logs", "series"]);

/**
 * Reads attributes from where they are quickest: a promoted span attribute from its own column (5 ms instead of 110 for a
 * million rows), a resource attribute out of the resource's JSON, which the engine reads once per resource, not per row.
 */
export const promoteAttributes: RewriteRule = {
  name: "promote-attributes",
  rewrite(select) {
    const used = new Set<string>();
    const rewritten = mapSelects(select, (each) => {
      const table = each.from;
      if (typeof table !== "string") return each;
      return mapSelect(each, (leaf) => {
        if (leaf.kind !== "attribute") return leaf;
        if (leaf.map === "attributes" && table === "spans" && SPAN.has(leaf.key)) {
          const name = promotedColumn("attributes", leaf.key);
          used.add(name);
          return { kind: "column", name };
        }
        if (leaf.map === "resource_attributes" && WITH_RESOURCE.has(table)) {
          used.add(`resource ${JSON.stringify(leaf.key)}`);
          return {
            kind: "call",
            name: "jsonValue",
            args: [
              { kind: "column", name: "resource" },
              { kind: "literal", value: `$.${JSON.stringify(leaf.key)}` },
            ],
          };
        }
        return leaf;
      });
    });
    return used.size === 0 ? undefined : { select: rewritten, why: [...used].sort().join(", ") };
  },
};
