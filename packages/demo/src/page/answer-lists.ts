// All answers as files to take along: CSV for spreadsheets, JSON for programs. Both say which contents were answered (sha256), by which model and
// which bank (digests), so that a list can be held against the images it is of. Texts only; answers-view.ts has the buttons.

import { csvPath } from "@biovlm/datasets";
import type { Opened, Prepared } from "../engine/protocol.js";
import type { ImageItem } from "./image-item.js";
import { csvText, pathOf } from "./labels-csv.js";

export interface AnswerSource {
  readonly images: readonly ImageItem[];
  readonly opened: Opened;
  readonly prepared: Prepared;
  /** of an image as it was asked about: frame from 0, window, plane of volumes; where it stands in its series, counted from 1 */
  readonly shown: (image: ImageItem) => {
    readonly frame?: number;
    readonly window?: string;
    readonly plane?: string;
    readonly range?: string;
    readonly volume?: { readonly number: number; readonly slice: number; readonly slices: number };
  };
}

const RESEARCH = "Research use only, not a medical device";

/** The same with the model and the device that answered: the server's, where it did. */
export function answeredOn(source: AnswerSource): AnswerSource {
  const { opened, prepared } = source;
  if (prepared.answerer === undefined) return source;
  const { model, device, precision } = prepared.answerer;
  return { ...source, opened: { ...opened, model: { ...opened.model, ...model }, device, precision } };
}

/** A row for each image: what was answered, the probability of each class, why there is no answer; and the digests. Frames are counted from 1. */
export function answersCsv({ images, opened, prepared, shown }: AnswerSource): string {
  const { classes } = prepared;
  const shares = classes.map((name) => `p(${name})`);
  const place = ["frame", "window", "range", "plane", "series", "slice"];
  const head = ["file", "sha256", ...place, "label", "answer", ...shares, "error", "model", "bank"];
  const rows = images.map((image) => {
    const { frame, window, plane, range, volume } = shown(image);
    const shares = new Map(image.answer?.predictions.map((p) => [p.class, p.probability]));
    return [
      csvPath(pathOf(image)),
      image.identity?.hash ?? "",
      frame === undefined ? "" : String(frame + 1),
      window ?? "",
      range ?? "",
      plane ?? "",
      volume === undefined ? "" : String(volume.number),
      volume === undefined ? "" : String(volume.slice),
      image.labelName ?? "",
      image.answer?.predictions[0]?.class ?? "",
      ...classes.map((name) => shares.get(name)?.toFixed(6) ?? ""),
      image.failure?.code ?? "",
      opened.model.digest,
      prepared.digest,
    ];
  });
  return `${csvText([[...head, "note"]])}${csvText(rows.map((row) => [...row, RESEARCH]))}`;
}

/** The same as one object, with the kept prompts (numbered from 1, entropy in nats) and how the model was run. */
export function answersJson({ images, opened, prepared, shown }: AnswerSource): string {
  const { model, device, precision } = opened;
  const { classes, prompts, recipe, digest } = prepared;
  const rows = images.map((image) => {
    const { frame, window, plane, range, volume } = shown(image);
    const { answer, failure, identity, labelName } = image;
    return {
      file: pathOf(image),
      ...(identity === undefined ? {} : { sha256: identity.hash }),
      ...(frame === undefined ? {} : { frame: frame + 1 }),
      ...(window === undefined ? {} : { window }),
      ...(plane === undefined ? {} : { plane }),
      ...(range === undefined ? {} : { range }),
      ...(volume === undefined ? {} : { volume }),
      ...(labelName === undefined ? {} : { label: labelName }),
      ...(answer === undefined
        ? {}
        : {
            predictions: answer.predictions,
            kept: answer.kept.map(({ prompt, entropy }) => ({ prompt: prompt + 1, entropy })),
          }),
      ...(failure === undefined ? {} : { error: failure }),
    };
  });
  const { answerer } = prepared;
  const bank = { ...(answerer === undefined ? {} : { name: answerer.bank }), digest, recipe, prompts };
  const { prevalence } = answerer ?? {};
  const server = answerer === undefined ? {} : { server: answerer.host, ...(answerer.version && { version: answerer.version }) };
  return `${JSON.stringify({ note: RESEARCH, ...server, model: { name: model.name, digest: model.digest }, device, precision, bank, classes, ...(prevalence && { prevalence }), images: rows }, undefined, 1)}\n`;
}
