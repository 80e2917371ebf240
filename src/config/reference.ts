import { z } from "zod";
import { leaves } from "./load-settings.ts";

/** The configuration reference as Markdown, from the schema. */
export function printReference(): string {
  const rows = [...leaves.values()].map(({ path, environment, schema }) => {
    const { description, written } = describe(schema);
    return `| \`${path}\` | \`${environment}\` | ${written} | ${description} |`;
  });
  return `# Configuration

Every setting has one name. It is read from the file given with \`--config\` (YAML or JSON), then the environment, then flags
(\`--set name=value\`, or the flag that \`traceo serve --help\` lists); later ones win. An unknown name is an error.
Sizes are written \`64MiB\`, durations \`500ms\`, \`15m\`, \`30d\`. This page is generated from \`src/config/settings.ts\`.

| setting | environment | default | what it does |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function describe(schema: z.ZodType): { description: string; written: string } {
  const json = schema.meta() ?? {};
  const description = schema.description ?? "";
  let inner: z.ZodType = schema;
  let written: unknown = json["written"];
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional || inner instanceof z.ZodPipe) {
    if (inner instanceof z.ZodDefault) written ??= inner.def.defaultValue;
    inner = (inner instanceof z.ZodPipe ? inner.def.in : inner.unwrap()) as z.ZodType;
  }
  const values =
    inner instanceof z.ZodEnum ? ` One of ${inner.options.map((option) => `\`${String(option)}\``).join(", ")}.` : "";
  const text = written === undefined ? "" : typeof written === "object" ? JSON.stringify(written) : String(written);
  return { description: description + values, written: text === "" ? "none" : `\`${text}\`` };
}
