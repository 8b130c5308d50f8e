// `biovlm bank …`: looking into a prompt bank, and preparing one for fixed classes.
// The work alone: what it is asked for by is bank.ts.

import { resolve } from "node:path";
import { counted } from "@biovlm/files";
import { bankDigest, compileBank, promptCount, readBank, sha256, writeBank } from "@biovlm/model";
import { chooseBank } from "../class-choice.js";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { INPUT_LIMITS, readInput } from "../input-file.js";
import { openRuntime } from "../opening.js";
import { writeResult } from "../result-file.js";
import { printable } from "../terminal.js";
import type { BANK_COMPILE_OPTIONS, BANK_SHOW_OPTIONS } from "./bank.js";

export const showBank: CommandRun<typeof BANK_SHOW_OPTIONS> = async ({ terminal, cwd }, options, [file = ""]) => {
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
    class_counts: bank.classCounts,
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
};

export const compileForClasses: CommandRun<typeof BANK_COMPILE_OPTIONS> = async ({ terminal, cwd }, options, [file = ""]) => {
  if (options.out === undefined) throw usageError("bad_usage", "--out — expected a file for the compiled bank, got none");
  const runtime = await openRuntime(options, cwd);
  try {
    const { bank, classes } = await chooseBank({ ...options, bank: file }, runtime, cwd);
    const compiled = await compileBank(runtime, bank, classes);
    const { ctx, ...rest } = compiled;
    const written = options.textOnly || ctx === undefined ? rest : compiled;
    await writeResult(resolve(cwd, options.out), writeBank(written));
    terminal.note(`${options.out}: ${counted(compiled.text.shape[0], "prompt")} × ${counted(compiled.classes.length, "class", "classes")}`);
  } finally {
    await runtime.close();
  }
  return undefined;
};
