// `biovlm bank …`: looking into a prompt bank, and preparing one for fixed classes.

import { resolve } from "node:path";
import { CLASS_OPTIONS } from "../class-choice.js";
import { defineCommand } from "../command.js";
import { INPUT_LIMITS, readInput } from "../input-file.js";
import { openRuntime, RUNTIME_OPTIONS } from "../opening.js";
import { printable } from "../terminal.js";

export const bankShow = defineCommand({
  name: "bank show",
  summary: "say what a prompt bank holds",
  arguments: [{ name: "file", description: "the bank", completes: "file" }],
  options: { json: { type: "flag", description: "print JSON" } },
  async run({ terminal, cwd }, options, [file = ""]) {
    const { bankDigest, promptCount, readBank, sha256 } = await import("@biovlm/model");
    const bytes = await readInput(cwd, file, INPUT_LIMITS.bank);
    const bank = readBank(bytes);
    const facts = {
      format: "biovlm-bank/1",
      digest: await bankDigest(bank),
      file: await sha256(bytes),
      model: bank.modelDigest,
      recipe: bank.recipe,
      prompts: promptCount(bank),
      ctx: bank.ctx?.shape,
      text: bank.text?.shape,
      rho: bank.rho,
      classes: bank.classes,
      prompt_suffix: bank.promptSuffix,
      logit_scale: bank.logitScale,
      seed: bank.seed,
      created_by: bank.createdBy,
      options: bank.options,
    };
    if (options.json) await terminal.line(JSON.stringify(facts));
    else {
      for (const [name, value] of Object.entries(facts)) {
        if (value === undefined) continue;
        await terminal.line(`${name.padEnd(13)} ${printable(typeof value === "string" ? value : JSON.stringify(value))}`);
      }
    }
    return undefined;
  },
});

export const bankCompile = defineCommand({
  name: "bank compile",
  summary: "add the text embeddings of classes, so that no text tower is needed",
  arguments: [{ name: "file", description: "a bank with context vectors", completes: "file" }],
  options: {
    out: { type: "text", value: "FILE", completes: "file", description: "the compiled bank" },
    textOnly: { type: "flag", description: "leave the context vectors out: smaller, for these classes only" },
    class: CLASS_OPTIONS.class,
    classesFile: CLASS_OPTIONS.classesFile,
    dataset: CLASS_OPTIONS.dataset,
    ...RUNTIME_OPTIONS,
  },
  examples: [{ command: "biovlm bank compile bank.safetensors --out compiled.safetensors", shows: "for the classes it was learned on" }],
  async run({ terminal, cwd }, options, [file = ""]) {
    const { compileBank, writeBank } = await import("@biovlm/model");
    const { writeResult } = await import("../result-file.js");
    const { chooseBank } = await import("../class-choice.js");
    const { usageError } = await import("../errors.js");
    if (options.out === undefined) throw usageError("bad_usage", "--out — expected a file for the compiled bank, got none");
    const runtime = await openRuntime(options, cwd);
    try {
      const { bank, classes } = await chooseBank({ ...options, bank: file }, runtime, cwd);
      const compiled = await compileBank(runtime, bank, classes);
      const { ctx, ...rest } = compiled;
      const written = options.textOnly || ctx === undefined ? rest : compiled;
      await writeResult(resolve(cwd, options.out), writeBank(written));
      terminal.note(`${options.out}: ${compiled.text.shape[0]} prompts × ${compiled.classes.length} classes`);
    } finally {
      await runtime.close();
    }
    return undefined;
  },
});
