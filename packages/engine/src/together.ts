// Answers of files whose frames were asked for: each frame's, the file's mean, and with volumes that of each series. The order of a series, and how
// answers are joined, are those of the command line; sums are made in the same order, so that its numbers are the same.

import { nth } from "@biovlm/files";
import type { Classification } from "@biovlm/model";
import type { EncodedFrame, ImageFacts } from "./contract/encoding.js";
import type { FailedImage, FramesAnswer, ImageAnswer, LeftOutImage, VolumeAnswer } from "./contract/engine.js";
import { failed } from "./encoded-rows.js";
import { MeanAnswer, type TogetherAnswer } from "./images/mean-answer.js";
import { loneVolume, orderedVolumes, type Volume, type VolumePlace } from "./images/volumes.js";
import type { HostStack } from "./model-host.js";

type Answer = ImageAnswer | FailedImage | LeftOutImage;
type Answered = Classification & ImageFacts;

/** A file's frames with their answers. */
export interface AnsweredStack extends Pick<HostStack, "sha256" | "frames" | "place"> {
  readonly images: readonly (
    | { readonly frame: number; readonly answer: Answered }
    | { readonly frame: number; readonly failure: FailedImage }
  )[];
}

/** Frames with the answers of their rows, which are in the order of the frames. */
export function answeredStacks(stacks: readonly HostStack[], answers: readonly Classification[]): AnsweredStack[] {
  let next = 0;
  const answered = (image: EncodedFrame): AnsweredStack["images"][number] => {
    const { frame = 1 } = image;
    if ("error" in image) return { frame, failure: failed(image) };
    const { row: _, sha256: __, frame: ___, ...facts } = image;
    return { frame, answer: { ...facts, ...nth(answers, next++) } };
  };
  return stacks.map(({ sha256, frames, place, images }) => ({
    sha256,
    frames,
    ...(place === undefined ? {} : { place }),
    images: images.map(answered),
  }));
}

/** Of each file one answer; of one with several frames their mean, and each frame's own. */
export function fileAnswers(stacks: readonly AnsweredStack[], classes: readonly string[]): Answer[] {
  return stacks.map((stack) => fileAnswer(stack, classes));
}

function fileAnswer({ sha256, frames, images }: AnsweredStack, classes: readonly string[], whole = false): ImageAnswer | FailedImage {
  const first = nth(images, 0);
  if (frames === 1) return "answer" in first ? { sha256, ...first.answer } : first.failure;
  const mean = new MeanAnswer({ classes });
  let shown: ImageFacts = {};
  for (const { frame, ...one } of images) {
    if (!("answer" in one)) continue;
    mean.add(frame, one.answer.predictions);
    if (frame <= Math.floor(frames / 2) + 1) shown = shownOf(one.answer);
  }
  const together = mean.together();
  // all of them failed: the first says why
  if (together === undefined) return "failure" in first ? first.failure : { sha256, ...first.answer };
  const answers = images.map((one): FramesAnswer["answers"][number] =>
    "answer" in one ? { frame: one.frame, ...one.answer } : { frame: one.frame, error: one.failure.error },
  );
  const surest = together.surest.map(({ at, ...answer }) => ({ frame: at, ...answer }));
  return {
    sha256,
    predictions: together.predictions,
    frames: { count: frames, answered: together.answers, surest, answers },
    ...(whole ? shown : {}),
  };
}

function shownOf({ dicom, slice, page }: ImageFacts): ImageFacts {
  return { ...(dicom && { dicom }), ...(slice && { slice }), ...(page && { page }) };
}

/** Files by the volumes that they make: indices of the files. */
export interface StackVolumes {
  /** files in the order in which they are answered, each with its place where it belongs to a series */
  readonly taken: readonly { readonly index: number; readonly place: VolumePlace<number> | undefined }[];
  readonly empty: readonly Volume<number>[];
  readonly series: number;
}

/** Puts files in order by where they stand in their series. */
export function stackVolumes(stacks: readonly Pick<HostStack, "place">[]): StackVolumes {
  return orderedVolumes(
    stacks.map(({ place }) => place),
    stacks.map((_, index) => index),
  );
}

/** Of each file its answer with its place, or why it is left out; and of each volume the mean of its slices. */
export function volumeAnswers(
  stacks: readonly AnsweredStack[],
  classes: readonly string[],
): { readonly answers: readonly Answer[]; readonly volumes: readonly VolumeAnswer[] } {
  const { taken, empty, series } = stackVolumes(stacks);
  const answers = new Map<number, Answer>();
  const begun = new Map<Volume<number>, { readonly images: number[]; readonly mean: MeanAnswer }>();
  let volumes = series;
  for (const { index, place: given } of taken) {
    const stack = nth(stacks, index);
    const { frames, images } = stack;
    const answered = images.some((one) => "answer" in one);
    const place = given ?? (frames > 1 && answered ? loneVolume(index, ++volumes, frames) : undefined);
    const answer = fileAnswer(stack, classes, place?.volume.alone);
    if (place === undefined) {
      answers.set(index, answer);
      continue;
    }
    const { volume, slice } = place;
    const { number, slices } = volume;
    const of = begun.get(volume) ?? { images: [], mean: new MeanAnswer({ classes }) };
    begun.set(volume, of);
    of.images.push(index);
    for (const one of images) if ("answer" in one) of.mean.add(slice + (frames > 1 ? one.frame - 1 : 0), one.answer.predictions);
    answers.set(index, "error" in answer ? answer : { ...answer, volume: { number, slice, slices } });
  }
  for (const volume of empty) begun.set(volume, { images: [], mean: new MeanAnswer({ classes }) });
  const told = [...begun].map(([volume, { images, mean }]) => volumeAnswer(volume, images, mean.together()));
  for (const { leftOut } of begun.keys())
    for (const { file, why } of leftOut) answers.set(file, { sha256: nth(stacks, file).sha256, leftOut: why });
  return {
    answers: stacks.map((_, index) => answers.get(index) as Answer),
    volumes: told.sort((a, b) => a.volume.number - b.volume.number),
  };
}

function volumeAnswer(
  { number, slices, notes, leftOut }: Volume<number>,
  images: readonly number[],
  together: TogetherAnswer | undefined,
): VolumeAnswer {
  const surest = (together?.surest ?? []).map(({ at, ...answer }) => ({ slice: at, ...answer }));
  const left = leftOut.map(({ file, why }) => ({ image: file, why }));
  return {
    volume: { number, slices, answered: together?.answers ?? 0, images, notes, leftOut: left, surest },
    ...(together === undefined ? {} : { predictions: together.predictions }),
  };
}
