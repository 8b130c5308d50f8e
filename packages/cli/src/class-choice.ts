// Which classes and which bank a command works with: a bank's own, a data set's with its attribute sentences, or names the person gave.

import { attributeSentences, attributeSet, datasetClasses, likeOwn, listDatasets } from "@biovlm/datasets";
import type { Runtime } from "@biovlm/engine";
import { suggest } from "@biovlm/files";
import { attributeBank, type PromptBank, readBank, templateBank } from "@biovlm/model";
import { type ListedClass, readClassFile } from "./class-file.js";
import type { ClassOptions } from "./class-options.js";
import { usageError } from "./errors.js";
import { INPUT_LIMITS, readInput } from "./input-file.js";

export interface ChosenBank {
  readonly bank: PromptBank;
  /** class names to use instead of the bank's */
  readonly classes?: readonly string[];
  /** for each class its sentences, one a prompt, where prompts are attribute sentences */
  readonly sentences?: readonly (readonly string[])[];
  /** codes of public schemes by class, where the classes file has them */
  readonly codes: ReadonlyMap<string, NonNullable<ListedClass["code"]>>;
  /** what it is, for a person */
  readonly described: string;
}

/** Checks the combination before anything is opened. Throws CliError `no_classes`, `bad_usage` (exit 2). */
export function checkClassOptions(options: ClassOptions): void {
  const named = options.class.length > 0 || options.classesFile !== undefined;
  if (options.dataset !== undefined && named) {
    throw usageError("bad_usage", "--dataset and --class — expected one way to name the classes, got two", "Drop one of them.");
  }
  if (options.dataset !== undefined && options.bank === undefined) {
    const known = listDatasets();
    if (!known.includes(options.dataset)) {
      throw usageError(
        "unknown_dataset",
        `no attribute sentences for data set ${JSON.stringify(options.dataset)}`,
        suggest(options.dataset, known),
      );
    }
  }
  if (options.dataset === undefined && !named && options.bank === undefined) {
    throw usageError(
      "no_classes",
      "no classes — expected --class, --classes-file, --dataset or --bank, got none",
      `Name what an image may show: --class "benign tumor" --class "malignant tumor", or --dataset NAME with one of ${listDatasets().join(", ")}.`,
    );
  }
}

/** Makes or reads the bank. */
export async function chooseBank(
  options: ClassOptions,
  runtime: Pick<Runtime, "core" | "encoder" | "model">,
  cwd: string,
): Promise<ChosenBank> {
  const { core, encoder, model } = runtime;
  const listed = await classesGiven(options, cwd);
  const names = listed?.map(({ name }) => name);
  const codesOf = (own: readonly string[] = names ?? []) =>
    new Map((listed ?? []).flatMap(({ code }, i) => (code === undefined ? [] : [[own[i] ?? "", code] as const])));
  if (options.bank !== undefined) {
    const bank = readBank(await readInput(cwd, options.bank, INPUT_LIMITS.bank));
    const classes = names === undefined ? undefined : likeOwn(bank.classes, names);
    return { bank, ...(classes === undefined ? {} : { classes }), codes: codesOf(classes), described: `bank ${bank.recipe}` };
  }
  if (options.dataset !== undefined) {
    const set = attributeSet(options.dataset);
    const sentences = attributeSentences(set);
    const bank = await attributeBank(
      { core, encoder, model },
      set.classes.map((c) => c.name),
      sentences,
    );
    return { bank, sentences, codes: codesOf(), described: `attribute sentences of ${options.dataset}, no training` };
  }
  return { bank: await templateBank({ core, encoder, model }, names!), codes: codesOf(), described: "sentence templates, no training" };
}

/** Classes given on the command line, or a data set's. */
async function classesGiven(options: ClassOptions, cwd: string): Promise<readonly ListedClass[] | undefined> {
  const typed = options.class.map((name) => ({ name }));
  if (options.classesFile !== undefined) return [...typed, ...(await readClassFile(cwd, options.classesFile))];
  if (typed.length > 0) return typed;
  if (options.dataset !== undefined && options.bank !== undefined) {
    return datasetClasses(options.dataset).map((name) => ({ name }));
  }
  return undefined;
}
