// The training loop: learns the context vectors of a prompt bank from a few labelled images (method.md, "Training").
// Everything it needs is handed in: views give image embeddings, the learner runs the frozen text tower, core does the numbers.
// Randomness is drawn from (seed, epoch) streams, so a resumed run ends in the same bytes as an undisturbed one.

import { adamWStep, type Core, type Routing, sgdStep } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { type Checkpoint, type CheckpointStore, freshCheckpoint } from "./checkpoint.js";
import { TrainingError } from "./errors.js";
import { type LossTerms, objective } from "./objective.js";
import type { PromptLearner } from "./prompt-learner.js";
import { randomStream } from "./random.js";
import type { Recipe } from "./recipe.js";
import { learningRateAt } from "./schedule.js";
import { teach } from "./teacher.js";
import type { ViewSource } from "./views.js";

/** What the loop runs on. */
export interface TrainInput {
  readonly core: Core;
  readonly learner: PromptLearner;
  readonly views: ViewSource;
  /** [n] class index of every training image, in the order of `views` */
  readonly labels: Int32Array;
  /** g [M,C,D]: normalised embeddings of the attribute sentences */
  readonly attributes: Float32Array;
  /** M */
  readonly attributesPerClass: number;
  /** s = exp(logit scale) */
  readonly scale: number;
  readonly recipe: Recipe;
  readonly seed: number;
  /** what ctx starts about, of its shape; zeros when absent */
  readonly words?: Float32Array | undefined;
  /** Where the state is kept after each epoch; a matching state found there is resumed. */
  readonly checkpoints?: CheckpointStore | undefined;
  readonly onStep?: ((step: StepReport) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What one optimiser step did, and where its time went. */
export interface StepReport {
  /** 1-based */
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly terms: LossTerms;
  /** share of the batch the routed prediction got right */
  readonly accuracy: number;
  readonly milliseconds: { readonly views: number; readonly text: number; readonly objective: number; readonly backward: number };
}

/** Context vectors after the last epoch. */
export interface TrainResult {
  /** [N,T,W] */
  readonly ctx: Float32Array;
  readonly epochs: number;
  /** the epoch it was resumed after; 0 for a fresh run */
  readonly resumedFrom: number;
}

/** Runs all epochs (or what is left of them) and gives the last epoch's context vectors. */
export async function train(input: TrainInput): Promise<TrainResult> {
  const { core, learner, views, labels, recipe, seed } = input;
  const { N, C, D, T, W } = learner.shape;
  if (labels.length === 0)
    throw new TrainingError("empty_split", "training set — expected at least one image, got none. Check the split and the shots.");
  const state = (await input.checkpoints?.load()) ?? freshCheckpoint(initialContext(recipe, seed, learner.contextLength, input.words));
  if (state.ctx.length !== learner.contextLength) {
    throw new TrainingError(
      "checkpoint_mismatch",
      `checkpoint — expected ${learner.contextLength} numbers of ctx for [${N}, ${T}, ${W}], got ${state.ctx.length}. Start a new run folder.`,
    );
  }
  const resumedFrom = state.epoch;

  for (let epoch = state.epoch + 1; epoch <= recipe.epochs; epoch++) {
    const lr = learningRateAt(epoch, recipe);
    const batches = epochBatches(labels.length, recipe.batch, seed, epoch);
    for (const [step, rows] of batches.entries()) {
      input.signal?.throwIfAborted();
      const clock = [performance.now()];
      const features = await views.batch(epoch, rows, input.signal);
      clock.push(performance.now());
      const { text, tape } = await learner.forward(state.ctx, input.signal);
      clock.push(performance.now());
      const batchLabels = Int32Array.from(rows, (r) => nth(labels, r));
      let terms: LossTerms;
      let routing: Routing;
      let dCtx: Float32Array;
      try {
        const shape = { B: rows.length, N, M: input.attributesPerClass, C, D };
        const teacher = teach(core, { ...features, attributes: input.attributes, scale: input.scale, rho: recipe.rho, shape });
        const given = {
          text,
          images: features.student,
          labels: batchLabels,
          attributes: input.attributes,
          teacher,
          scale: input.scale,
          shape,
        };
        const loss = objective(core, given, recipe);
        ({ terms, routing } = loss);
        clock.push(performance.now());
        dCtx = await learner.backward(tape, loss.dText, input.signal);
      } finally {
        learner.discard(tape);
      }
      update(state, dCtx, lr, recipe);
      clock.push(performance.now());
      if (!Number.isFinite(terms.total)) {
        throw new TrainingError(
          "not_finite",
          `loss in epoch ${epoch}, step ${step + 1} — expected a finite number, got ${terms.total}. Lower the learning rate.`,
        );
      }
      input.onStep?.({
        epoch,
        step: step + 1,
        steps: batches.length,
        learningRate: lr,
        terms,
        accuracy: batchAccuracy(routing.mean, batchLabels, C),
        milliseconds: {
          views: nth(clock, 1) - nth(clock, 0),
          text: nth(clock, 2) - nth(clock, 1),
          objective: nth(clock, 3) - nth(clock, 2),
          backward: nth(clock, 4) - nth(clock, 3),
        },
      });
    }
    state.epoch = epoch;
    await input.checkpoints?.save(state);
  }
  return { ctx: state.ctx, epochs: recipe.epochs, resumedFrom };
}

/** ctx ~ N(0, std); about words of the same shape, where they are given, with a tenth of the std. */
export function initialContext({ contextStd }: Recipe, seed: number, length: number, words?: Float32Array): Float32Array {
  const random = randomStream(seed, "context");
  if (words === undefined) return Float32Array.from({ length }, () => contextStd * random.normal());
  return words.map((word) => word + 0.1 * contextStd * random.normal());
}

/** Shuffled row indices in batches; the last partial batch is dropped when at least one full batch exists. */
export function epochBatches(n: number, batch: number, seed: number, epoch: number): number[][] {
  const order = randomStream(seed, "order", epoch).shuffle(Array.from({ length: n }, (_, i) => i));
  const full = Math.floor(n / batch);
  if (full === 0) return [order];
  return Array.from({ length: full }, (_, b) => order.slice(b * batch, (b + 1) * batch));
}

function update(state: Checkpoint, gradient: Float32Array, lr: number, recipe: Recipe): void {
  state.step++;
  if (recipe.optimiser === "sgd") sgdStep(state.ctx, gradient, state.moment1, lr, recipe);
  else
    adamWStep(state.ctx, gradient, state.moment1, state.moment2, state.step, lr, {
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: recipe.weightDecay,
    });
}

function batchAccuracy(logits: Float32Array, labels: Int32Array, C: number): number {
  let right = 0;
  for (let b = 0; b < labels.length; b++) {
    const row = logits.subarray(b * C, b * C + C);
    if (row.indexOf(Math.max(...row)) === labels[b]) right++;
  }
  return right / labels.length;
}
