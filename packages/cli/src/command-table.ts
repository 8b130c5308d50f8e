// Every command, in the order of help and docs/cli.md. A new command is one file in commands/ and one line here.

import type { AnyCommand } from "./command.js";
import { attributesGenerate, attributesLint } from "./commands/attributes.js";
import { bankCompile, bankShow } from "./commands/bank.js";
import { classify } from "./commands/classify.js";
import { completion } from "./commands/completion.js";
import { dataLs, dataPull, dataVerify } from "./commands/data.js";
import { demo } from "./commands/demo.js";
import { doctor } from "./commands/doctor.js";
import { embed } from "./commands/embed.js";
import { evaluate } from "./commands/eval.js";
import { modelsBundle, modelsImport, modelsLs, modelsPull, modelsRm, modelsVerify } from "./commands/models.js";
import { quickstart } from "./commands/quickstart.js";
import { auditVerify, serve } from "./commands/serve.js";
import { sweep } from "./commands/sweep.js";
import { train } from "./commands/train.js";

export const DESCRIPTION =
  "Routed prompts for biomedical images: classify with a frozen vision-language model and a small bank of prompts.";

export const EPILOGUE = `New here? Run: biovlm quickstart
Research use only, not a medical device.`;

/** Group → what its commands are about. */
export const GROUPS: Readonly<Record<string, string>> = {
  models: "models in the store: fetch, import, list, check, remove",
  bank: "prompt banks: look into one, compile one",
  audit: "a server's audit log",
  data: "data sets: fetch, list, check",
  attributes: "sentences that say how classes look: have them written, check them",
};

export const COMMANDS: readonly AnyCommand[] = [
  quickstart,
  classify,
  embed,
  train,
  evaluate,
  sweep,
  modelsPull,
  modelsImport,
  modelsLs,
  modelsVerify,
  modelsRm,
  modelsBundle,
  bankShow,
  bankCompile,
  serve,
  auditVerify,
  dataPull,
  dataLs,
  dataVerify,
  attributesGenerate,
  attributesLint,
  demo,
  doctor,
  completion,
];
