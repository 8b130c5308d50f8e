// `biovlm classify`: images in, routed predictions out.
// The work alone: what it is asked for by is classify.ts.

import {
  type ClassifiedImage,
  classifyImages,
  frameStep,
  type ImageSource,
  type Volume,
  type VolumePlace,
  volumeOrder,
} from "@biovlm/engine";
import { counted } from "@biovlm/files";
import { createClassifier } from "@biovlm/model";
import { checkClassOptions, chooseBank } from "../class-choice.js";
import { AnswerOutput } from "../classify/answer-output.js";
import { archiveImages, checkArchiveOptions } from "../classify/archive-images.js";
import { ReportWriter } from "../classify/report-writer.js";
import { Teller } from "../classify/teller.js";
import type { CommandRun, OptionValues } from "../command.js";
import { notFoundError, usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { type FailedPath, findImageFiles } from "../image-files.js";
import { changeNote, fallbackNote, imageSources, openRuntime } from "../opening.js";
import { prevalenceOf } from "../prevalence-choice.js";
import type { Progress } from "../progress-bar.js";
import { checkShownAs } from "../shown-as.js";
import { checkVolumeFrames } from "../volume-stack.js";
import type { CLASSIFY_OPTIONS } from "./classify.js";

type Options = OptionValues<typeof CLASSIFY_OPTIONS>;

export const classifyFiles: CommandRun<typeof CLASSIFY_OPTIONS> = async ({ terminal, signal, cwd }, options, paths) => {
  if (options.json && options.jsonl) throw usageError("bad_usage", "--json and --jsonl — expected one of them, got both");
  if (options.volumes) checkVolumeFrames(options);
  checkArchiveOptions(options, paths);
  checkClassOptions(options);
  const { sources, places, series, empty = [], failed, note: leftOut, volumeNote, store } = await imagesAsked(options, paths, cwd, signal);
  for (const text of [leftOut, volumeNote]) if (text !== undefined) terminal.note(text);
  if (sources.length === 0 && failed.length === 0 && empty.length > 0)
    throw notFoundError("no_images", `no slice to answer — ${volumeNote}`, "Leave out --volumes to have them answered as single images.");
  const reports = options.sr === undefined && store === undefined ? undefined : new ReportWriter({ folder: options.sr, store, cwd });
  await reports?.prepare();
  const runtime = await openRuntime(options, cwd, (change) => terminal.warn(changeNote(change)));
  try {
    const note = fallbackNote(runtime);
    if (note !== undefined) terminal.warn(note);
    const { core, encoder, model } = runtime;
    const chosen = await chooseBank(options, runtime, cwd);
    const prevalence = prevalenceOf(options.prevalence, chosen.classes ?? chosen.bank.classes);
    checkShownAs(chosen.bank, options, terminal);
    if (chosen.bank.options["volumes"] === true && !options.volumes)
      terminal.note("the bank was learned on whole series: --volumes answers a series by all of its slices");
    const classifier = await createClassifier({
      core,
      encoder,
      model,
      bank: chosen.bank,
      ...(chosen.classes === undefined ? {} : { classes: chosen.classes }),
      ...(options.rho === undefined ? {} : { rho: options.rho }),
      ...(prevalence === undefined ? {} : { prevalence }),
    });
    if (classifier.classes.length === 1) terminal.warn("one class: every answer is 100 %; name what else an image may show");
    const output = new AnswerOutput(terminal, options);
    if (!output.machine) {
      const { device } = encoder.capabilities;
      terminal.note(
        `${model.name} on ${device} (${runtime.detail}), ${chosen.described}, ${counted(classifier.classes.length, "class", "classes")}`,
      );
    }
    const { top, explain } = options;
    const teller = new Teller({ terminal, output, reports, runtime, classifier, chosen, top, explain, signal, series });
    const progress = terminal.progress("classify", sources.length + failed.length);
    for (const { name, error } of failed) {
      await output.failed(name, error);
      progress.advance();
    }
    const files = options.volumes ? { ...options, frame: "all" } : options;
    const asked = { core, encoder, classifier, files, explain, signal };
    const atOnce = options.dicomweb === undefined ? {} : { atOnce: options.inFlight };
    const watched = reports === undefined ? sources : sources.map((source) => reports.watched(source));
    const results = classifyImages(watched, { ...asked, ...atOnce });
    const byFrame = frameStep(options.frame) !== undefined;
    const placeOf = new Map(watched.map((source, i) => [source, places?.[i]]));
    const tell = (result: ClassifiedImage) =>
      places === undefined ? teller.tell(result, byFrame) : teller.tellSlice(result, placeOf.get(result.source));
    await toldByFile(results, teller, tell, progress);
    await teller.volumeEnds();
    for (const volume of empty) await teller.volumeWithout(volume);
    progress.end();
    await output.end();
    return output.bad === 0 ? EXIT.ok : output.answered === 0 ? EXIT.failure : EXIT.partial;
  } finally {
    await runtime.close();
  }
};

/** Tells results file by file, and after the frames of one what they say together. */
async function toldByFile(
  results: AsyncIterable<ClassifiedImage>,
  teller: Teller,
  tell: (result: ClassifiedImage) => Promise<void>,
  progress: Progress,
): Promise<void> {
  let current: ImageSource | undefined;
  for await (const result of results) {
    if (current !== undefined && current !== result.source) {
      await teller.sourceEnds(current);
      progress.advance();
    }
    current = result.source;
    await tell(result);
  }
  if (current !== undefined) await teller.sourceEnds(current);
  progress.advance();
}

/** Images by what was asked for, by volume where that was asked for, too. */
async function imagesAsked(options: Options, paths: readonly string[], cwd: string, signal: AbortSignal): Promise<ImagesAsked> {
  const found = await imagesFound(options, paths, cwd, signal);
  return options.volumes ? { ...found, ...(await volumeOrder(found.sources, signal)) } : found;
}

/** An archive's images, or files. */
async function imagesFound(options: Options, paths: readonly string[], cwd: string, signal: AbortSignal): Promise<ImagesAsked> {
  if (options.dicomweb !== undefined) {
    const { store, ...images } = await archiveImages(options, cwd, signal);
    return { ...images, failed: [], store: options.store ? store : undefined };
  }
  const { files, failed, note } = await findImageFiles(paths, cwd, signal);
  return { sources: imageSources(files, options), failed, note, store: undefined };
}

interface ImagesAsked {
  readonly sources: readonly ImageSource[];
  /** by source, where images were put in order by volume */
  readonly places?: readonly (VolumePlace | undefined)[];
  /** series without a slice, and what was left out of series in words */
  readonly empty?: readonly Volume[];
  readonly series?: number;
  readonly volumeNote?: string | undefined;
  readonly failed: readonly FailedPath[];
  readonly note: string | undefined;
  readonly store: ((file: Uint8Array) => Promise<void>) | undefined;
}
