// `biovlm attributes …`: the sentences that say how each class looks.
// The work alone: what it is asked for by is attributes.ts.

import { resolve } from "node:path";
import { generateAttributes, lintAttributes, parseAttributeSet } from "@biovlm/datasets";
import { counted } from "@biovlm/files";
import { networkFetch } from "@biovlm/files/node";
import { readClassFile } from "../class-file.js";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { INPUT_LIMITS, readInputText } from "../input-file.js";
import { writeResult } from "../result-file.js";
import { printable } from "../terminal.js";
import type { ATTRIBUTES_GENERATE_OPTIONS, ATTRIBUTES_LINT_OPTIONS } from "./attributes.js";

export const generateSentences: CommandRun<typeof ATTRIBUTES_GENERATE_OPTIONS> = async ({ terminal, signal, cwd, env }, options) => {
  if (options.modality === undefined || options.llm === undefined) {
    throw usageError(
      "bad_usage",
      "attributes generate — expected --modality and --llm",
      'For example: --modality "breast ultrasound" --llm llama3.1',
    );
  }
  const fromFile = options.classesFile === undefined ? [] : (await readClassFile(cwd, options.classesFile)).map(({ name }) => name);
  const classes = [...options.class, ...fromFile];
  if (classes.length < 2)
    throw usageError("no_classes", "attributes generate — expected at least two classes with --class or --classes-file");
  const bar = terminal.progress("classes", classes.length, "classes");
  const key = env["BIOVLM_API_KEY"];
  const set = await generateAttributes({
    dataset: options.name,
    modality: options.modality,
    classes,
    model: options.llm,
    perClass: options.perClass,
    signal,
    fetch: await networkFetch(env),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(key === undefined || key === "" ? {} : { apiKey: key }),
    onClass: () => bar.advance(),
  }).finally(() => bar.end());
  await writeResult(resolve(cwd, options.out), `${JSON.stringify(set, null, 2)}\n`, { signal });
  terminal.note(
    `${options.out}: ${counted(classes.length, "class", "classes")} × ${options.perClass}. Read it before you train: a language model wrote it.`,
  );
  return undefined;
};

export const lintSentences: CommandRun<typeof ATTRIBUTES_LINT_OPTIONS> = async ({ terminal, cwd }, options, [file = ""]) => {
  const issues = lintAttributes(await parseAttributeSet(await readInputText(cwd, file, INPUT_LIMITS.attributes)), {
    perClass: options.perClass,
  });
  for (const issue of issues) await terminal.line(printable(issue.message));
  if (issues.length === 0) terminal.note("nothing to object to");
  return issues.length === 0 ? EXIT.ok : EXIT.failure;
};
