// One answer as a person reads it: a bar for each class, and which prompts were kept.

import type { TogetherAnswer } from "@biovlm/engine";
import { counted } from "@biovlm/files";
import type { DicomFacts, SliceFacts } from "@biovlm/imaging/node";
import type { Classification, PromptBank } from "@biovlm/model";
import { promptNames } from "@biovlm/model";
import { type Palette, printable } from "./terminal.js";

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of `share` of `width` columns, in eighths. */
function bar(share: number, width: number): string {
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * width * 8);
  return `${"█".repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8]}`;
}

/** How a DICOM file was shown, and what a reader should know. */
function dicomLines({ frame, frames, modality, window, inverted, region, notes }: DicomFacts): string[] {
  const shown = window === undefined ? [] : [windowWords(window, modality)];
  const words = [
    ...(modality === undefined ? [] : [modality]),
    ...(frames === 1 ? [] : [`frame ${frame} of ${frames}`]),
    ...shown,
    ...(inverted ? ["inverted"] : []),
    ...(region === undefined ? [] : [`its region of ${region.width} × ${region.height} pixels`]),
  ];
  return [`  DICOM: ${words.join(", ")}`, ...notes.map((note) => `  note: ${note}`)];
}

/** How a slice of a volume was shown, and what a reader should know. */
function sliceLines({ frame, frames, plane, window, notes }: SliceFacts): string[] {
  return [`  ${plane} slice ${frame} of ${frames}, ${windowWords(window, undefined)}`, ...notes.map((note) => `  note: ${note}`)];
}

/** How a frame or slice was shown, and what a reader should know; nothing of a plain image. */
export function shownLines({ dicom, slice }: { readonly dicom?: DicomFacts; readonly slice?: SliceFacts }): string[] {
  return [...(dicom === undefined ? [] : dicomLines(dicom)), ...(slice === undefined ? [] : sliceLines(slice))];
}

function windowWords({ source, center, width }: NonNullable<DicomFacts["window"]>, modality: string | undefined): string {
  if (source === "VOI LUT") return "the file's VOI LUT";
  if (source === "full range") return "full range";
  const numbers = `${Number(center.toFixed(2))}/${Number(width.toFixed(2))}`;
  if (source === "min-max") return `lowest to highest value (${numbers})${modality === "CT" ? "; for CT name a window: --window" : ""}`;
  return source === "file" ? `window ${numbers} of the file` : `window ${numbers}`;
}

/** How bars are drawn. */
interface BarOptions {
  readonly top: number;
  readonly columns: number;
  readonly colors: Palette;
}

/** A bar for each class that is shown. */
function barLines(predictions: Classification["predictions"], { top, columns, colors }: BarOptions): string[] {
  const shown = predictions.slice(0, top);
  const widest = Math.min(40, Math.max(...shown.map((p) => p.class.length)));
  const barWidth = Math.max(8, Math.min(30, columns - widest - 16));
  const lines: string[] = [];
  for (const [rank, { class: name, probability }] of shown.entries()) {
    const cut = name.length > widest ? `${name.slice(0, widest - 1)}…` : name;
    const text = `  ${printable(cut).padEnd(widest)}  ${bar(probability, barWidth).padEnd(barWidth)} ${(probability * 100).toFixed(1).padStart(5)} %`;
    lines.push(rank === 0 ? colors.green(text) : text);
  }
  return lines;
}

/** One frame of several: its own answer on a line. */
export function frameLine(
  file: string,
  { frame, frames }: Pick<DicomFacts, "frame" | "frames">,
  first: Classification["predictions"][number] | undefined,
): string {
  const said = first === undefined ? "" : `  ${printable(first.class)}  ${(first.probability * 100).toFixed(1)} %`;
  return `${printable(file)} frame ${frame} of ${frames}${said}`;
}

/** What frames, slices or tiles say together. `counted` is "12 of 50 frames", `each` what one of them is called, `at` which one, where its
 * number says little. */
export function togetherLines(
  file: string,
  together: TogetherAnswer,
  counted: string,
  each: string,
  options: BarOptions & { readonly at?: (number: number) => string },
): string[] {
  const { at = String } = options;
  const surest = together.surest.map(
    (sure) => `${each} ${at(sure.at)} (${printable(sure.class)} ${(sure.probability * 100).toFixed(1)} %)`,
  );
  return [
    options.colors.bold(printable(file)),
    ...barLines(together.predictions, options),
    options.colors.dim(`  mean of ${counted}; surest: ${surest.join(", ")}`),
  ];
}

/** Lines for one file. */
export function answerLines(
  file: string,
  answer: Classification,
  bank: PromptBank,
  options: {
    readonly top: number;
    readonly explain: boolean;
    readonly columns: number;
    readonly colors: Palette;
    /** for each class its sentences, one a prompt, where prompts are attribute sentences */
    readonly sentences?: readonly (readonly string[])[];
    /** how a DICOM file was shown */
    readonly dicom?: DicomFacts;
    readonly slice?: SliceFacts;
  },
): string[] {
  const { colors } = options;
  const names = promptNames(bank);
  const label = (prompt: number) => (names?.[prompt] === undefined ? `prompt ${prompt + 1}` : printable(names[prompt].replace("{}", "…")));
  const lines = [
    colors.bold(printable(file)),
    ...shownLines(options).map((line) => colors.dim(line)),
    ...barLines(answer.predictions, options),
  ];
  const prompts = answer.prompts?.length;
  const kept = answer.kept.map((k) => `${label(k.prompt)} (${k.entropy.toFixed(2)})`);
  if (!options.explain) {
    const first = kept.slice(0, 3).join(", ");
    lines.push(colors.dim(`  kept ${counted(kept.length, "prompt")} of lowest entropy: ${first}${kept.length > 3 ? ", …" : ""}`));
    return lines;
  }
  if (answer.parts !== undefined && answer.parts.length > 1) {
    const said = answer.parts.map(({ name, margin }) => `${name} ${margin < 0 ? "−" : "+"}${Math.abs(margin).toFixed(2)}`);
    lines.push(colors.dim(`  what speaks for the first class over the second: ${said.join(", ")}`));
  }
  lines.push(colors.dim(`  ${kept.length} of ${counted(prompts ?? 0, "prompt")} kept; entropy in nats, then each prompt's own answer`));
  const classes = bank.classes;
  for (const prompt of [...(answer.prompts ?? [])].sort((a, b) => a.entropy - b.entropy || a.index - b.index)) {
    const best = prompt.probabilities.indexOf(Math.max(...prompt.probabilities));
    const text = `  ${prompt.kept ? "●" : "○"} ${prompt.entropy.toFixed(3)}  ${label(prompt.index)} → ${printable(classes[best] ?? `class ${best + 1}`)} ${(prompt.probabilities[best]! * 100).toFixed(0)} %`;
    lines.push(prompt.kept ? text : colors.dim(text));
    const sentence = options.sentences?.[best]?.[prompt.index];
    if (sentence !== undefined && prompt.kept) lines.push(colors.dim(`           “${printable(sentence)}”`));
  }
  return lines;
}
