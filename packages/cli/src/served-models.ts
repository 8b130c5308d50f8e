// What `biovlm serve` was told of models and their banks: `--model NAME=PATH` and `--bank MODEL/NAME=FILE`, each as often as there are some.

import { isFolder } from "@biovlm/engine";
import { NAME_PATTERN } from "@biovlm/files";
import { usageError } from "./errors.js";

/** What it was given. */
export interface ModelWords {
  readonly model: readonly string[];
  readonly bank: readonly string[];
  readonly name: string | undefined;
}

/** A model to serve. */
export interface NamedModel {
  /** the name that it is served under */
  readonly name: string;
  /** "tiny", a name of the store, or a folder as it was given */
  readonly model: string;
  /** the file of its own bank */
  readonly bank: string | undefined;
  /** what its own bank is called */
  readonly bankName: string;
  /** others, for who names them */
  readonly banks: readonly { readonly name: string; readonly file: string }[];
}

/** The name of the bank of a server with one model. */
const OWN_BANK = "default";

/** @throws CliError `bad_usage`, `bad_value` (exit 2) */
export function namedModels({ model: given, bank: banks, name: asked }: ModelWords): NamedModel[] {
  const words = given.length === 0 ? ["tiny"] : given;
  if (asked !== undefined && words.length > 1)
    throw usageError("bad_usage", "--name — expected one --model, got several", "Name each: --model NAME=MODEL.");
  const named = words.map((text) => ({ ...modelOf(text), ...(asked === undefined ? {} : { name: asked }) }));
  const names = named.map(({ name }) => name);
  const odd = names.find((name) => !NAME_PATTERN.test(name));
  if (odd !== undefined)
    throw usageError("bad_value", `the name of a model — expected up to 64 letters, digits, ".", "_" and "-", got ${JSON.stringify(odd)}`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw usageError(
      "bad_usage",
      `--model — expected each name once, got ${JSON.stringify(twice)} twice`,
      "Name each: --model NAME=MODEL.",
    );
  const files = banks.map((text) => bankOf(text, names));
  return named.map(({ name, model }) => {
    const own = files.filter((file) => file.model === name);
    const [first, more] = own.filter(({ bank }) => bank === undefined);
    if (more !== undefined)
      throw usageError("bad_usage", `--bank — expected one own bank of ${name}, got two`, "Name the others: --bank MODEL/NAME=FILE.");
    const others = own.flatMap(({ bank, file }) => (bank === undefined ? [] : [{ name: bank, file }]));
    return { name, model, bank: first?.file, bankName: words.length === 1 ? OWN_BANK : name, banks: others };
  });
}

/** NAME=MODEL, or a model alone: its name in the store, of a folder "model". What stands before "=" is a name, so a folder with one is ./a=b. */
function modelOf(text: string): { name: string; model: string } {
  const at = text.indexOf("=");
  const name = text.slice(0, Math.max(0, at));
  if (at > 0 && !isFolder(name)) {
    const model = text.slice(at + 1);
    if (model === "") throw usageError("bad_value", `--model ${JSON.stringify(text)} — expected NAME=MODEL, got no model`);
    return { name, model };
  }
  return { name: isFolder(text) ? "model" : text, model: text };
}

/** MODEL=FILE or MODEL/NAME=FILE; FILE alone where there is one model. */
function bankOf(text: string, names: readonly string[]): { model: string; bank: string | undefined; file: string } {
  const at = text.indexOf("=");
  const [model = "", bank, ...more] = text.slice(0, Math.max(0, at)).split("/");
  const file = text.slice(at + 1);
  const [only = "", second] = names;
  if (at > 0 && names.includes(model) && more.length === 0 && file !== "") {
    if (bank !== undefined && !NAME_PATTERN.test(bank))
      throw usageError(
        "bad_value",
        `--bank ${JSON.stringify(text.slice(0, 80))} — expected a bank's name of letters, digits, ".", "_" and "-", got another`,
      );
    return { model, bank, file };
  }
  if (second === undefined) return { model: only, bank: undefined, file: text };
  throw usageError(
    "bad_value",
    `--bank — expected MODEL=FILE or MODEL/NAME=FILE with one of the models ${names.join(", ")}, got ${JSON.stringify(text.slice(0, 80))}`,
  );
}
