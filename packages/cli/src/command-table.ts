// Every command, in the order of help and docs/cli.md. A new command is two files in commands/ and one line here: its spec
// at once, its run by a late import when it is asked for, so that --help stays quick.

import { type AnyCommand, withRun } from "./command.js";
import { attributesGenerate, attributesLint } from "./commands/attributes.js";
import { bankCompile, bankShow } from "./commands/bank.js";
import { bulkGc, bulkMerge, bulkPlan, bulkStatus, bulkSubmit, bulkVerify, bulkWork } from "./commands/bulk.js";
import { classify } from "./commands/classify.js";
import { completion } from "./commands/completion.js";
import { dataLint, dataLs, dataPull, dataVerify } from "./commands/data.js";
import { demo } from "./commands/demo.js";
import { doctor } from "./commands/doctor.js";
import { embed } from "./commands/embed.js";
import { evaluate } from "./commands/eval.js";
import { modelsBundle, modelsImport, modelsLs, modelsPull, modelsRm, modelsVerify } from "./commands/models.js";
import { quickstart } from "./commands/quickstart.js";
import { reproduce } from "./commands/reproduce.js";
import { auditVerify, serve } from "./commands/serve.js";
import { slide } from "./commands/slide.js";
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
  bulk: "jobs over many images: planned in shards, worked on by many machines",
  audit: "a server's audit log",
  data: "data sets: fetch, list, check, find what is there twice",
  attributes: "sentences that say how classes look: have them written, check them",
};

/** Every command in the order of --help: its words, options and, imported only when it is asked for, its work. */
export const COMMANDS: readonly AnyCommand[] = [
  withRun(quickstart, async () => (await import("./commands/quickstart.run.js")).showAtWork),
  withRun(classify, async () => (await import("./commands/classify.run.js")).classifyFiles),
  withRun(slide, async () => (await import("./commands/slide.run.js")).classifySlide),
  withRun(embed, async () => (await import("./commands/embed.run.js")).embedImages),
  withRun(bulkPlan, async () => (await import("./commands/bulk-plan.run.js")).planBulk),
  withRun(bulkWork, async () => (await import("./commands/bulk-work.run.js")).workOnShards),
  withRun(bulkSubmit, async () => (await import("./commands/bulk.run.js")).submitToQueue),
  withRun(bulkStatus, async () => (await import("./commands/bulk.run.js")).showStatus),
  withRun(bulkVerify, async () => (await import("./commands/bulk.run.js")).verifyParts),
  withRun(bulkMerge, async () => (await import("./commands/bulk.run.js")).mergeParts),
  withRun(bulkGc, async () => (await import("./commands/bulk.run.js")).removeGarbage),
  withRun(train, async () => (await import("./commands/train.run.js")).trainBank),
  withRun(evaluate, async () => (await import("./commands/eval.run.js")).measureBank),
  withRun(sweep, async () => (await import("./commands/sweep.run.js")).runSweep),
  withRun(reproduce, async () => (await import("./commands/reproduce.run.js")).reproducePaper),
  withRun(modelsPull, async () => (await import("./commands/models.run.js")).pullToStore),
  withRun(modelsImport, async () => (await import("./commands/models.run.js")).importToStore),
  withRun(modelsLs, async () => (await import("./commands/models.run.js")).listModels),
  withRun(modelsVerify, async () => (await import("./commands/models.run.js")).verifyModels),
  withRun(modelsRm, async () => (await import("./commands/models.run.js")).removeModels),
  withRun(modelsBundle, async () => (await import("./commands/models.run.js")).bundleModel),
  withRun(bankShow, async () => (await import("./commands/bank.run.js")).showBank),
  withRun(bankCompile, async () => (await import("./commands/bank.run.js")).compileForClasses),
  withRun(serve, async () => (await import("./commands/serve.run.js")).serveModels),
  withRun(auditVerify, async () => (await import("./commands/serve.run.js")).verifyLog),
  withRun(dataPull, async () => (await import("./commands/data.run.js")).pullData),
  withRun(dataLs, async () => (await import("./commands/data.run.js")).listDataSets),
  withRun(dataLint, async () => (await import("./commands/data-lint.run.js")).lintData),
  withRun(dataVerify, async () => (await import("./commands/data.run.js")).verifyDataSets),
  withRun(attributesGenerate, async () => (await import("./commands/attributes.run.js")).generateSentences),
  withRun(attributesLint, async () => (await import("./commands/attributes.run.js")).lintSentences),
  withRun(demo, async () => (await import("./commands/demo.run.js")).serveDemo),
  withRun(doctor, async () => (await import("./commands/doctor.run.js")).examine),
  withRun(completion, async () => (await import("./commands/completion.run.js")).printCompletion),
];
