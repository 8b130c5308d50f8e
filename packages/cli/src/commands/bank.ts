// `biovlm bank …`: looking into a prompt bank, and preparing one for fixed classes.

import { CLASS_OPTIONS } from "../class-options.js";
import { defineCommand, type OptionSpecs } from "../command.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const BANK_SHOW_OPTIONS = { json: { type: "flag", description: "print JSON" } } as const satisfies OptionSpecs;

export const bankShow = defineCommand({
  name: "bank show",
  summary: "say what a prompt bank holds",
  arguments: [{ name: "file", description: "the bank", completes: "file" }],
  options: BANK_SHOW_OPTIONS,
});

export const BANK_COMPILE_OPTIONS = {
  out: { type: "text", value: "FILE", completes: "file", description: "the compiled bank" },
  textOnly: { type: "flag", description: "leave the context vectors out: smaller, for these classes only" },
  class: CLASS_OPTIONS.class,
  classesFile: CLASS_OPTIONS.classesFile,
  dataset: CLASS_OPTIONS.dataset,
  ...RUNTIME_OPTIONS,
} as const satisfies OptionSpecs;

export const bankCompile = defineCommand({
  name: "bank compile",
  summary: "add the text embeddings of classes, so that no text tower is needed",
  arguments: [{ name: "file", description: "a bank with context vectors", completes: "file" }],
  options: BANK_COMPILE_OPTIONS,
  examples: [{ command: "biovlm bank compile bank.safetensors --out compiled.safetensors", shows: "for the classes it was learned on" }],
});
