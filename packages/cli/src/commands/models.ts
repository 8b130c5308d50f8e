// `biovlm models …`: the store of models on this machine.

import { defineCommand, type OptionSpecs } from "../command.js";

const JSON_OPTION = { json: { type: "flag", description: "print JSON" } } as const;

export const MODELS_PULL_OPTIONS = {
  name: { type: "text", value: "NAME", description: "name in the store; the repository's own when absent" },
  revision: { type: "text", value: "REV", description: "branch, tag or commit" },
  sha256: { type: "text", value: "HEX", description: "sha256 that the weights must have" },
  weights: { type: "text", value: "FILE", description: "weights file, where a repository has several" },
  replace: { type: "flag", description: "replace a model of the same name" },
  updateLock: { type: "flag", description: "take what the hub has now, and write it to the lock file" },
  ...JSON_OPTION,
} as const satisfies OptionSpecs;

export const modelsPull = defineCommand({
  name: "models pull",
  summary: "download a model from a hub, verified, into the store",
  description: [
    "Digests and sizes come from the hub, are checked on arrival and kept in a lock file that later pulls must match. --revision and --sha256 pin by hand.",
    "Uses the Hugging Face cache and its variables (HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE). A cut download goes on where it was.",
  ],
  arguments: [{ name: "repo", description: "repository, owner/name" }],
  options: MODELS_PULL_OPTIONS,
  examples: [
    { command: "biovlm models pull microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224 --name biomedclip", shows: "BiomedCLIP" },
  ],
});

export const MODELS_IMPORT_OPTIONS = {
  name: { type: "text", value: "NAME", description: "name in the store; made from the path when absent" },
  weights: { type: "text", value: "FILE", description: "weights file, where a folder holds several" },
  replace: { type: "flag", description: "replace a model of the same name" },
  link: { type: "flag", description: "share the disk blocks of files that are taken as they are" },
  licence: { type: "text", value: "TEXT", description: "licence to note" },
  ...JSON_OPTION,
} as const satisfies OptionSpecs;

export const modelsImport = defineCommand({
  name: "models import",
  summary: "take a model from a folder, a weights file or a bundle into the store",
  description: [
    "Reads safetensors and torch checkpoints, in open_clip's and in transformers' layout. open_clip_config.json and the tokenizer lie beside the weights.",
  ],
  arguments: [{ name: "path", description: "folder, weights file or bundle", completes: "file" }],
  options: MODELS_IMPORT_OPTIONS,
});

export const MODELS_LS_OPTIONS = JSON_OPTION;

export const modelsLs = defineCommand({
  name: "models ls",
  summary: "list the models of this machine",
  options: MODELS_LS_OPTIONS,
});

export const modelsVerify = defineCommand({
  name: "models verify",
  summary: "hash every file of stored models",
  description: ["A model that is not what its manifest says is moved to quarantine; the exit code is then 4."],
  arguments: [{ name: "name", description: "models; all when absent", optional: true, many: true }],
  options: {},
});

export const modelsRm = defineCommand({
  name: "models rm",
  summary: "remove models from the store",
  arguments: [{ name: "name", description: "models to remove", many: true }],
  options: {},
});

export const MODELS_BUNDLE_OPTIONS = {
  out: { type: "text", value: "FILE", completes: "file", description: "the bundle; NAME.tar when absent" },
  replace: { type: "flag", description: "replace a file that is there" },
} as const satisfies OptionSpecs;

export const modelsBundle = defineCommand({
  name: "models bundle",
  summary: "write a stored model as one file for a machine without network",
  description: ["`biovlm models import FILE` takes it in on the other side, with every digest checked."],
  arguments: [{ name: "name", description: "model of the store" }],
  options: MODELS_BUNDLE_OPTIONS,
});
