// `biovlm bulk plan`: cuts many images into the shards of a job.
// The work alone: what it is asked for by is bulk.ts.

import { leftOutOfSeries } from "@biovlm/datasets";
import { frameStep, openModel, type Runtime } from "@biovlm/engine";
import { counted } from "@biovlm/files";
import { leftOutNote } from "@biovlm/files/node";
import { checkCreates, type JobStore, type PlanRow, planJob } from "@biovlm/jobs";
import { createClassifier, sha256, writeBank } from "@biovlm/model";
import { type BulkWork, bankKey, bareDigest, chunkRowsFor, factsOf, plannedImageTower, VOLUME_CHUNK_ROWS } from "../bulk-job.js";
import { openImages, openSource, openStore, sortingPlace, sweepStore } from "../bulk-places.js";
import { noSeries, type SeriesCounts, seriesRows } from "../bulk-series.js";
import { checkClassOptions, chooseBank } from "../class-choice.js";
import type { CommandContext, CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { openingSpec, openRuntime } from "../opening.js";
import { printable } from "../terminal.js";
import { checkVolumeFrames } from "../volume-stack.js";
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
  if (options.volumes) checkVolumeFrames(options);
  else checkOneFrame(options);
  const leftOut = new Map<string, number>();
  const { root, rows: found } = await openSource(from, { ...context, root: options.root, leftOut });
  const store = await openStore(to, context);
  await checkCreates(store);
  const place = sortingPlace(to, cwd);
  // what a plan left that was killed
  await sweepStore(to, cwd);
  const { model, device, precision, raw, batch, exif, maxImageBytes, maxPixels, frame, plane, window, range, ultrasoundRegion } = options;
  const work: BulkWork = {
    ...{ model, device, precision, raw, output, volumes: options.volumes },
    chunkRows: options.volumes ? VOLUME_CHUNK_ROWS : chunkRowsFor(batch),
    files: { exif, maxImageBytes, maxPixels, frame, plane, window, range, ultrasoundRegion, batch } as BulkWork["files"],
    ...(await modelAndBank(options, output !== "embeddings", store, cwd)),
  } as BulkWork;
  const started = performance.now();
  const counts = noSeries();
  const rows = options.volumes ? await bySeries(found, root, { counts, place }, options, context) : found;
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
  if (options.volumes) for (const text of seriesNotes(counts)) terminal.note(text);
  const seconds = (performance.now() - started) / 1000;
  const { shards } = job;
  const volumes = options.volumes ? { volumes: counts } : {};
  if (options.json) await terminal.line(JSON.stringify({ job: job.id, rows: count, shards: shards.length, planned, ...volumes, seconds }));
  else {
    await terminal.line(
      `${job.id.slice(0, 16)}  ${counted(count, options.volumes ? "row" : "image")} in ${counted(shards.length, "shard")}${planned ? "" : "  (was planned already)"}`,
    );
    terminal.note(`work on it with: biovlm bulk work ${printable(to)} --all`);
  }
  return undefined;
};

/** @throws FilesError `source_unreadable` where the place of the images is not there */
async function bySeries(
  rows: AsyncIterable<PlanRow>,
  root: string,
  sorting: { readonly counts: SeriesCounts; readonly place: string },
  { maxImageBytes }: Pick<Options, "maxImageBytes">,
  context: CommandContext,
): Promise<AsyncIterable<PlanRow>> {
  const images = await openImages(root, undefined, { maxImageBytes }, context);
  await images.check();
  return seriesRows(rows, { images, maxImageBytes, ...sorting, signal: context.signal });
}

/** What a person should know of the series that were found. */
function seriesNotes({ series, slices, empty, gaps, same, byNumber, ...left }: SeriesCounts): string[] {
  const leftOut = leftOutOfSeries(left);
  const of = (count: number, what: string) => (count === 0 ? [] : [`${counted(count, "series", "series")} ${what}`]);
  return [
    `${counted(series, "series", "series")} of ${counted(slices, "file")}`,
    ...(leftOut === undefined ? [] : [leftOut]),
    ...of(empty, "of localisers alone: no row"),
    ...of(gaps, "with a gap between slices"),
    ...of(same, "with slices that lie where another one does"),
    ...of(byNumber, "ordered by number: not every slice says where it lies"),
  ];
}

/** A row is one frame: the plan says so, where every shard would. @throws CliError `bad_usage` */
function checkOneFrame({ frame }: Pick<Options, "frame">): void {
  if (frame === "middle" || /^[1-9]\d{0,5}$/.test(frame)) return;
  const several = frameStep(frame) !== undefined;
  throw usageError(
    "bad_usage",
    `--frame — expected middle or a number from 1, got ${JSON.stringify(frame.slice(0, 40))}`,
    several ? "For a row of all frames of a file: --volumes; for an answer a frame: classify." : "Correct it.",
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
): Promise<Pick<BulkWork, "model" | "modelDigest" | "imageTower" | "bank">> {
  const opening = { ...options, threads: undefined, deterministic: true };
  if (!answers) {
    const spec = openingSpec(opening, cwd);
    const { model, close } = await openModel(spec);
    close();
    return { model: spec.model, modelDigest: model.digest, ...(await plannedImageTower(options, model)) };
  }
  const runtime = await openRuntime(opening, cwd);
  try {
    const file = writeBank(await compiledBank(options, runtime, cwd));
    const digest = bareDigest(await sha256(file));
    await store.put(bankKey(digest), file);
    const { model } = runtime;
    return {
      model: openingSpec(opening, cwd).model,
      modelDigest: model.digest,
      ...(await plannedImageTower(options, model)),
      bank: digest,
    };
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
