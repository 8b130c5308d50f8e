// Which images a method learns from and which it is tested on, in the three settings of method.md. Items and class names only; no pixels, no numerics.

import {
  type AttributeSet,
  attributeSentences,
  baseAndNew,
  checkCrossPair,
  classKey,
  type Dataset,
  DatasetError,
  type DatasetItem,
  fewShot,
  groupSplit,
  matchClasses,
  restrictTo,
  type SplitName,
} from "@biovlm/datasets";
import { counted, nth } from "@biovlm/files";
import { EvaluationError } from "./errors.js";
import type { Setting } from "./results.js";

/** A data set with what the harness must know beside its items. */
export interface TaskSource {
  readonly dataset: Dataset;
  /** class names as text and the teacher's sentences; the data set's own names and template sentences when absent */
  readonly attributes?: AttributeSet;
  /** "odd" where the model has seen the even half of the official training split with labels */
  readonly parity?: "all" | "odd";
  /** ids of val and test images that have a twin, or their group, in train: measured with them and without */
  readonly leaked?: ReadonlySet<string>;
  /** by id, the ids of images that show the same picture: a task tested on "rest" leaves out those of its shots */
  readonly twins?: ReadonlyMap<string, ReadonlySet<string>>;
  /** of the images' contents, where they were looked at: other contents under the same ids are another task */
  readonly digest?: string;
}

/** Classes as text, and the images of one side. Labels index `classes`. */
export interface TaskSide {
  readonly classes: readonly string[];
  /** for each class M sentences; absent where the data set has none */
  readonly sentences?: readonly (readonly string[])[];
  readonly items: readonly DatasetItem[];
}

/** The split that a task is tested on; "rest" is the rest of the training split and the validation split. */
export type TestOn = "test" | "val" | "rest";

/** What a task is tested on; `leaked` are the places of images that training has seen in other guise. */
export interface TaskTest {
  readonly name: "test" | "base" | "new";
  readonly side: TaskSide;
  readonly leaked: readonly number[];
  /** where another seed is tested on other images: those that any could be tested on, and where in them this side's items stand, ascending */
  readonly among?: { readonly items: readonly DatasetItem[]; readonly places: readonly number[] };
}

/** One few-shot task: what is learned from, chosen on and tested on. */
export interface Task {
  readonly setting: Setting;
  /** the data set tested on */
  readonly dataset: string;
  /** the data set learned from, where it is another */
  readonly source?: string;
  readonly shots: number;
  readonly seed: number;
  /** left and right are part of the label of the images learned from */
  readonly sided: boolean;
  readonly learn: TaskSide;
  /** min(shots, 4) images per class for choices inside a method and for temperature scaling */
  readonly validation: readonly DatasetItem[];
  readonly tests: readonly TaskTest[];
  /** digests of the contents of the data sets that took part, where they are known */
  readonly contents: readonly string[];
  /** why the figures say nothing */
  readonly caveat?: string;
}

/** How a task is drawn from its data sets. The same seed draws the same images. */
export interface TaskOptions {
  readonly shots: number;
  readonly seed: number;
  /**
   * "val" settles recipe options without a look at the test split: tested on the whole validation split, inner validation from unused training
   * images. "rest" does so on more images: those of the training split that are neither drawn nor shown by a drawn one in other guise (its twin,
   * its group), of odd places alone where the shots are, and the validation split.
   */
  readonly testOn?: TestOn | undefined;
}

/** All classes, learned from few shots and tested on the whole official split. */
export function fewShotTask(source: TaskSource, options: TaskOptions): Task {
  const labels = allLabels(source);
  const { train, validation } = draw(source, labels, options);
  return {
    ...head("few-shot", source, options),
    learn: side(source, labels, train),
    validation,
    tests: [testOf("test", source, labels, options, [...train, ...validation])],
  };
}

/** Learned on the first ⌈C/2⌉ classes, tested on them and on the rest apart. */
export function baseToNewTask(source: TaskSource, options: TaskOptions): Task {
  const labels = baseAndNew(source.dataset.classes.length);
  if (labels.new.length === 0) {
    throw new EvaluationError(
      "bad_option",
      `base-to-new on ${source.dataset.name} — expected at least two classes, got ${source.dataset.classes.length}. Choose another data set.`,
    );
  }
  const { train, validation } = draw(source, labels.base, options);
  const used = [...train, ...validation];
  const single = labels.base.length === 1 || labels.new.length === 1;
  return {
    ...head("base-to-new", source, options),
    learn: side(source, labels.base, train),
    validation,
    tests: [testOf("base", source, labels.base, options, used), testOf("new", source, labels.new, options, used)],
    ...(single ? { caveat: "one class on a side: right by construction" } : {}),
  };
}

/** Learned on one data set, tested on another one's classes. Throws DatasetError `refused_pair` for sets that share images. */
export function crossDatasetTask(source: TaskSource, target: TaskSource, options: TaskOptions): Task {
  checkCrossPair(source.dataset.name, target.dataset.name);
  const { train, validation } = draw(source, allLabels(source), options);
  return {
    ...head("cross-dataset", source, options),
    dataset: target.dataset.name,
    contents: [source, target].flatMap(({ digest }) => digest ?? []),
    source: source.dataset.name,
    learn: side(source, allLabels(source), train),
    validation,
    tests: [{ ...testOf("test", target, allLabels(target), options, []), leaked: [] }],
  };
}

/** The images that a side is tested on. @param used those learned from and chosen on, of the same data set */
function testOf(
  name: TaskTest["name"],
  source: TaskSource,
  labels: readonly number[],
  { testOn = "test" }: TaskOptions,
  used: readonly DatasetItem[],
): TaskTest {
  const splits = splitsOf(source.dataset);
  if (testOn !== "rest") {
    const items = restrictTo(splits[testOn], labels);
    return { name, side: side(source, labels, items), leaked: leakedOf(source, items) };
  }
  const odd = source.parity === "odd";
  const items = restrictTo([...splits.train.filter(({ index }) => !odd || index % 2 === 1), ...splits.val], labels);
  const seen = new Set(used.flatMap(({ id }) => [id, ...(source.twins?.get(id) ?? [])]));
  const groups = new Set(used.map((item) => item.group ?? item.id));
  const places = [...items.keys()].filter((i) => {
    const { id, group } = nth(items, i);
    return !seen.has(id) && !groups.has(group ?? id);
  });
  const rest = places.map((place) => nth(items, place));
  return { name, side: side(source, labels, rest), leaked: [], among: { items, places } };
}

function leakedOf({ leaked }: TaskSource, items: readonly DatasetItem[]): number[] {
  return leaked === undefined ? [] : [...items.keys()].filter((i) => leaked.has(nth(items, i).id));
}

function head(setting: Setting, { dataset, digest }: TaskSource, { shots, seed }: TaskOptions) {
  return { setting, dataset: dataset.name, shots, seed, sided: dataset.sided, contents: digest === undefined ? [] : [digest] };
}

function allLabels({ dataset }: TaskSource): number[] {
  return dataset.classes.map((_, label) => label);
}

function side({ dataset, attributes }: TaskSource, labels: readonly number[], items: readonly DatasetItem[]): TaskSide {
  if (attributes === undefined) return { classes: labels.map((l) => nth(dataset.classes, l)), items };
  if (attributes.classes.length !== dataset.classes.length) {
    throw new EvaluationError(
      "bad_option",
      `attributes of ${dataset.name} — expected ${dataset.classes.length} classes, got ${attributes.classes.length}. Use the data set's own attribute file.`,
    );
  }
  const sentences = attributeSentences(attributes);
  const given = attributes.classes.map(({ name }) => name);
  // by name, whatever the order; only a known set's own sentences, whose labels may have other words (a code for a diagnosis), go by its
  // published order
  const own = new Set(dataset.classes.map(classKey));
  const place =
    attributes.dataset !== dataset.name || given.every((name) => own.has(classKey(name)))
      ? matchClasses(dataset.classes, given, { wantedFrom: `data set ${dataset.name}`, givenFrom: "attribute file" })
      : dataset.classes.map((_, label) => label);
  const at = labels.map((label) => nth(place, label));
  return { classes: at.map((l) => nth(given, l)), sentences: at.map((l) => nth(sentences, l)), items };
}

function draw(source: TaskSource, labels: readonly number[], { shots, seed, testOn = "test" }: TaskOptions) {
  const splits = splitsOf(source.dataset);
  const pool = restrictTo(splits.train, labels);
  const onePerGroup = pool.some((item) => item.group !== undefined);
  const parity = source.parity ?? "all";
  requireEach(source, labels, pool);
  const train = fewShot(pool, labels.length, { shots, seed, onePerGroup, parity });
  const used = new Set(train.map((item) => item.group ?? item.id));
  const held =
    testOn !== "test"
      ? pool.filter((item) => !used.has(item.group ?? item.id) && (parity === "all" || item.index % 2 === 1))
      : restrictTo(splits.val, labels);
  const present = labels.map((_, label) => label).filter((label) => held.some((item) => item.label === label));
  const validation =
    present.length < labels.length
      ? []
      : fewShot(held, labels.length, { shots: Math.min(shots, 4), seed, onePerGroup: testOn !== "test" && onePerGroup });
  return { train, validation };
}

/** Every class has images to learn from. @throws DatasetError `too_few_images` that says where a class has them instead */
function requireEach({ dataset }: TaskSource, labels: readonly number[], pool: readonly DatasetItem[]): void {
  const empty = labels.find((_, at) => !pool.some((item) => item.label === at));
  if (empty === undefined) return;
  const name = JSON.stringify(dataset.classes[empty]);
  const of = dataset.items.filter(({ label }) => label === empty);
  const groups = new Set(of.map((item) => item.group ?? item.id));
  const together = of.length > 1 && groups.size === 1;
  const got =
    of.length === 0
      ? "no image of it"
      : together
        ? `none: all ${of.length} of it are equal byte for byte, or of one patient, and stand together on another side of the split`
        : `none: ${counted(of.length, "image")} of it, all on other sides of the split`;
  throw new DatasetError(
    "too_few_images",
    `class ${name} — expected images in the training split, got ${got}. ${
      together ? "Give images of it that differ, of several patients." : "Give more images of it, or a split that has some to learn from."
    }`,
  );
}

/** The official splits, or 70/10/20 by group with seed 1 where a set has none. */
function splitsOf(dataset: Dataset): Record<SplitName, DatasetItem[]> {
  if (dataset.items.every((item) => item.split === undefined)) return groupSplit(dataset.items, { train: 0.7, val: 0.1, test: 0.2 }, 1);
  const of = (name: SplitName) => dataset.items.filter((item) => item.split === name);
  return { train: of("train"), val: of("val"), test: of("test") };
}
