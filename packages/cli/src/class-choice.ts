// Which classes and which bank a command works with: a bank's own, a data set's with its attribute sentences, or names the person gave.

import { attributeSentences, attributeSet, datasetClasses, likeOwn, listDatasets } from "@biovlm/datasets";
import type { Runtime } from "@biovlm/engine";
import { suggest } from "@biovlm/files";
import { attributeBank, type PromptBank, readBank, templateBank } from "@biovlm/model";
import type { ClassOptions } from "./class-options.js";
import { usageError } from "./errors.js";
import { INPUT_LIMITS, readInput, readInputLines } from "./input-file.js";

export interface ChosenBank {
  readonly bank: PromptBank;
  /** class names to use instead of the bank's */
  readonly classes?: readonly string[];
  /** for each class its sentences, one a prompt, where prompts are attribute sentences */
  readonly sentences?: readonly (readonly string[])[];
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
export async function chooseBank(options: ClassOptions, runtime: Runtime, cwd: string): Promise<ChosenBank> {
  const { core, encoder, model } = runtime;
  const names = await classNames(options, cwd);
  if (options.bank !== undefined) {
    const bank = readBank(await readInput(cwd, options.bank, INPUT_LIMITS.bank));
    return { bank, ...(names === undefined ? {} : { classes: likeOwn(bank.classes, names) }), described: `bank ${bank.recipe}` };
  }
  if (options.dataset !== undefined) {
    const set = attributeSet(options.dataset);
    const sentences = attributeSentences(set);
    const bank = await attributeBank(
      { core, encoder, model },
      set.classes.map((c) => c.name),
      sentences,
    );
    return { bank, sentences, described: `attribute sentences of ${options.dataset}, no training` };
  }
  return { bank: await templateBank({ core, encoder, model }, names!), described: "sentence templates, no training" };
}

/** Class names given on the command line, or a data set's. */
async function classNames(options: ClassOptions, cwd: string): Promise<readonly string[] | undefined> {
  if (options.classesFile !== undefined) return [...options.class, ...(await readInputLines(cwd, options.classesFile))];
  if (options.class.length > 0) return options.class;
  if (options.dataset !== undefined && options.bank !== undefined) {
    return datasetClasses(options.dataset);
  }
  return undefined;
}
