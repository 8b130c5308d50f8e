// From labelled images to a bank: views, teacher, learner and loop put together for one run. The same inputs give the same bank bytes.
// The loop itself is train.ts; where images, checkpoints and cached views lie is the caller's.

import type { Core, PixelSpec } from "@biovlm/core";
import { inOrder, nth } from "@biovlm/files";
import { bankDigest, DEFAULT_TEMPLATES, type Encoder, type ModelSpec, type PromptBank, pixelSpec, writeBank } from "@biovlm/model";
import { encodedBy } from "@biovlm/model/backend";
import { type BankMixture, encodeSentences, type PromptModel } from "@biovlm/model/prompts";
import { checkpointStore, type KeyedBytes, runDigest } from "./checkpoint.js";
import { contextWords } from "./context-words.js";
import { TrainingError } from "./errors.js";
import { fitMixture, promptRecipe } from "./mixture.js";
import { type Activations, PROMPT_SUFFIX, promptLearner } from "./prompt-learner.js";
import { checkRecipe, type Recipe } from "./recipe.js";
import type { RunEvent } from "./run-log.js";
import { type StepReport, type TrainResult, train } from "./train.js";
import { AHEAD, freshViews, type LazyImage, openedOnce, plainFeatures, plainViews, type ViewSource, viewBank } from "./views.js";

/** A model as the loop needs it. */
export type TrainableModel = PromptModel & { readonly digest: string };

/** Where a run happens. */
export interface LearnContext {
  /** training wants a deterministic core: `loadCore({ deterministic: true })` */
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: TrainableModel;
}

/** What is learned from, by which recipe, and who is told. The same options, seed and backend give the same bytes. */
export interface LearnOptions {
  readonly classes: readonly string[];
  /** each opened and decoded once; with fresh views its pixels are asked for at every step */
  readonly images: readonly LazyImage[];
  /** [n] class index of every image */
  readonly labels: Int32Array;
  /** [C] images of each class where these were drawn from, kept in the bank as how common they are; counted from `labels` when absent */
  readonly classCounts?: readonly number[] | undefined;
  /** for each class M sentences; the default templates filled with the class names when absent */
  readonly attributes?: readonly (readonly string[])[] | undefined;
  readonly recipe: Recipe;
  /** kept in the bank's file, e.g. "biovlm" */
  readonly recipeName: string;
  readonly seed: number;
  /** further facts that the bank's options keep, e.g. the window that images were shown in */
  readonly kept?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** "plain": the picture itself in place of views; "fresh": new views at every step; a number V: V seeded views of each image, embedded once */
  readonly views: "plain" | "fresh" | number;
  /** true where left and right are part of the label */
  readonly sided?: boolean | undefined;
  readonly activations?: Activations | undefined;
  /** where view embeddings are kept between runs */
  readonly cache?: KeyedBytes | undefined;
  /** where the state is kept after every epoch, under `checkpoint/<run digest>` */
  readonly checkpoints?: KeyedBytes | undefined;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  readonly onViews?: ((done: number, total: number) => void) | undefined;
  readonly onStep?: ((step: StepReport) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A learned bank: in memory, as its file, and how the run went. */
export interface LearnedBank {
  readonly bank: PromptBank;
  /** the bank's file */
  readonly bytes: Uint8Array;
  /** "sha256:…" of the file */
  readonly digest: string;
  readonly run: TrainResult;
}

/**
 * Learns a bank.
 * @throws TrainingError `empty_split`, `bad_option`, `no_gradients`, `not_finite`, `checkpoint_*`; ModelError of class names; EncoderError.
 * @example const { bytes } = await learnBank({ core, encoder, model }, { classes, images, labels, recipe: RECIPES[DEFAULT_RECIPE], recipeName: DEFAULT_RECIPE, seed: 1, views: "plain" })
 */
export async function learnBank(context: LearnContext, options: LearnOptions): Promise<LearnedBank> {
  const { core, encoder, model } = context;
  const { classes, labels, recipe, seed } = options;
  const images = openedOnce(options.images);
  checkRecipe(recipe, model.spec);
  checkServesAnyClass(recipe);
  checkLabels(labels, images.length, classes.length);
  const started = performance.now();
  const sentences = teacherSentences(classes, options.attributes);
  const pixels = viewPixels(model.spec, recipe);
  const flip = recipe.flips === "always" || options.sided !== true;
  options.onEvent?.({
    type: "start",
    recipe,
    seed,
    classes,
    images: images.length,
    model: model.digest,
    device: encoder.capabilities.device,
    teacher: options.attributes === undefined ? "templates" : "attributes",
    views: String(options.views),
  });
  if (options.attributes === undefined) {
    options.onEvent?.({
      type: "note",
      text: `no attribute sentences given: ${nth(sentences, 0).length} template sentences per class form the teacher`,
    });
  }
  const attributes = await attributeFeatures(context, sentences, options.signal);
  const viewOptions = { core, encoder, pixels, recipe, flip, seed };
  const cacheKey = await runDigest({
    model: model.digest,
    encoder: encodedBy(encoder),
    pixels,
    viewsFrom: recipe.viewsFrom,
    flip,
  });
  const plain =
    options.views === "plain" || recipe.mixture === true
      ? await plainFeatures(images, { ...viewOptions, cache: options.cache, cacheKey, onProgress: options.onViews }, options.signal)
      : undefined;
  const views =
    plain !== undefined && options.views === "plain"
      ? plainViews(plain, images.length)
      : options.views === "fresh"
        ? freshViews(images, viewOptions)
        : await viewBank(
            images,
            { ...viewOptions, viewsPerImage: Number(options.views), cache: options.cache, cacheKey, onProgress: options.onViews },
            options.signal,
          );
  const digests: string[] = [];
  for await (const { sha256 } of inOrder(images, AHEAD, (open) => open(), options.signal)) digests.push(sha256);
  const run = await runDigest({
    images: digests,
    labels: Array.from(labels),
    classes,
    sentences,
    recipe,
    seed,
    views: options.views,
    cacheKey,
  });
  const learned = await learnContext(context, {
    ...options,
    views,
    attributes,
    attributesPerClass: nth(sentences, 0).length,
    sentences,
    checkpoints: options.checkpoints === undefined ? undefined : checkpointStore(options.checkpoints, `checkpoint/${run}`, run),
  });
  const mixture =
    plain === undefined || recipe.mixture !== true ? undefined : await learnMixture(context, options, plain, attributes, learned.ctx);
  const bank = bankOf(model, options, run, learned.ctx, mixture);
  const digest = await bankDigest(bank);
  options.onEvent?.({ type: "end", bank: digest, seconds: (performance.now() - started) / 1000 });
  return { bank, bytes: writeBank(bank), digest, run: learned };
}

/** The one prompt, then everything that is fitted in closed form. The prompt is learned from its start after a stop: it is a tenth of the run. */
async function learnMixture(
  context: LearnContext,
  options: LearnOptions,
  features: Float32Array,
  attributes: Float32Array,
  bank: Float32Array,
): Promise<BankMixture> {
  const { core, model } = context;
  const { classes, labels, recipe, seed, activations, signal } = options;
  const C = classes.length;
  const D = model.spec.embedDim;
  const own = promptRecipe(recipe);
  const { ctx } = await learnContext(context, {
    classes,
    labels,
    recipe: own,
    seed,
    activations,
    signal,
    views: plainViews(features, labels.length),
    attributes,
    attributesPerClass: attributes.length / (C * D),
  });
  const textOf = (contexts: Float32Array, of: Recipe) => promptTexts(context, contexts, { classes, recipe: of, signal });
  const texts = recipe.temperature === "shots" ? { bank: await textOf(bank, recipe), one: await textOf(ctx, own) } : undefined;
  const scale = Math.exp(model.spec.logitScale);
  const described = options.attributes !== undefined;
  return fitMixture({ ...recipe, core, features, labels, attributes, C, D, scale, seed, ctx, texts, described });
}

/** ctx [N,T,W] → its text embeddings for the classes, normalised [N,C,D]. */
async function promptTexts(
  { core, encoder, model }: LearnContext,
  ctx: Float32Array,
  { classes, recipe, signal }: Pick<LearnOptions, "classes" | "recipe" | "signal">,
): Promise<Float32Array> {
  const learner = promptLearner({ encoder, model, classes, recipe, activations: "recompute" });
  const { N, C, D } = learner.shape;
  return core.l2Normalize((await learner.forward(ctx, signal)).text, N * C, D);
}

/** The learned context vectors with all that is needed to use them and to make them again. */
function bankOf(
  { digest, spec }: LearnContext["model"],
  options: LearnOptions,
  run: string,
  ctx: Float32Array,
  mixture: BankMixture | undefined,
): PromptBank {
  const { recipe } = options;
  return {
    modelDigest: digest,
    recipe: options.recipeName,
    options: {
      ...recipe,
      views: options.views,
      images: options.images.length,
      teacher: options.attributes === undefined ? "templates" : "attributes",
      run,
      ...options.kept,
    },
    rho: recipe.rho,
    promptSuffix: PROMPT_SUFFIX,
    classes: [...options.classes],
    logitScale: spec.logitScale,
    classCounts: options.classCounts ?? countsOf(options.labels, options.classes.length),
    seed: options.seed,
    createdBy: "biovlm",
    ctx: { data: ctx, shape: [recipe.prompts, recipe.contextTokens, spec.text.width] },
    ...(mixture === undefined ? {} : { mixture }),
  };
}

function countsOf(labels: Int32Array, C: number): number[] {
  const counts = new Array<number>(C).fill(0);
  for (const label of labels) counts[label] = nth(counts, label) + 1;
  return counts;
}

/** What {@link learnContext} is given: views and teacher ready. */
export interface LearnContextOptions
  extends Pick<LearnOptions, "classes" | "labels" | "recipe" | "seed" | "activations" | "onEvent" | "onStep" | "signal"> {
  readonly views: ViewSource;
  /** g [M,C,D] */
  readonly attributes: Float32Array;
  readonly attributesPerClass: number;
  /** [C][M] what `attributes` embeds, for a start from their words */
  readonly sentences?: readonly (readonly string[])[] | undefined;
  readonly checkpoints?: ReturnType<typeof checkpointStore> | undefined;
}

/** The loop on ready views and teacher: context vectors. */
export async function learnContext({ core, encoder, model }: LearnContext, options: LearnContextOptions): Promise<TrainResult> {
  const learner = promptLearner({ ...options, encoder, model });
  const { recipe, sentences } = options;
  let loss = 0;
  let accuracy = 0;
  return train({
    core,
    learner,
    views: options.views,
    labels: options.labels,
    attributes: options.attributes,
    attributesPerClass: options.attributesPerClass,
    scale: Math.exp(model.spec.logitScale),
    recipe,
    seed: options.seed,
    words: recipe.contextStart === "attributes" && sentences !== undefined ? contextWords(model, sentences, recipe) : undefined,
    checkpoints: options.checkpoints,
    signal: options.signal,
    onStep(step) {
      options.onEvent?.({ type: "step", ...step });
      options.onStep?.(step);
      if (step.step === 1) loss = accuracy = 0;
      loss += step.terms.total / step.steps;
      accuracy += step.accuracy / step.steps;
      if (step.step === step.steps) options.onEvent?.({ type: "epoch", epoch: step.epoch, loss, accuracy });
    },
  });
}

/** For each class the teacher's sentences: those given, or ten templates with the class name in them. */
export function teacherSentences(
  classes: readonly string[],
  attributes: readonly (readonly string[])[] | undefined,
): readonly (readonly string[])[] {
  if (attributes === undefined) {
    return classes.map((name) => DEFAULT_TEMPLATES.slice(0, 10).map((t) => t.replace("{}", () => name.replaceAll("_", " "))));
  }
  const M = attributes[0]?.length ?? 0;
  if (attributes.length !== classes.length || M === 0 || attributes.some((a) => a.length !== M)) {
    throw new TrainingError(
      "bad_option",
      `attributes — expected one list for each of ${classes.length} classes, all of one length ≥ 1, got lengths [${attributes.map((a) => a.length).join(", ")}]. Correct the file.`,
    );
  }
  return attributes;
}

/** Sentences by class [C][M] → g [M,C,D], normalised. */
export async function attributeFeatures(
  { core, encoder, model }: LearnContext,
  sentences: readonly (readonly string[])[],
  signal?: AbortSignal,
): Promise<Float32Array> {
  const M = nth(sentences, 0).length;
  const rows = Array.from({ length: M }, (_, m) => sentences.map((s) => nth(s, m))).flat();
  return (await encodeSentences({ core, encoder, tokenizer: model.tokenizer }, rows, { signal })).data;
}

/** S, mean and std of the views: the model's own, or the recipe's ImageNet numbers. */
export function viewPixels(spec: ModelSpec, recipe: Pick<Recipe, "normalisation">): PixelSpec {
  return pixelSpec(spec, recipe.normalisation);
}

function checkServesAnyClass(recipe: Recipe): void {
  if (recipe.classContext === true) {
    throw new TrainingError(
      "bad_option",
      "recipe option classContext — expected false for a bank, whose contexts serve any class, got true. Leave it out, or compare it: biovlm sweep --variant classContext=true.",
    );
  }
}

function checkLabels(labels: Int32Array, n: number, C: number): void {
  if (n === 0) throw new TrainingError("empty_split", "training images — expected at least one, got none. Check the folder and the shots.");
  if (labels.length !== n) {
    throw new TrainingError("bad_shape", `labels — expected one for each of ${n} images, got ${labels.length}. Pass one label per image.`);
  }
  for (const label of labels) {
    if (!Number.isInteger(label) || label < 0 || label >= C) {
      throw new TrainingError("bad_option", `label — expected a class index from 0 to ${C - 1}, got ${label}. Check the class list.`);
    }
  }
}
