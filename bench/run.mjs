// `npm run bench -- NAME… [--option…]`: runs bench/NAME.mjs, each of which exports `run(print, options)`, the options as they
// stand on the command line. One JSON line per figure on stdout.
import { existsSync, readdirSync } from "node:fs";

const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".mjs") && file !== "run.mjs")
  .map((file) => file.slice(0, -4));
const given = process.argv.slice(2);
const firstOption = given.findIndex((argument) => argument.startsWith("--"));
const names = firstOption < 0 ? given : given.slice(0, firstOption);
const options = firstOption < 0 ? [] : given.slice(firstOption);

if (names.length === 0 || names.some((name) => !known.includes(name))) {
  console.error(`usage: npm run bench -- NAME… [--option…]   one of: ${known.join(", ")}`);
  process.exit(2);
}
if (!existsSync(new URL("../dist/package.json", import.meta.url))) {
  console.error("The benches measure the built program: run `npm run build` first.");
  process.exit(2);
}
for (const name of names) {
  const { run } = await import(`./${name}.mjs`);
  await run((figure) => console.log(JSON.stringify({ bench: name, ...figure })), options);
}
