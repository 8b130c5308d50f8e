// `biovlm attributes …`: the sentences that say how each class looks.

import { defineCommand, type OptionSpecs } from "../command.js";

export const ATTRIBUTES_GENERATE_OPTIONS = {
  name: { type: "text", value: "NAME", default: "own", description: "name of the set" },
  modality: { type: "text", value: "TEXT", description: 'kind of image, e.g. "breast ultrasound"' },
  class: { type: "text", many: true, value: "NAME", description: "a class name; give it once for each class, in label order" },
  classesFile: { type: "text", value: "FILE", completes: "file", description: "class names, one a line, or a JSON array" },
  llm: { type: "text", value: "NAME", description: "language model, as the endpoint knows it" },
  endpoint: { type: "text", value: "URL", setting: true, description: "base address of the API" },
  perClass: { type: "integer", min: 1, max: 100, default: 10, description: "sentences for each class" },
  out: { type: "text", value: "FILE", completes: "file", default: "attributes.json", description: "the attribute file" },
} as const satisfies OptionSpecs;

export const attributesGenerate = defineCommand({
  name: "attributes generate",
  summary: "have a language model write attribute sentences for your classes",
  description: [
    "Asks any OpenAI-compatible endpoint, one class at a time; the one on this machine (Ollama's port) unless --endpoint names another. Only class names and the modality are sent, never images. The key, where one is needed, is read from BIOVLM_API_KEY.",
  ],
  options: ATTRIBUTES_GENERATE_OPTIONS,
});

export const ATTRIBUTES_LINT_OPTIONS = {
  perClass: { type: "integer", min: 1, max: 1000, default: 10, description: "sentences expected for each class" },
} as const satisfies OptionSpecs;

export const attributesLint = defineCommand({
  name: "attributes lint",
  summary: "check an attribute file: counts, repeats, names of other classes",
  arguments: [{ name: "file", description: "attribute file", completes: "file" }],
  options: ATTRIBUTES_LINT_OPTIONS,
});
