// The file of --classes-file: names, one a line; or JSON, an array of names and of { "name", "code" }, whose codes stand in structured reports.

import { isJsonObject, type Json, parseStrictJson } from "@biovlm/files";
import { usageError } from "./errors.js";
import { INPUT_LIMITS, readInputText } from "./input-file.js";

/** A class, and the code of a public scheme that it has there. */
export interface ListedClass {
  readonly name: string;
  readonly code?: { readonly value: string; readonly scheme: string; readonly meaning: string };
}

const EXAMPLE =
  '[{ "name": "malignant tumor", "code": { "value": "86049000", "scheme": "SCT", "meaning": "Malignant neoplasm, primary" } }]';
const CODE_FIELDS = ["value", "scheme", "meaning"] as const;

/** Classes of a file. @throws CliError `bad_classes` for JSON of another form (exit 2), FilesError of the file */
export async function readClassFile(cwd: string, given: string): Promise<ListedClass[]> {
  const text = (await readInputText(cwd, given, INPUT_LIMITS.list)).replace(/^\uFEFF/, "");
  if (!/^\s*\[/.test(text)) {
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    return lines.filter((line) => line !== "").map((name) => ({ name }));
  }
  const parsed = parseStrictJson(text, given);
  return Array.isArray(parsed) ? (parsed as readonly Json[]).map((entry, index) => listedClass(entry, `${given}, class ${index + 1}`)) : [];
}

function listedClass(entry: Json, what: string): ListedClass {
  const bad = (expected: string, got: string) =>
    usageError("bad_classes", `${what} — expected ${expected}, got ${got}`, `For instance: ${EXAMPLE}`);
  if (typeof entry === "string" && entry.trim() !== "") return { name: entry.trim() };
  if (!isJsonObject(entry)) throw bad('a name or { "name", "code" }', "something else");
  const { name, code, ...others } = entry;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw bad("the keys name and code", JSON.stringify(unknown.slice(0, 40)));
  if (typeof name !== "string" || name.trim() === "") throw bad("a name", "none");
  if (code === undefined) return { name: name.trim() };
  const fields = isJsonObject(code) ? CODE_FIELDS.map((field) => code[field]) : [];
  const [value, scheme, meaning] = fields;
  if (!isJsonObject(code) || Object.keys(code).length > 3 || ![value, scheme, meaning].every((field) => typeof field === "string"))
    throw bad("a code of the texts value, scheme and meaning", "another");
  return { name: name.trim(), code: { value: value as string, scheme: scheme as string, meaning: meaning as string } };
}
