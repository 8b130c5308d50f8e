// Writes src/attributes.generated.ts from data/attributes/*.json, so that browsers bundle the sets without JSON imports.
// Run after changing a file there: node packages/datasets/scripts/generate-attributes.mjs. A test fails when the two differ.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const folder = new URL("../data/attributes/", import.meta.url);
const sets = {};
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .sort()) {
  const set = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  sets[file.slice(0, -5)] = set;
}
const text = `// Generated from data/attributes by scripts/generate-attributes.mjs. Do not edit.
import type { AttributeSet } from "./attribute-schema.js";

export const ATTRIBUTE_SETS: Readonly<Record<string, AttributeSet>> = ${JSON.stringify(sets, null, 1)};
`;
writeFileSync(new URL("../src/attributes.generated.ts", import.meta.url), text);
