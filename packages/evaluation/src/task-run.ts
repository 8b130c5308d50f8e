// One task, several methods: features and views once, each method fitted on them and evaluated. The same task and method give the same figures.

import { nth } from "@biovlm/files";
import { encodedBy } from "@biovlm/model/backend";
import type { Recipe, StepReport } from "@biovlm/training";
import { type LearnContext, learnContext } from "@biovlm/training";
import { freshViews, type KeyedBytes, plainViews, runDigest, type ViewSource, viewBank, viewPixels } from "@biovlm/training/loop";
import { type ClassSet, classSet } from "./class-set.js";
import { type Evaluation, evaluate, groupNumbers, withoutRows } from "./evaluate.js";
import { type FeatureSet, type FittedClassifier, someOf } from "./feature-set.js";
import type { Task, TaskTest } from "./few-shot-task.js";
import type { ItemImages } from "./item-images.js";
import type { Method, Teacher } from "./methods.js";
import { itemLogits } from "./slice-answers.js";

/** What runs of tasks share: images, views, cache, progress. */
export interface TaskRunOptions {
  /** the images of this task, and of others that are run with the same object: each opened and decoded once */
  readonly images: ItemImages;
  /** "plain": the pictures themselves; "fresh" or V: what methods learn from that do not say "plain" */
  readonly views: "plain" | "fresh" | number;
  /** items are series: learned from by the mean of their slices' embeddings, measured by the mean of their slices' probabilities */
  readonly volumes?: boolean | undefined;
  /** image embeddings and views by content, kept between runs */
  readonly cache?: KeyedBytes | undefined;
  readonly onStep?: (method: string, step: StepReport) => void;
  readonly onEmbed?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Figures of each test of a task. */
export type Evaluations = Readonly<Partial<Record<TaskTest["name"], Evaluation>>>;

/** What one method did on one task, and how long fitting and testing took. */
export interface MethodResult {
  readonly method: string;
  readonly evaluations: Evaluations;
  /** the same without images that have a twin in train, for tests that have some and others */
  readonly withoutTwins: Evaluations;
  readonly seconds: number;
  /** learned banks: ctx [N,T,W] */
  readonly ctx?: Float32Array;
}

/** Fits and evaluates methods one after another on one task; yields each as it ends. A method that cannot name the tested classes is left out. */
export async function* runTask(
  context: LearnContext,
  task: Task,
  methods: readonly Method[],
  options: TaskRunOptions,
): AsyncGenerator<MethodResult> {
  const able = methods.filter((method) => method.openSet || task.setting === "few-shot");
  const prepared = new PreparedTask(context, task, options, new Set(able.map(normalisationOf)));
  for (const method of able) {
    options.signal?.throwIfAborted();
    yield await prepared.run(method);
  }
}

class PreparedTask {
  private readonly context: LearnContext;
  private readonly task: Task;
  private readonly options: TaskRunOptions;
  private readonly normalisations: ReadonlySet<Recipe["normalisation"]>;
  private readonly kept = new Map<string, Promise<unknown>>();

  constructor(context: LearnContext, task: Task, options: TaskRunOptions, normalisations: ReadonlySet<Recipe["normalisation"]>) {
    this.context = context;
    this.task = task;
    this.options = options;
    this.normalisations = normalisations;
  }

  async run(method: Method): Promise<MethodResult> {
    const { context, task } = this;
    const started = performance.now();
    const normalisation = normalisationOf(method);
    const learnedFrom = task.source ?? task.dataset;
    const train = await this.features("train", learnedFrom, task.learn.items, normalisation);
    const validation = await this.features("validation", learnedFrom, task.validation, normalisation);
    const on = await this.classes("learn", task.learn);
    let ctx: Float32Array | undefined;
    const fitted = await method.fit({
      core: context.core,
      D: context.model.spec.embedDim,
      scale: Math.exp(context.model.spec.logitScale),
      seed: task.seed,
      train,
      validation,
      on,
      learn: async (recipe, teacher, views, rows) => {
        const plain = views === "plain" || this.options.views === "plain";
        const { features, labels, n } = rows === undefined ? train : someOf(train, rows);
        const learned = await this.learn(method.name, recipe, teacher, on, labels, plain ? plainViews(features, n) : undefined);
        // of a method that learns twice, the first is its bank
        ctx ??= learned;
        return learned;
      },
    });
    const own = await fitted.on(on);
    const tuning = await this.measured("validation", learnedFrom, task.validation, normalisation);
    const evaluations: Partial<Record<TaskTest["name"], Evaluation>> = {};
    const withoutTwins: Partial<Record<TaskTest["name"], Evaluation>> = {};
    for (const { name, side, leaked, among } of task.tests) {
      // the same class list needs no second look at the text tower, and gets the temperature fitted on its validation images
      const same = side.classes.join("\n") === task.learn.classes.join("\n");
      const classifier = same ? own : await fitted.on(await this.classes(name, side), task.source !== undefined);
      const test = await this.measured(name, task.dataset, side.items, normalisation);
      const C = side.classes.length;
      const input = {
        logits: test.logits(classifier, C),
        labels: test.labels,
        C,
        seed: task.seed,
        groups: among === undefined ? groupNumbers(side.items) : groupsAmong(among),
        ...(same && validation.n > 0 ? { validation: { logits: tuning.logits(classifier, C), labels: tuning.labels } } : {}),
      };
      evaluations[name] = evaluate(input);
      const rest = leaked.length === 0 ? undefined : withoutRows(input, leaked);
      if (rest !== undefined) withoutTwins[name] = evaluate(rest);
    }
    const seconds = (performance.now() - started) / 1000;
    return { method: method.name, evaluations, withoutTwins, seconds, ...(ctx === undefined ? {} : { ctx }) };
  }

  private async learn(
    method: string,
    recipe: Recipe,
    teacher: Teacher,
    on: ClassSet,
    labels: Int32Array,
    views?: ViewSource,
  ): Promise<Float32Array> {
    const { context, task, options } = this;
    const attributes = on.texts[teacher];
    const { ctx } = await learnContext(context, {
      classes: on.classes,
      labels,
      recipe,
      seed: task.seed,
      views: views ?? (await this.views(recipe)),
      attributes,
      sentences: on.sentences,
      attributesPerClass: attributes.length / (on.C * context.model.spec.embedDim),
      onStep: (step) => options.onStep?.(method, step),
      signal: options.signal,
    });
    return ctx;
  }

  private features(name: string, dataset: string, items: Task["validation"], normalisation: Recipe["normalisation"]): Promise<FeatureSet> {
    const { images, onEmbed: onProgress, signal } = this.options;
    const spec = (of: Recipe["normalisation"]) => viewPixels(this.context.model.spec, { normalisation: of });
    const also = [...this.normalisations].filter((other) => other !== normalisation).map(spec);
    return this.once(`features ${name} ${normalisation}`, () =>
      images.features(dataset, items, spec(normalisation), { also, onProgress, signal }),
    );
  }

  /** Items as they are answered: each by itself, a series by the mean of its slices' probabilities. */
  private async measured(name: string, dataset: string, items: Task["validation"], normalisation: Recipe["normalisation"]) {
    const { core, model } = this.context;
    if (this.options.volumes !== true) {
      const { features, labels, n } = await this.features(name, dataset, items, normalisation);
      return { labels, logits: (classifier: FittedClassifier, _: number) => classifier.logits(features, n) };
    }
    const { images, onEmbed: onProgress, signal } = this.options;
    const { features, starts, labels } = await this.once(`slices ${name} ${normalisation}`, () =>
      images.slices(dataset, items, viewPixels(model.spec, { normalisation }), { onProgress, signal }),
    );
    const n = nth(starts, items.length);
    return { labels, logits: (classifier: FittedClassifier, C: number) => itemLogits(core, classifier.logits(features, n), starts, C) };
  }

  private classes(name: string, side: Task["learn"]): Promise<ClassSet> {
    return this.once(`classes ${name}`, () => classSet(this.context, side.classes, side.sentences, this.options.signal));
  }

  private views(recipe: Recipe): Promise<ViewSource> {
    const { context, task, options } = this;
    const flip = recipe.flips === "always" || !task.sided;
    return this.once(`views ${recipe.normalisation} ${recipe.viewsFrom} ${flip}`, async () => {
      const images = task.learn.items.map((item) => () => options.images.open(task.source ?? task.dataset, item));
      const pixels = viewPixels(context.model.spec, recipe);
      const viewOptions = { core: context.core, encoder: context.encoder, pixels, recipe, flip, seed: task.seed };
      if (options.views === "fresh") return freshViews(images, viewOptions);
      const cacheKey = await runDigest({
        model: context.model.digest,
        encoder: encodedBy(context.encoder),
        pixels,
        viewsFrom: recipe.viewsFrom,
        flip,
      });
      return viewBank(
        images,
        { ...viewOptions, viewsPerImage: Number(options.views), cache: options.cache, cacheKey, onProgress: options.onEmbed },
        options.signal,
      );
    });
  }

  private once<T>(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.kept.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = make();
    this.kept.set(key, made);
    made.catch(() => this.kept.delete(key));
    return made;
  }
}

/** Numbers of groups that mean the same for every seed. */
function groupsAmong({ items, places }: NonNullable<TaskTest["among"]>): readonly number[] | undefined {
  const numbers = groupNumbers(items);
  return numbers === undefined ? undefined : places.map((place) => nth(numbers, place));
}

function normalisationOf(method: Method): Recipe["normalisation"] {
  return method.recipe?.normalisation ?? "model";
}
