// `biovlm classify`: images in, routed predictions out.
// The work alone: what it is asked for by is classify.ts.

import { type ClassifiedImage, classifyImages, type ImageSource, type Runtime } from "@biovlm/engine";
import { type Classifier, createClassifier } from "@biovlm/model";
import { type ChosenBank, checkClassOptions, chooseBank } from "../class-choice.js";
import { answerLines } from "../classification-text.js";
import { AnswerOutput } from "../classify/answer-output.js";
import { archiveImages, checkArchiveOptions } from "../classify/archive-images.js";
import { type Report, ReportWriter } from "../classify/report-writer.js";
import type { CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { type FailedPath, findImageFiles } from "../image-files.js";
import { changeNote, fallbackNote, imageSources, openRuntime } from "../opening.js";
import { printable, type Terminal } from "../terminal.js";
import { version } from "../version.js";
import type { CLASSIFY_OPTIONS } from "./classify.js";

type Options = OptionValues<typeof CLASSIFY_OPTIONS>;
type Answered = Exclude<ClassifiedImage, { readonly error: object }>;

export const classifyFiles: CommandRun<typeof CLASSIFY_OPTIONS> = async ({ terminal, signal, cwd }, options, paths) => {
  if (options.json && options.jsonl) throw usageError("bad_usage", "--json and --jsonl — expected one of them, got both");
  checkArchiveOptions(options, paths);
  checkClassOptions(options);
  const { sources, failed, note: leftOut, store } = await imagesAsked(options, paths, cwd, signal);
  if (leftOut !== undefined) terminal.note(leftOut);
  const reports = options.sr === undefined && store === undefined ? undefined : new ReportWriter({ folder: options.sr, store, cwd });
  await reports?.prepare();
  const runtime = await openRuntime(options, cwd, (change) => terminal.warn(changeNote(change)));
  try {
    const note = fallbackNote(runtime);
    if (note !== undefined) terminal.warn(note);
    const { core, encoder, model } = runtime;
    const chosen = await chooseBank(options, runtime, cwd);
    const classifier = await createClassifier({
      core,
      encoder,
      model,
      bank: chosen.bank,
      ...(chosen.classes === undefined ? {} : { classes: chosen.classes }),
      ...(options.rho === undefined ? {} : { rho: options.rho }),
    });
    if (classifier.classes.length === 1) terminal.warn("one class: every answer is 100 %; name what else an image may show");
    const output = new AnswerOutput(terminal, options);
    if (!output.machine) {
      const { device } = encoder.capabilities;
      terminal.note(`${model.name} on ${device} (${runtime.detail}), ${chosen.described}, ${counted(classifier.classes.length)}`);
    }
    const telling: Telling = { terminal, options, output, reports, runtime, classifier, chosen, signal };
    const progress = terminal.progress("classify", sources.length + failed.length);
    for (const { name, error } of failed) {
      await output.failed(name, error);
      progress.advance();
    }
    const asked = { core, encoder, classifier, files: options, explain: options.explain, signal };
    const atOnce = options.dicomweb === undefined ? {} : { atOnce: options.inFlight };
    const watched = reports === undefined ? sources : sources.map((source) => reports.watched(source));
    for await (const result of classifyImages(watched, { ...asked, ...atOnce })) {
      if ("error" in result) {
        reports?.forget(result.source);
        await output.failed(result.source.name, result.error, result.sha256);
      } else await tell(result, telling);
      progress.advance();
    }
    progress.end();
    await output.end();
    const all = sources.length + failed.length;
    return output.bad === 0 ? EXIT.ok : output.bad === all ? EXIT.failure : EXIT.partial;
  } finally {
    await runtime.close();
  }
};

/** Images by what was asked for: an archive's, or files. */
async function imagesAsked(options: Options, paths: readonly string[], cwd: string, signal: AbortSignal): Promise<ImagesAsked> {
  if (options.dicomweb !== undefined) {
    const { store, ...images } = await archiveImages(options, cwd, signal);
    return { ...images, failed: [], store: options.store ? store : undefined };
  }
  const { files, failed, note } = await findImageFiles(paths, cwd, signal);
  return { sources: imageSources(files, options), failed, note, store: undefined };
}

interface ImagesAsked {
  readonly sources: readonly ImageSource[];
  readonly failed: readonly FailedPath[];
  readonly note: string | undefined;
  readonly store: ((file: Uint8Array) => Promise<void>) | undefined;
}

/** What telling an answer needs beside the answer. */
interface Telling {
  readonly terminal: Terminal;
  readonly options: Options;
  readonly output: AnswerOutput;
  readonly reports: ReportWriter | undefined;
  readonly runtime: Runtime;
  readonly classifier: Classifier;
  readonly chosen: ChosenBank;
  readonly signal: AbortSignal;
}

/** An answer: its report written, then printed. */
async function tell(result: Answered, { terminal, options, output, reports, runtime, classifier, chosen, signal }: Telling): Promise<void> {
  const { core, encoder, model } = runtime;
  const { source, sha256, answer, dicom, notes, timings } = result;
  for (const note of notes ?? []) terminal.warn(`${printable(source.name)}: ${note} (--range)`);
  const author = { model: model.name, modelDigest: model.digest, bankDigest: classifier.bankDigest, version: version() };
  const frame = dicom === undefined || dicom.frames === 1 ? {} : { frame: dicom.frame };
  const told = { ...frame, predictions: answer.predictions };
  const report = await reports?.write(source, [told], author, chosen.codes, signal);
  if (report !== undefined && "error" in report) {
    output.bad++;
    if (!output.machine)
      terminal.error(`${printable(source.name)}: no report: error[${report.error.code}]: ${printable(report.error.message)}`);
  }
  const element = {
    ...{ file: source.name, sha256, ...answer },
    ...(dicom === undefined ? {} : { dicom }),
    ...(notes === undefined ? {} : { notes }),
    ...(report === undefined ? {} : { report }),
    model: { name: model.name, digest: model.digest },
    bank: { digest: classifier.bankDigest },
    device: encoder.capabilities.device,
    core: core.info.build,
    timingsMs: rounded(timings),
  };
  await output.put(element, () => [
    ...answerLines(source.name, answer, classifier.bank, {
      top: options.top,
      explain: options.explain,
      columns: terminal.columns,
      colors: terminal.out,
      ...(chosen.sentences === undefined ? {} : { sentences: chosen.sentences }),
      ...(dicom === undefined ? {} : { dicom }),
    }),
    ...reportLines(report).map((line) => terminal.out.dim(line)),
  ]);
}

function reportLines(report: Report | undefined): string[] {
  if (report === undefined || "error" in report) return [];
  const places = [
    ...(report.file === undefined ? [] : [printable(report.file)]),
    ...(report.stored === undefined ? [] : ["stored in the archive"]),
  ];
  return [`  report: ${places.join(", ")}`];
}

function counted(classes: number): string {
  return classes === 1 ? "1 class" : `${classes} classes`;
}

function rounded(timings: Readonly<Record<string, number>> | object): Record<string, number> {
  return Object.fromEntries(Object.entries(timings).map(([name, ms]) => [name, Math.round(ms * 1000) / 1000]));
}
