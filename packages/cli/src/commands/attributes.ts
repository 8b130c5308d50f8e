// `biovlm attributes …`: the sentences that say how each class looks.

import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { INPUT_LIMITS, readInputLines, readInputText } from "../input-file.js";
import { printable } from "../terminal.js";

export const attributesGenerate = defineCommand({
  name: "attributes generate",
  summary: "have a language model write attribute sentences for your classes",
  description: [
    "Asks any OpenAI-compatible endpoint, one class at a time; the one on this machine (Ollama's port) unless --endpoint names another. Only class names and the modality are sent, never images. The key, where one is needed, is read from BIOVLM_API_KEY.",
  ],
  options: {
    name: { type: "text", value: "NAME", default: "own", description: "name of the set" },
    modality: { type: "text", value: "TEXT", description: 'kind of image, e.g. "breast ultrasound"' },
    class: { type: "text", many: true, value: "NAME", description: "a class name; give it once for each class, in label order" },
    classesFile: { type: "text", value: "FILE", completes: "file", description: "class names, one a line" },
    llm: { type: "text", value: "NAME", description: "language model, as the endpoint knows it" },
    endpoint: { type: "text", value: "URL", setting: true, description: "base address of the API" },
    perClass: { type: "integer", min: 1, max: 100, default: 10, description: "sentences for each class" },
    out: { type: "text", value: "FILE", completes: "file", default: "attributes.json", description: "the attribute file" },
  },
  async run({ terminal, signal, cwd, env }, options) {
    if (options.modality === undefined || options.llm === undefined) {
      throw usageError(
        "bad_usage",
        "attributes generate — expected --modality and --llm",
        'For example: --modality "breast ultrasound" --llm llama3.1',
      );
    }
    const fromFile = options.classesFile === undefined ? [] : await readInputLines(cwd, options.classesFile);
    const classes = [...options.class, ...fromFile];
    if (classes.length < 2)
      throw usageError("no_classes", "attributes generate — expected at least two classes with --class or --classes-file");
    const { generateAttributes } = await import("@biovlm/datasets");
    const { writeResult } = await import("../result-file.js");
    const bar = terminal.progress("classes", classes.length, "classes");
    const key = env["BIOVLM_API_KEY"];
    const set = await generateAttributes({
      dataset: options.name,
      modality: options.modality,
      classes,
      model: options.llm,
      perClass: options.perClass,
      signal,
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
      ...(key === undefined || key === "" ? {} : { apiKey: key }),
      onClass: () => bar.advance(),
    }).finally(() => bar.end());
    await writeResult(resolve(cwd, options.out), `${JSON.stringify(set, null, 2)}\n`, { signal });
    terminal.note(`${options.out}: ${classes.length} classes × ${options.perClass}. Read it before you train: a language model wrote it.`);
    return undefined;
  },
});

export const attributesLint = defineCommand({
  name: "attributes lint",
  summary: "check an attribute file: counts, repeats, names of other classes",
  arguments: [{ name: "file", description: "attribute file", completes: "file" }],
  options: { perClass: { type: "integer", min: 1, max: 1000, default: 10, description: "sentences expected for each class" } },
  async run({ terminal, cwd }, options, [file = ""]) {
    const { lintAttributes, parseAttributeSet } = await import("@biovlm/datasets");
    const issues = lintAttributes(parseAttributeSet(await readInputText(cwd, file, INPUT_LIMITS.attributes)), {
      perClass: options.perClass,
    });
    for (const issue of issues) await terminal.line(printable(issue.message));
    if (issues.length === 0) terminal.note("nothing to object to");
    return issues.length === 0 ? EXIT.ok : EXIT.failure;
  },
});
