// What is told of each answer of `classify`, and of the frames or slices that belong together: written into a report where one is asked for,
// then printed. Holds one file's or volume's sums at a time.

import {
  type ClassifiedImage,
  type ImageSource,
  loneVolume,
  MeanAnswer,
  type Runtime,
  type TogetherAnswer,
  type Volume,
  type VolumePlace,
} from "@biovlm/engine";
import { counted } from "@biovlm/files";
import type { Classifier } from "@biovlm/model";
import type { ChosenBank } from "../class-choice.js";
import { answerLines, frameLine, shownLines, togetherLines } from "../classification-text.js";
import { printable, type Terminal } from "../terminal.js";
import { version } from "../version.js";
import type { AnswerOutput } from "./answer-output.js";
import type { Report, ReportWriter, ToldAnswer } from "./report-writer.js";

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
  /** series of the call: volumes that are one file of none are counted after them */
  readonly series?: number | undefined;
}

/** How a frame, slice or page was shown. */
type Shown = Pick<Answered, "dicom" | "slice" | "page">;

/** Frames of one file whose answers are being gathered. */
interface Gathered {
  readonly source: ImageSource;
  readonly sha256: string;
  readonly frames: number;
  readonly mean: MeanAnswer;
  /** of the middle frame, or of the last one before it that was answered */
  shown: Shown;
}

/** Tells the results of one call, in order. */
export class Teller {
  private readonly telling: Telling;
  private volume: { readonly of: Volume; readonly mean: MeanAnswer } | undefined;
  private gathered: Gathered | undefined;
  private volumes: number;

  constructor(telling: Telling) {
    this.telling = telling;
    this.volumes = telling.series ?? 0;
  }

  /** One result. Frames of a file come one after another; what they say together is told with `sourceEnds`. */
  async tell(result: ClassifiedImage, byFrame: boolean): Promise<void> {
    if ("error" in result) return this.failed(result);
    return byFrame && framesOf(result) > 1 ? this.frame(result) : this.one(result);
  }

  /**
   * A result of a slice, of a frame of a file that is a volume, or of an image of no volume. The volume before it is told first, where it has
   * ended.
   */
  async tellSlice(result: ClassifiedImage, given: VolumePlace | undefined): Promise<void> {
    if (this.volume !== undefined && this.volume.of !== given?.volume && this.gathered?.source !== result.source) await this.volumeEnds();
    if ("error" in result) return this.failed(result);
    const { classifier } = this.telling;
    const { source, answer } = result;
    const frames = framesOf(result);
    const place = given ?? (frames > 1 ? this.lone(source, frames) : undefined);
    if (place === undefined) return this.one(result);
    const { volume } = place;
    const slice = place.slice + (frames > 1 ? frameOf(result) - 1 : 0);
    this.volume ??= { of: volume, mean: new MeanAnswer({ classes: classifier.classes }) };
    this.volume.mean.add(slice, answer.predictions);
    const beside = { volume: { number: volume.number, slice, slices: volume.slices } };
    return frames > 1 ? this.frame(result, beside) : this.one(result, beside);
  }

  private failed(result: Extract<ClassifiedImage, { readonly error: object }>): Promise<void> {
    return this.telling.output.failed(result.source.name, result.error, result);
  }

  /** The place of a file of several frames that is of no series: the volume begun for it, or a new one. */
  private lone(source: ImageSource, frames: number): VolumePlace {
    const begun = this.gathered?.source === source ? this.volume?.of : undefined;
    return begun === undefined ? loneVolume(source.name, ++this.volumes, frames) : { volume: begun, slice: 1 };
  }

  /** One of several frames: gathered, and told by itself. */
  private async frame(result: Answered, beside: object = {}): Promise<void> {
    const { output, classifier } = this.telling;
    const { source, sha256, answer } = result;
    const [frame, frames] = [frameOf(result), framesOf(result)];
    if (this.gathered?.source !== source)
      this.gathered = { source, sha256, frames, mean: new MeanAnswer({ classes: classifier.classes }), shown: {} };
    this.gathered.mean.add(frame, answer.predictions);
    if (frame <= Math.floor(frames / 2) + 1) this.gathered.shown = shownOf(result);
    await output.put({ ...this.element(result), frame, ...beside }, () => [
      frameLine(source.name, { frame, frames }, answer.predictions[0]),
    ]);
  }

  /** The volume has no more slices; nothing where there is none. */
  async volumeEnds(): Promise<void> {
    const { volume } = this;
    this.volume = undefined;
    const together = volume?.mean.together();
    if (volume === undefined || together === undefined) return;
    const { terminal, output, top } = this.telling;
    const { number, slices, notes, files } = volume.of;
    const { predictions, answers } = together;
    await output.put({ volume: volumeTold(volume.of, together), predictions, ...this.made() }, () => [
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
    const whole = this.volume?.of.alone === true ? this.volume.of : undefined;
    if (whole !== undefined) this.volume = undefined;
    const together = gathered?.mean.together();
    if (gathered === undefined || together === undefined) return this.telling.reports?.forget(source);
    const { output, terminal, top } = this.telling;
    const { sha256, frames, shown } = gathered;
    const { predictions, answers, surest } = together;
    const named = surest.map(({ at, ...answer }) => ({ frame: at, ...answer }));
    const surestTold = surest.map(
      (sure): ToldAnswer => ({ frame: sure.at, predictions: [{ class: sure.class, probability: sure.probability }] }),
    );
    const report = await this.reported(source, [{ predictions }, ...surestTold]);
    const told = { file: source.name, sha256, predictions, frames: { count: frames, answered: answers, surest: named } };
    const volume = whole === undefined ? {} : { ...shown, volume: volumeTold(whole, together) };
    await output.put({ ...told, ...volume, ...(report === undefined ? {} : { report }), ...this.made() }, () => [
      ...togetherLines(source.name, together, `${answers} of ${counted(frames, "frame")}`, "frame", {
        top,
        columns: terminal.columns,
        colors: terminal.out,
      }),
      ...[...shownLines(shown), ...reportLines(report)].map((line) => terminal.out.dim(line)),
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

/** Frames, slices or pages of the file of an answer; 1 of one that has none. */
const framesOf = ({ dicom, slice, page }: Answered): number => (dicom ?? slice ?? page)?.frames ?? 1;
/** Which of them, counted from 1. */
const frameOf = ({ dicom, slice, page }: Answered): number => (dicom ?? slice ?? page)?.frame ?? 1;

/** What is there of how a frame was shown. */
function shownOf({ dicom, slice, page }: Shown): Shown {
  return { ...(dicom && { dicom }), ...(slice && { slice }), ...(page && { page }) };
}

/** A volume as JSON tells it. */
function volumeTold({ number, slices, notes, leftOut, files }: Volume, { answers, surest }: TogetherAnswer): object {
  const named = surest.map(({ at, ...answer }) => ({ slice: at, ...answer }));
  return { number, slices, answered: answers, files, notes, leftOut, surest: named };
}

function reportLines(report: Report | undefined): string[] {
  if (report === undefined || "error" in report) return [];
  const file = report.file === undefined ? [] : [printable(report.file)];
  return [`  report: ${[...file, ...(report.stored === undefined ? [] : ["stored in the archive"])].join(", ")}`];
}
