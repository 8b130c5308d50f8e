// What is told of each answer of `classify`, and of the frames or slices that belong together: written into a report where one is asked for,
// then printed. Holds one file's or volume's sums at a time.

import { type ClassifiedImage, type ImageSource, MeanAnswer, type Runtime } from "@biovlm/engine";
import { counted } from "@biovlm/files";
import type { Classifier } from "@biovlm/model";
import type { ChosenBank } from "../class-choice.js";
import { answerLines, frameLine, togetherLines } from "../classification-text.js";
import { printable, type Terminal } from "../terminal.js";
import { version } from "../version.js";
import type { AnswerOutput } from "./answer-output.js";
import type { Report, ReportWriter, ToldAnswer } from "./report-writer.js";
import type { Volume, VolumePlace } from "./volumes.js";

type Answered = Exclude<ClassifiedImage, { readonly error: object }>;

/** What telling needs beside the answers. */
export interface Telling {
  readonly terminal: Terminal;
  readonly output: AnswerOutput;
  readonly reports: ReportWriter | undefined;
  readonly runtime: Runtime;
  readonly classifier: Classifier;
  readonly chosen: ChosenBank;
  readonly top: number;
  readonly explain: boolean;
  readonly signal: AbortSignal;
}

/** Frames of one file whose answers are being gathered. */
interface Gathered {
  readonly source: ImageSource;
  readonly sha256: string;
  readonly frames: number;
  readonly mean: MeanAnswer;
}

/** Tells the results of one call, in order. */
export class Teller {
  private readonly telling: Telling;
  private volume: { readonly of: Volume; readonly mean: MeanAnswer } | undefined;
  private gathered: Gathered | undefined;

  constructor(telling: Telling) {
    this.telling = telling;
  }

  /** One result. Frames of a file come one after another; what they say together is told with `sourceEnds`. */
  async tell(result: ClassifiedImage, byFrame: boolean): Promise<void> {
    const { output, classifier } = this.telling;
    if ("error" in result) return output.failed(result.source.name, result.error, result);
    const { source, sha256, answer, dicom, slice, page } = result;
    const place = dicom ?? slice ?? page;
    if (!byFrame || place === undefined || place.frames === 1) return this.one(result);
    if (this.gathered?.source !== source)
      this.gathered = { source, sha256, frames: place.frames, mean: new MeanAnswer({ classes: classifier.classes }) };
    this.gathered.mean.add(place.frame, answer.predictions);
    await output.put(this.element(result), () => [frameLine(source.name, place, answer.predictions[0])]);
  }

  /** A result of a slice, or of an image of no volume. The volume before it is told first, where it has ended. */
  async tellSlice(result: ClassifiedImage, place: VolumePlace | undefined): Promise<void> {
    if (this.volume !== undefined && this.volume.of !== place?.volume) await this.volumeEnds();
    const { output, classifier } = this.telling;
    if ("error" in result) return output.failed(result.source.name, result.error, result);
    if (place === undefined) return this.one(result);
    const { volume, slice } = place;
    this.volume ??= { of: volume, mean: new MeanAnswer({ classes: classifier.classes }) };
    this.volume.mean.add(slice, result.answer.predictions);
    return this.one(result, { volume: { number: volume.number, slice, slices: volume.slices } });
  }

  /** The volume has no more slices; nothing where there is none. */
  async volumeEnds(): Promise<void> {
    const { volume } = this;
    this.volume = undefined;
    const together = volume?.mean.together();
    if (volume === undefined || together === undefined) return;
    const { terminal, output, top } = this.telling;
    const { number, slices, notes, leftOut, files } = volume.of;
    const { predictions, answers, surest } = together;
    const named = surest.map(({ at, ...answer }) => ({ slice: at, ...answer }));
    const told = { volume: { number, slices, answered: answers, files, notes, leftOut, surest: named }, predictions };
    await output.put({ ...told, ...this.made() }, () => [
      ...togetherLines(`volume ${number}: ${files[0]} to ${files[1]}`, together, `${answers} of ${counted(slices, "slice")}`, "slice", {
        ...{ top, columns: terminal.columns, colors: terminal.out },
      }),
      ...notes.map((note) => terminal.out.dim(`  note: ${note}`)),
    ]);
  }

  /** A series without a slice to answer: told, and what of it was left out. */
  async volumeWithout({ number, notes, leftOut, files }: Volume): Promise<void> {
    const { terminal, output } = this.telling;
    const told = { volume: { number, slices: 0, answered: 0, files, notes, leftOut, surest: [] } };
    await output.told(told, () => [
      terminal.out.bold(printable(`volume ${number}: ${files[0]} to ${files[1]}`)),
      terminal.out.dim("  no slice to answer"),
      ...notes.map((note) => terminal.out.dim(`  note: ${note}`)),
    ]);
  }

  /** The source has no more results. */
  async sourceEnds(source: ImageSource): Promise<void> {
    const { gathered } = this;
    this.gathered = undefined;
    const together = gathered?.mean.together();
    if (gathered === undefined || together === undefined) return this.telling.reports?.forget(source);
    const { output, terminal, top } = this.telling;
    const { sha256, frames } = gathered;
    const { predictions, answers, surest } = together;
    const named = surest.map(({ at, ...answer }) => ({ frame: at, ...answer }));
    const surestTold = surest.map(
      (sure): ToldAnswer => ({ frame: sure.at, predictions: [{ class: sure.class, probability: sure.probability }] }),
    );
    const report = await this.reported(source, [{ predictions }, ...surestTold]);
    const told = { file: source.name, sha256, predictions, frames: { count: frames, answered: answers, surest: named } };
    await output.put({ ...told, ...(report === undefined ? {} : { report }), ...this.made() }, () => [
      ...togetherLines(source.name, together, `${answers} of ${counted(frames, "frame")}`, "frame", {
        top,
        columns: terminal.columns,
        colors: terminal.out,
      }),
      ...reportLines(report).map((line) => terminal.out.dim(line)),
    ]);
  }

  private async one(result: Answered, beside: object = {}): Promise<void> {
    const { terminal, output, classifier, chosen, top, explain } = this.telling;
    const { source, answer, dicom, slice, notes } = result;
    for (const note of notes ?? [])
      terminal.warn(`${printable(source.name)}: ${note.replace("for instance bits=", "for instance --range bits=")}`);
    const frame = dicom === undefined || dicom.frames === 1 ? {} : { frame: dicom.frame };
    const report = await this.reported(source, [{ ...frame, predictions: answer.predictions }]);
    await output.put({ ...this.element(result, report), ...beside }, () => [
      ...answerLines(source.name, answer, classifier.bank, {
        top,
        explain,
        columns: terminal.columns,
        colors: terminal.out,
        ...(chosen.sentences === undefined ? {} : { sentences: chosen.sentences }),
        ...(dicom === undefined ? {} : { dicom }),
        ...(slice === undefined ? {} : { slice }),
      }),
      ...reportLines(report).map((line) => terminal.out.dim(line)),
    ]);
  }

  private async reported(source: ImageSource, answers: readonly ToldAnswer[]): Promise<Report | undefined> {
    const { reports, runtime, classifier, chosen, output, terminal, signal } = this.telling;
    if (reports === undefined) return undefined;
    const { name, digest } = runtime.model;
    const author = { model: name, modelDigest: digest, bankDigest: classifier.bankDigest, version: version() };
    const report = await reports.write(source, answers, author, chosen.codes, signal);
    if ("error" in report) {
      output.bad++;
      const { code, message } = report.error;
      if (!output.machine) terminal.error(`${printable(source.name)}: no report: error[${code}]: ${printable(message)}`);
    }
    return report;
  }

  private element({ source, sha256, answer, dicom, slice, page, notes, timings }: Answered, report?: Report): object {
    return {
      ...{ file: source.name, sha256, ...answer },
      ...(dicom === undefined ? {} : { dicom }),
      ...(slice === undefined ? {} : { slice }),
      ...(page === undefined ? {} : { page }),
      ...(notes === undefined ? {} : { notes }),
      ...(report === undefined ? {} : { report }),
      ...this.made(),
      timingsMs: Object.fromEntries(Object.entries(timings).map(([name, ms]: [string, number]) => [name, Math.round(ms * 1000) / 1000])),
    };
  }

  /** What an answer was made by. */
  private made(): object {
    const { runtime, classifier } = this.telling;
    const { core, encoder, model } = runtime;
    return {
      model: { name: model.name, digest: model.digest },
      bank: { digest: classifier.bankDigest },
      ...(classifier.prevalence === undefined ? {} : { prevalence: classifier.prevalence }),
      device: encoder.capabilities.device,
      core: core.info.build,
    };
  }
}

function reportLines(report: Report | undefined): string[] {
  if (report === undefined || "error" in report) return [];
  const file = report.file === undefined ? [] : [printable(report.file)];
  return [`  report: ${[...file, ...(report.stored === undefined ? [] : ["stored in the archive"])].join(", ")}`];
}
