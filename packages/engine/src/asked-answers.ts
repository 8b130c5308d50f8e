// What a call asks of its images, answered: pictures as the engine shows them, or files whose frames were asked for; routed, or as rows.

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";
import type { Classification, Classifier } from "@biovlm/model";
import { meanRow } from "@biovlm/model/backend";
import { encodeAsked } from "./asked-frames.js";
import type { StackAsk } from "./contract/encoding.js";
import type { CallOptions, ClassifyOptions, Engine, FailedImage, ImageAnswer, ImageChoice } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";
import { failed, joined, rows } from "./encoded-rows.js";
import type { HostAnswer, HostStack, ModelHost } from "./model-host.js";
import { answeredStacks, fileAnswers, stackVolumes, volumeAnswers } from "./together.js";

/** Rows that are routed before others are answered: some milliseconds. */
export const ROWS_IN_ONE_GO = 1024;
export const othersFirst = () => new Promise<void>((resolve) => setImmediate(resolve));

type Classified = Awaited<ReturnType<Engine["classify"]>>;
type Made = Omit<HostAnswer, "images">;

/** Answers of image files. @param ask what `stackAsk` made of the options */
export async function classifiedFiles(
  host: ModelHost,
  images: readonly Uint8Array[],
  classifier: Classifier,
  ask: StackAsk | undefined,
  options: ClassifyOptions,
): Promise<Pick<Classified, "answers" | "volumes"> & { readonly made: Made; readonly routeMs: number }> {
  const D = host.model.spec.embedDim;
  const { explain = false, volumes = false } = options;
  if (ask === undefined) {
    const made = await host.encode(images, options);
    const start = performance.now();
    const routed = classifier.classifyEmbeddings(joined(rows(made.images), D), { explain });
    const routeMs = performance.now() - start;
    let next = 0;
    const answers = made.images.map((image): ImageAnswer | FailedImage => {
      if (!("row" in image)) return failed(image);
      const { row: _, ...facts } = image;
      return { ...facts, ...nth(routed, next++) };
    });
    return { answers, made, routeMs };
  }
  const { stacks, ...made } = await encodeAsked(host, images, ask, options);
  const good = stacks.flatMap((stack) => rows(stack.images));
  const start = performance.now();
  const routed: Classification[] = [];
  for (let from = 0; from < good.length; from += ROWS_IN_ONE_GO) {
    if (from > 0) await othersFirst();
    routed.push(...classifier.classifyEmbeddings(joined(good.slice(from, from + ROWS_IN_ONE_GO), D), { explain }));
  }
  const routeMs = performance.now() - start;
  const answered = answeredStacks(stacks, routed);
  const said = volumes ? volumeAnswers(answered, classifier.classes) : { answers: fileAnswers(answered, classifier.classes) };
  return { ...said, made, routeMs };
}

/** Rows [n,D], L2-normalised, and of each the images that it is of; a row an image where nothing was asked of its frames. @throws EngineError of the first image without a row */
export async function embeddedFiles(
  host: ModelHost,
  core: Core,
  images: readonly Uint8Array[],
  ask: StackAsk | undefined,
  options: CallOptions & ImageChoice,
): Promise<{ readonly data: Float32Array; readonly rows: number; readonly images?: readonly (readonly number[])[]; readonly made: Made }> {
  const D = host.model.spec.embedDim;
  if (ask === undefined) {
    const made = await host.encode(images, options);
    const good = wholeRows(made);
    return { data: core.l2Normalize(joined(good, D), good.length, D), rows: good.length, made };
  }
  const { stacks, ...made } = await encodeAsked(host, images, ask, options);
  const of = options.volumes === true ? seriesOf(stacks) : stacks.map((_, index) => [index]);
  const means = of.map((members) => {
    const own = members.flatMap((index) => wholeRows(nth(stacks, index)));
    const unit = core.l2Normalize(joined(own, D), own.length, D);
    // a lone row has its length already
    return own.length === 1 ? unit : core.l2Normalize(meanRow([unit], own.length), 1, D);
  });
  return { data: joined(means, D), rows: means.length, images: of, made };
}

/** Every image's row. @throws EngineError of the first that has none */
function wholeRows({ images }: Pick<HostStack | HostAnswer, "images">): Float32Array[] {
  const bad = images.find((image) => "error" in image);
  if (bad !== undefined && "error" in bad) throw new EngineError(bad.error.code, bad.error.message);
  return rows(images);
}

/** Files that are one row: a series by its slices, other files alone. In the order of the first of each. */
function seriesOf(stacks: readonly HostStack[]): number[][] {
  const groups: { readonly volume: object | undefined; readonly members: number[] }[] = [];
  for (const { index, place } of stackVolumes(stacks).taken) {
    const last = groups.at(-1);
    if (last !== undefined && place !== undefined && last.volume === place.volume) last.members.push(index);
    else groups.push({ volume: place?.volume, members: [index] });
  }
  return groups.map(({ members }) => members).sort((a, b) => nth(a, 0) - nth(b, 0));
}
