// `biovlm train`: a prompt bank from a few labelled images.
// The work alone: what it is asked for by is train.ts.

import { appendFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Runtime } from "@biovlm/engine";
import { shownOptions } from "@biovlm/engine";
import {
  classSet,
  fewShotTask,
  groupNumbers,
  ItemImages,
  itemLogits,
  type LeakWarning,
  type LearningReport,
  learningReport,
  routed,
  type TaskSide,
} from "@biovlm/evaluation";
import { counted, nth } from "@biovlm/files";
import { createClassifier, scaleOf } from "@biovlm/model";
import { expertScores, UNTRAINED_RHO } from "@biovlm/model/prompts";
import { type LearnedBank, type LearnOptions, learnBank, logLine, type Recipe, type RunEvent } from "@biovlm/training";
import { viewPixels } from "@biovlm/training/loop";
import type { CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { checkLeaks } from "../leak-check.js";
import { checkRename, imagesBy, itemReader, openSource } from "../learning-source.js";
import { cacheOf, checkpointsOf } from "../learning-stores.js";
import { fallbackNote, openRuntime } from "../opening.js";
import { unreadableItems, withoutUnreadable } from "../readable-items.js";
import { recipeOf, viewsOf } from "../recipe-choice.js";
import { writeResult } from "../result-file.js";
import { printable, type Terminal } from "../terminal.js";
import type { TRAIN_OPTIONS } from "./train.js";

type Options = OptionValues<typeof TRAIN_OPTIONS>;
type Source = Awaited<ReturnType<typeof openSource>>;

export const trainBank: CommandRun<typeof TRAIN_OPTIONS> = async ({ terminal, signal, cwd }, options, [given = ""]) => {
  if (options.all && options.shots !== undefined) throw usageError("bad_usage", "--all and --shots — expected one of them, got both");
  checkRename(options);
  const recipe = recipeOf(options);
  const source = await openSource(given, options, options.model, cwd);
  try {
    for (const note of source.notes) terminal.note(note);
    const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
    try {
      const note = fallbackNote(runtime);
      if (note !== undefined) terminal.warn(note);
      const drawn = chosen(source, options, given);
      const checkpoints = checkpointsOf(terminal);
      const cache = cacheOf(options, terminal);
      const images = new ItemImages(runtime, { read: itemReader(options), cache });
      const { name: dataset } = source.dataset;
      const check = { images, dataset, terminal, signal, skipUnreadable: options.skipUnreadable };
      const unreadable = await unreadableItems([...drawn.learn.items, ...drawn.tests], check);
      const { learn, tests } = without(unreadable, drawn);
      const log = await openLog(options.log === undefined ? undefined : resolve(cwd, options.log));
      const progress = learningProgress(terminal, recipe.epochs);
      const started = performance.now();
      const { name } = runtime.model;
      const { device } = runtime.encoder.capabilities;
      terminal.note(
        `learning from ${examples(learn.items.length, options.volumes)} of ${counted(learn.classes.length, "class", "classes")}: ${name} on ${device} (${runtime.detail}), recipe ${options.recipe}, images by ${await imagesBy(options)}`,
      );
      const learned = await learnBank(runtime, {
        classes: learn.classes,
        images: learn.items.map((item) => () => images.open(dataset, item)),
        labels: Int32Array.from(learn.items, (item) => item.label),
        classCounts: classCounts(source, options.all),
        attributes: learn.sentences,
        recipe,
        recipeName: options.set.length === 0 ? options.recipe : `${options.recipe}, changed`,
        seed: options.seed,
        kept: keptFacts(options, unreadable.size),
        views: viewsOf(options),
        sided: source.dataset.sided,
        activations: options.recompute ? "recompute" : "keep",
        cache,
        checkpoints,
        signal,
        ...progress.listeners,
        onEvent(event) {
          if (event.type === "note") terminal.note(event.text);
          log.add(event);
        },
      });
      progress.end();
      if (learned.run.resumedFrom > 0) terminal.note(`went on after epoch ${learned.run.resumedFrom} of a run that was stopped`);
      const seconds = (performance.now() - started) / 1000;
      await writeResult(resolve(cwd, options.out), learned.bytes, { signal });
      await checkpoints.delete(`checkpoint/${String(learned.bank.options["run"])}`);
      const leaks = options.twins === "off" ? [] : await leaksOf(runtime, learn, tests, { dataset, images, terminal, cache, signal });
      const measured =
        tests.length === 0
          ? undefined
          : await measure(runtime, learned, {
              learn,
              tests,
              recipe,
              images,
              dataset,
              signal,
              seed: options.seed,
              volumes: options.volumes,
            });
      await tell(terminal, options, runtime, learn, learned, seconds, measured, leaks);
      await log.written();
      return undefined;
    } finally {
      await runtime.close();
    }
  } finally {
    source.dataset.close();
  }
};

/** A task without the images that cannot be read. @throws CliError `empty_split` for a class that has no other to learn from */
function without<T extends ReturnType<typeof chosen>>(unreadable: ReadonlySet<string>, { learn, tests }: T) {
  const items = withoutUnreadable(learn.items, unreadable);
  const empty = learn.classes.find((_, label) => !items.some((item) => item.label === label));
  if (unreadable.size > 0 && empty !== undefined)
    throw usageError("empty_split", `class ${JSON.stringify(empty)} — expected images that can be read, got none`, "Mend its images.");
  return { learn: { ...learn, items }, tests: withoutUnreadable(tests, unreadable) };
}

/** What the bank keeps of how its images were taken. */
function keptFacts(options: Options, unreadable: number) {
  return {
    ...shownOptions(options),
    ...(options.volumes ? { volumes: true } : {}),
    ...(unreadable === 0 ? {} : { unreadable }),
  };
}

/** "12 images", or what stands in their place. */
function examples(count: number, volumes: boolean): string {
  return volumes ? counted(count, "series or single image", "series and single images") : counted(count, "image");
}

/** What to learn from and what to measure on. */
function chosen(source: Source, options: Options, given: string): { readonly learn: TaskSide; readonly tests: TaskSide["items"] } {
  const { learn, tests } = fewShotTask(source, { shots: options.shots ?? 1_000_000, seed: options.seed });
  if (!options.all) return { learn, tests: nth(tests, 0).side.items };
  if (source.dataset.classes.length === 0) throw usageError("bad_usage", `${given} — expected classes, got none`);
  return { learn: { ...learn, items: source.dataset.items }, tests: [] };
}

/** Images learned from that the measured ones show again, and those that have two labels. */
async function leaksOf(
  { core }: Runtime,
  learn: TaskSide,
  tests: TaskSide["items"],
  {
    dataset,
    images,
    terminal,
    cache,
    signal,
  }: Pick<Measuring, "dataset" | "images" | "signal"> & {
    readonly terminal: Terminal;
    readonly cache: ReturnType<typeof cacheOf>;
  },
): Promise<readonly LeakWarning[]> {
  const sided = (items: TaskSide["items"], split: "train" | "test") => items.map((item) => ({ ...item, split, open: () => item.open() }));
  const open = (item: TaskSide["items"][number]) => images.open(dataset, item);
  const all = [...sided(learn.items, "train"), ...sided(tests, "test")];
  return (await checkLeaks(dataset, all, terminal, { core, open, cache, signal })).warnings;
}

/** How many images of each class there are where the shots are drawn from: what a few shots of each no longer show. */
function classCounts({ dataset }: Source, all: boolean): number[] {
  const counts = dataset.classes.map(() => 0);
  for (const { label, split } of dataset.items) if (all || split === "train") counts[label] = nth(counts, label) + 1;
  return counts;
}

/** The run as JSON lines. A log that cannot be written does not cost the bank: it fails at the end. */
async function openLog(path: string | undefined) {
  let done = Promise.resolve();
  if (path !== undefined) await writeFile(path, "");
  return {
    add(event: RunEvent): void {
      if (path === undefined) return;
      done = done.then(() => appendFile(path, logLine(event)));
      done.catch(() => {}); // met by written()
    },
    written: () => done,
  };
}

/** A bar for the views, then one for the steps. */
function learningProgress(terminal: Terminal, epochs: number) {
  let bar: ReturnType<Terminal["progress"]> | undefined;
  const end = () => {
    bar?.end();
    bar = undefined;
  };
  const listeners: Pick<LearnOptions, "onViews" | "onStep"> = {
    onViews(done, total) {
      if (done === 1) bar = terminal.progress("views", total);
      bar?.advance();
      if (done === total) end();
    },
    onStep(step) {
      if (bar === undefined) {
        bar = terminal.progress("learn", step.steps * epochs, "steps");
        bar.skip((step.epoch - 1) * step.steps);
      }
      bar.advance();
      bar.label(`epoch ${step.epoch}/${epochs}  loss ${step.terms.total.toFixed(3)}  right ${(step.accuracy * 100).toFixed(0)} %`);
    },
  };
  return { listeners, end };
}

interface Measuring {
  readonly learn: TaskSide;
  readonly tests: TaskSide["items"];
  readonly recipe: Recipe;
  readonly images: ItemImages;
  readonly dataset: string;
  readonly signal: AbortSignal;
  readonly seed: number;
  /** items are series: each is answered by the mean of its slices' probabilities */
  readonly volumes: boolean;
}

/** The learned bank beside the untrained sentences, on images not learned from. */
async function measure(
  runtime: Runtime,
  { bank }: LearnedBank,
  { learn, tests, recipe, images, dataset, signal, seed, volumes }: Measuring,
): Promise<LearningReport> {
  const { core, model } = runtime;
  const set = await classSet(runtime, learn.classes, learn.sentences, signal);
  const pixels = viewPixels(model.spec, recipe);
  const { features, labels, starts } = volumes
    ? await images.slices(dataset, tests, pixels, { signal })
    : { starts: undefined, ...(await images.features(dataset, tests, pixels, { signal })) };
  const { attributes } = set.texts;
  const D = model.spec.embedDim;
  const n = features.length / D;
  const answers = (logits: Float32Array) => (starts === undefined ? logits : itemLogits(core, logits, starts, set.C));
  const untrained = routed(core, attributes, attributes.length / (set.C * D), set.C, D, scaleOf(model.spec), UNTRAINED_RHO).logits(
    features,
    n,
  );
  const learned = (await createClassifier({ ...runtime, bank })).logits(features, n);
  const { mixture } = bank;
  const expert = mixture === undefined ? undefined : expertScores(mixture.expertW, mixture.expertB, features, n);
  return learningReport({
    classes: learn.classes,
    labels,
    untrained: answers(untrained),
    learned: answers(learned),
    expert: expert === undefined ? undefined : answers(expert),
    seed,
    groups: groupNumbers(tests),
  });
}

async function tell(
  terminal: Terminal,
  options: Options,
  runtime: Runtime,
  { classes, items }: TaskSide,
  learned: LearnedBank,
  seconds: number,
  measured: Awaited<ReturnType<typeof measure>> | undefined,
  leaks: readonly LeakWarning[],
): Promise<void> {
  const warnings = measured?.warnings ?? [];
  if (options.json) {
    const summary = {
      bank: options.out,
      digest: learned.digest,
      model: runtime.model.digest,
      classes,
      images: items.length,
      ...(options.volumes ? { volumes: true } : {}),
      epochs: learned.run.epochs,
      seconds: Math.round(seconds * 10) / 10,
      device: runtime.encoder.capabilities.device,
      warnings: [...leaks, ...warnings],
      ...(measured === undefined ? {} : { measured }),
    };
    return terminal.line(JSON.stringify(summary));
  }
  await terminal.line(`${options.out}  ${learned.digest}  (${seconds.toFixed(1)} s)`);
  if (measured === undefined) {
    terminal.warn(
      "nothing was left to measure on, so nothing is known of how good this bank is: leave --all out, or run eval on other images",
    );
    return;
  }
  for (const line of reportLines(classes, measured, options.volumes)) await terminal.line(line);
  for (const { message } of warnings) terminal.warn(message);
}

/** The report as a table: balanced accuracy first, since classes are seldom equally many. */
function reportLines(classes: readonly string[], report: LearningReport, volumes: boolean): string[] {
  const { images, majority, untrained, learned, expert, p } = report;
  const share = (x: number) => (Number.isNaN(x) ? "–" : `${(x * 100).toFixed(1)} %`).padStart(8);
  const widest = Math.min(32, Math.max(19, ...classes.map((name) => name.length)));
  const row = (name: string, cells: readonly number[]) =>
    `  ${printable(name).slice(0, widest).padEnd(widest)}  ${cells.map(share).join("  ")}`;
  return [
    `on ${examples(images, volumes)} not learned from`,
    `  ${"".padEnd(widest)}  balanced       AUC  accuracy`,
    row("commonest class", [1 / learned.recall.filter((share) => !Number.isNaN(share)).length, 0.5, majority]),
    row("untrained sentences", [untrained.balancedAccuracy, untrained.auc, untrained.accuracy]),
    row("learned bank", [learned.balancedAccuracy, learned.auc, learned.accuracy]),
    ...(expert === undefined ? [] : [row("  its image expert", [expert.balancedAccuracy, expert.auc, expert.accuracy])]),
    `  learned against untrained, paired by image: p = ${p.toPrecision(2)}`,
    `  ${"".padEnd(widest)}    recall  answered`,
    ...classes.map((name, c) => row(name, [nth(learned.recall, c), nth(learned.answered, c)])),
  ];
}
