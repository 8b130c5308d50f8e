// `biovlm bulk plan`: cuts many images into the shards of a job.
// The work alone: what it is asked for by is bulk.ts.

import { frameStep, openModel, type Runtime } from "@biovlm/engine";
import { counted } from "@biovlm/files";
import { leftOutNote } from "@biovlm/files/node";
import { type JobStore, planJob } from "@biovlm/jobs";
import { createClassifier, sha256, writeBank } from "@biovlm/model";
import { type BulkWork, bankKey, bareDigest, chunkRowsFor, factsOf } from "../bulk-job.js";
import { openSource, openStore } from "../bulk-places.js";
import { checkClassOptions, chooseBank } from "../class-choice.js";
import type { CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { openingSpec, openRuntime } from "../opening.js";
import { printable } from "../terminal.js";
import type { BULK_PLAN_OPTIONS } from "./bulk.js";

type Options = OptionValues<typeof BULK_PLAN_OPTIONS>;

export const planBulk: CommandRun<typeof BULK_PLAN_OPTIONS> = async (context, options, [from = "", to = ""]) => {
  const { terminal, signal, cwd } = context;
  const output = options.output ?? (hasClasses(options) ? "answers" : "embeddings");
  if (output === "embeddings" && hasClasses(options))
    throw usageError(
      "bad_usage",
      "--output — expected answers or both where classes are named, got embeddings",
      "Drop the classes, or change it.",
    );
  if (output !== "embeddings") checkClassOptions(options);
  if (options.raw && output === "answers")
    throw usageError("bad_usage", "--raw — expected with embeddings, got --output answers", "Drop it.");
  checkOneFrame(options);
  const leftOut = new Map<string, number>();
  const { root, rows } = await openSource(from, { ...context, root: options.root, leftOut });
  const store = await openStore(to, context);
  const { model, device, precision, raw, batch, exif, maxImageBytes, maxPixels, frame, plane, window, range, ultrasoundRegion } = options;
  const work: BulkWork = {
    ...{ model, device, precision, raw, output, chunkRows: chunkRowsFor(batch) },
    files: { exif, maxImageBytes, maxPixels, frame, plane, window, range, ultrasoundRegion, batch } as BulkWork["files"],
    ...(await modelAndBank(options, output !== "embeddings", store, cwd)),
  } as BulkWork;
  const started = performance.now();
  const progress = terminal.progress("plan", 0);
  let told = 0;
  const onShard = (count: number) => {
    progress.advance(count - told);
    told = count;
  };
  const {
    job,
    rows: count,
    planned,
  } = await planJob(store, rows, {
    ...{ source: root, facts: factsOf(work), shardRows: options.shardRows, signal, onShard },
  }).finally(() => progress.end());
  const note = leftOutNote(leftOut);
  if (note !== undefined) terminal.note(note);
  const seconds = (performance.now() - started) / 1000;
  const { shards } = job;
  if (options.json) await terminal.line(JSON.stringify({ job: job.id, rows: count, shards: shards.length, planned, seconds }));
  else {
    await terminal.line(
      `${job.id.slice(0, 16)}  ${counted(count, "image")} in ${counted(shards.length, "shard")}${planned ? "" : "  (was planned already)"}`,
    );
    terminal.note(`work on it with: biovlm bulk work ${printable(to)} --all`);
  }
  return undefined;
};

/** A row is one frame: the plan says so, where every shard would. @throws CliError `bad_usage` */
function checkOneFrame({ frame }: Pick<Options, "frame">): void {
  if (frame === "middle" || /^[1-9]\d{0,5}$/.test(frame)) return;
  const several = frameStep(frame) !== undefined;
  throw usageError(
    "bad_usage",
    `--frame — expected middle or a number from 1, got ${JSON.stringify(frame.slice(0, 40))}`,
    several ? "For answers of single frames: classify." : "Correct it.",
  );
}

const hasClasses = ({ bank, dataset, classesFile, class: names }: Options): boolean =>
  bank !== undefined || dataset !== undefined || classesFile !== undefined || names.length > 0;

/** The model's digest; where answers are wanted the compiled bank, too, put into the store: its workers need no text tower. */
async function modelAndBank(
  options: Options,
  answers: boolean,
  store: JobStore,
  cwd: string,
): Promise<Pick<BulkWork, "model" | "modelDigest" | "bank">> {
  const opening = { ...options, threads: undefined, deterministic: true };
  if (!answers) {
    const spec = openingSpec(opening, cwd);
    const { model, close } = await openModel(spec);
    close();
    return { model: spec.model, modelDigest: model.digest };
  }
  const runtime = await openRuntime(opening, cwd);
  try {
    const file = writeBank(await compiledBank(options, runtime, cwd));
    const digest = bareDigest(await sha256(file));
    await store.put(bankKey(digest), file);
    return { model: openingSpec(opening, cwd).model, modelDigest: runtime.model.digest, bank: digest };
  } finally {
    await runtime.close();
  }
}

/** The bank for the classes that were named, with their text embeddings and ρ, and without context vectors. */
async function compiledBank(options: Options, runtime: Runtime, cwd: string) {
  const { core, encoder, model } = runtime;
  const { bank, classes } = await chooseBank(options, runtime, cwd);
  const named = classes === undefined ? {} : { classes };
  const classifier = await createClassifier({
    core,
    encoder,
    model,
    bank,
    ...named,
    ...(options.rho === undefined ? {} : { rho: options.rho }),
  });
  const { ctx: _, ...compiled } = classifier.bank;
  return { ...compiled, rho: options.rho ?? compiled.rho };
}
