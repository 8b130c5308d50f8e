// `biovlm eval`: a bank, or a method without training, measured on a data set's test split.
// The work alone: what it is asked for by is eval.ts.

import { resolve } from "node:path";
import { attributeSentences, classKey, type DatasetItem, matchClasses } from "@biovlm/datasets";
import type { Runtime } from "@biovlm/engine";
import {
  type Evaluation,
  type EvaluationInput,
  evaluate,
  groupNumbers,
  ItemImages,
  itemLogits,
  type LeakWarning,
  storedEvaluation,
  withoutRows,
} from "@biovlm/evaluation";
import { reliabilityDiagram } from "@biovlm/evaluation/node";
import { counted, nth } from "@biovlm/files";
import { attributeBank, type Classifier, createClassifier, normalisationOf, type PromptBank, readBank, templateBank } from "@biovlm/model";
import { viewPixels } from "@biovlm/training/loop";
import type { CommandContext, CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { INPUT_LIMITS, readInput } from "../input-file.js";
import { checkLeaks } from "../leak-check.js";
import { checkRename, imagesBy, itemReader, openSource, renames } from "../learning-source.js";
import { cacheOf } from "../learning-stores.js";
import { openRuntime } from "../opening.js";
import { predictionList, splitList } from "../prediction-list.js";
import { prevalenceOf } from "../prevalence-choice.js";
import { unreadableItems, withoutUnreadable } from "../readable-items.js";
import { writeResult } from "../result-file.js";
import { checkShownAs } from "../shown-as.js";
import type { Terminal } from "../terminal.js";
import type { EVALUATE_OPTIONS } from "./eval.js";

type Options = OptionValues<typeof EVALUATE_OPTIONS>;
type Source = Awaited<ReturnType<typeof openSource>>;

export const measureBank: CommandRun<typeof EVALUATE_OPTIONS> = async (context, options, [given = ""]) => {
  const { terminal, cwd } = context;
  checkRename(options, true);
  const source = await openSource(given, options, options.model, cwd);
  const { dataset } = source;
  try {
    for (const note of source.notes) terminal.note(note);
    const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
    try {
      const { bank, classifier } = await chosenBank(runtime, source, options, cwd);
      checkShownAs(bank, options, terminal);
      const { items, test, figures, logits, withoutTwins, warnings } = await measured(context, runtime, source, {
        bank,
        classifier,
        options,
      });
      const result = {
        dataset: dataset.name,
        split: options.split,
        images: test.n,
        ...(options.volumes ? { volumes: true } : {}),
        classes: classifier.classes,
        model: runtime.model.digest,
        bank: classifier.bankDigest,
        device: runtime.encoder.capabilities.device,
        ...(classifier.prevalence === undefined ? {} : { prevalence: classifier.prevalence }),
        ...storedEvaluation(figures),
        ...(withoutTwins === undefined ? {} : { withoutTwins: storedEvaluation(withoutTwins) }),
        warnings,
        notice: "Research use only, not a medical device.",
      };
      if (options.out !== undefined) await writeResult(resolve(cwd, options.out), `${JSON.stringify(result)}\n`);
      if (options.predictions !== undefined) {
        const probabilities = runtime.core.softmax(logits, test.n, classifier.classes.length);
        const list = predictionList({ classes: classifier.classes, items, probabilities, kept: keptPrompts(classifier, test) });
        await writeResult(resolve(cwd, options.predictions), list);
      }
      if (options.splitList !== undefined)
        await writeResult(resolve(cwd, options.splitList), splitList(dataset.classes, filesOf(dataset.items)));
      if (options.diagram !== undefined) {
        await writeResult(resolve(cwd, options.diagram), await reliabilityDiagram(dataset.name, figures.calibration, figures.calibrated));
      }
      if (options.json) await terminal.line(JSON.stringify(result));
      else {
        await tell(
          terminal,
          `${dataset.name} ${options.split}, ${options.volumes ? counted(test.n, "series or single image", "series and single images") : counted(test.n, "image")}`,
          figures,
          classifier.classes,
        );
        if (withoutTwins !== undefined) await tellWithout(terminal, test.n, withoutTwins);
      }
      return undefined;
    } finally {
      await runtime.close();
    }
  } finally {
    dataset.close();
  }
};

/** The bank to measure: the person's, else the attribute sentences untrained, else templates. */
async function chosenBank(runtime: Runtime, { dataset, attributes }: Source, options: Options, cwd: string) {
  const classes = attributes?.classes.map((c) => c.name) ?? [...dataset.classes];
  const bank =
    options.bank !== undefined
      ? readBank(await readInput(cwd, options.bank, INPUT_LIMITS.bank))
      : attributes !== undefined
        ? await attributeBank(runtime, classes, attributeSentences(attributes))
        : await templateBank(runtime, classes);
  const wanted = options.rename.length > 0 ? dataset.classes : classes;
  const own = options.bank === undefined ? bank.classes : asked(bank, wanted, dataset.name, options);
  const prevalence = prevalenceOf(options.prevalence, own);
  const classifier = await createClassifier({ ...runtime, bank, classes: own, ...(prevalence === undefined ? {} : { prevalence }) });
  return { bank, classifier };
}

/**
 * The bank's own names for the data set's classes, in the data set's order. A bank of context vectors may be asked for classes that it was not
 * learned on, by the data set's names. @throws DatasetError `unknown_class` with both lists
 */
function asked(bank: PromptBank, classes: readonly string[], dataset: string, options: Options): readonly string[] {
  const match = { wantedFrom: `data set ${dataset}`, givenFrom: "the bank", rename: renames(options.rename) };
  const own = new Set(bank.classes.map(classKey));
  if (bank.ctx !== undefined && options.rename.length === 0 && !classes.every((name) => own.has(classKey(name)))) return classes;
  return matchClasses(classes, bank.classes, match).map((place) => nth(bank.classes, place));
}

/** The files of items, in order: of a series each of its slices. */
function filesOf(items: readonly DatasetItem[]): DatasetItem[] {
  return items.flatMap((item) => item.slices ?? [item]);
}

/** Kept prompts of each image, in blocks, so that memory stays flat; of a series those that more than half of its slices keep. */
function keptPrompts(classifier: Classifier, { features, n, starts }: MeasuredRows): (readonly number[])[] {
  const rows = starts === undefined ? n : nth(starts, n);
  const D = features.length / rows;
  const kept: (readonly number[])[] = [];
  for (let from = 0; from < rows; from += 1024) {
    const answers = classifier.classifyEmbeddings(features.subarray(from * D, Math.min(rows, from + 1024) * D));
    kept.push(...answers.map((answer) => answer.kept.map(({ prompt }) => prompt)));
  }
  if (starts === undefined) return kept;
  return Array.from({ length: n }, (_, i) => {
    const own = kept.slice(nth(starts, i), nth(starts, i + 1));
    const prompts = [...new Set(own.flat())].sort((a, b) => a - b);
    return prompts.filter((prompt) => 2 * own.filter((slice) => slice.includes(prompt)).length > own.length);
  });
}

/** Embeddings of a side's items: a row an item, or the rows of their slices. */
interface MeasuredRows {
  readonly features: Float32Array;
  readonly labels: Int32Array;
  /** items */
  readonly n: number;
  /** [n+1] where the rows of each item start, where items are series */
  readonly starts?: Int32Array;
}

interface Measured {
  /** of the asked split, in the order of everything else */
  readonly items: readonly DatasetItem[];
  readonly test: MeasuredRows;
  readonly figures: Evaluation;
  /** [n,C] */
  readonly logits: Float32Array;
  /** without images that have a twin in train, where there are such images */
  readonly withoutTwins?: Evaluation;
  readonly warnings: readonly LeakWarning[];
}

/** Figures on the asked split; one temperature is fitted on validation where that is not the split asked for. */
async function measured(
  { terminal, signal }: CommandContext,
  runtime: Runtime,
  { dataset }: Source,
  { bank, classifier, options }: { readonly bank: PromptBank; readonly classifier: Classifier; readonly options: Options },
): Promise<Measured> {
  const { core, model } = runtime;
  const cache = cacheOf(options, terminal);
  const images = new ItemImages(runtime, { read: itemReader(options), cache });
  terminal.note(`images by ${await imagesBy(options)}`);
  const pixels = viewPixels(model.spec, { normalisation: normalisationOf(bank) });
  const wanted = dataset.items.filter(({ split }) => split === options.split || split === "val");
  const check = { images, dataset: dataset.name, terminal, signal, skipUnreadable: options.skipUnreadable };
  const unreadable = await unreadableItems(wanted, check);
  const readable = withoutUnreadable(dataset.items, unreadable);
  const of = (split: string) => readable.filter((item) => item.split === split);
  const items = of(options.split);
  if (items.length === 0) {
    const there = ["train", "val", "test"].filter((split) => of(split).length > 0).map((split) => `${split} ${of(split).length}`);
    throw usageError(
      "empty_split",
      `--split ${options.split} — expected images on that side, got none (${there.join(", ")})`,
      "Name a side that has images.",
    );
  }
  const features = async (split: string): Promise<MeasuredRows> => {
    const items = of(split);
    const bar = terminal.progress(`embed ${split}`, items.length);
    let seen = 0;
    const onProgress = (done: number) => {
      bar.advance(done - seen);
      seen = done;
    };
    const asked = { signal, onProgress };
    const set = options.volumes
      ? { n: items.length, ...(await images.slices(dataset.name, items, pixels, asked)) }
      : await images.features(dataset.name, items, pixels, asked);
    bar.end();
    return set;
  };
  const C = classifier.classes.length;
  const test = await features(options.split);
  const validation = options.split === "val" ? undefined : await features("val");
  const logitsOf = ({ features, n, starts }: MeasuredRows) =>
    starts === undefined ? classifier.logits(features, n) : itemLogits(core, classifier.logits(features, nth(starts, n)), starts, C);
  const logits = logitsOf(test);
  const input: EvaluationInput = {
    logits,
    labels: test.labels,
    C,
    seed: 1,
    groups: groupNumbers(items),
    ...(validation === undefined || validation.n === 0 ? {} : { validation: { logits: logitsOf(validation), labels: validation.labels } }),
  };
  const result = { items, test, figures: evaluate(input), logits };
  if (options.twins === "off") return { ...result, warnings: [] };
  const compared = dataset.items.filter(({ split }) => split === "train" || split === options.split);
  const open = (item: DatasetItem) => images.open(dataset.name, item);
  const { leaked, warnings } = await checkLeaks(dataset.name, compared, terminal, { core, open, cache, signal });
  const rows = [...items.keys()].filter((i) => leaked.has(nth(items, i).id));
  const rest = rows.length === 0 ? undefined : withoutRows(input, rows);
  return { ...result, warnings, ...(rest === undefined ? {} : { withoutTwins: evaluate(rest) }) };
}

async function tellWithout(terminal: Terminal, all: number, rest: Evaluation): Promise<void> {
  const share = (x: number) => `${(x * 100).toFixed(1)} %`;
  const left = rest.correct.length;
  await terminal.line(
    `without twins      balanced ${share(rest.balancedAccuracy)}, AUC ${rest.auc.toFixed(4)}, accuracy ${share(rest.accuracy)}  (${counted(left, "image")}; ${counted(all - left, "has", "have")} a twin in train)`,
  );
}

async function tell(terminal: Terminal, title: string, figures: Evaluation, classes: readonly string[]): Promise<void> {
  const share = (x: number) => `${(x * 100).toFixed(1)} %`;
  const { low, high } = figures.accuracyInterval;
  const { calibrated, temperature } = figures;
  const after =
    calibrated === undefined || temperature === undefined ? "" : `, ${calibrated.ece.toFixed(3)} at temperature ${temperature.toFixed(2)}`;
  await terminal.line(title);
  const { majority } = figures;
  const groups = figures.groups === undefined ? "" : `, by ${counted(new Set(figures.groups).size, "group")}`;
  await terminal.line(`balanced accuracy  ${share(figures.balancedAccuracy)}`);
  await terminal.line(`AUC                ${figures.auc.toFixed(4)}`);
  await terminal.line(`accuracy           ${share(figures.accuracy)}  (95 %: ${share(low)} – ${share(high)}${groups})`);
  await terminal.line(
    `commonest class    ${share(majority.balancedAccuracy)} balanced, AUC ${majority.auc.toFixed(4)}, ${share(majority.accuracy)} accuracy`,
  );
  await terminal.line(`ECE                ${figures.calibration.ece.toFixed(3)}${after}`);
  await terminal.line(`Brier              ${figures.calibration.brier.toFixed(3)}`);
  for (const [c, recall] of figures.recall.entries()) await terminal.line(`recall             ${share(recall).padStart(7)}  ${classes[c]}`);
}
