// Learning a bank from labelled images in the worker: the same learnBank call as `biovlm train`, so that the same images, options, seed and
// thread count give the same file. State is kept after every epoch; a run that was stopped goes on there.

import type { Core } from "@biovlm/core";
import { type LearningReport, learningReport } from "@biovlm/evaluation";
import type { ByteStore } from "@biovlm/files";
import type { Classifier, Encoder, Model } from "@biovlm/model";
import { attributeBank, createClassifier, templateBank } from "@biovlm/model";
import { expertScores } from "@biovlm/model/prompts";
import { DEFAULT_RECIPE, learnBank, RECIPES, recipeWith, type TrainingImage } from "@biovlm/training";
import { plainFeatures } from "@biovlm/training/loop";
import type { HowShown, ImageRef, LearnChoices, Learned, Progress } from "./protocol.js";

export interface LearnParts {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: Model;
  readonly store: ByteStore;
  /** digest and pixels of an image as it is shown */
  readonly read: (image: ImageRef) => Promise<TrainingImage>;
  readonly signal: AbortSignal;
  readonly tell: (progress: Progress) => void;
}

/** @throws what learnBank throws; the signal's reason */
export async function learn(parts: LearnParts, choices: LearnChoices): Promise<Learned> {
  const { core, encoder, model, store, signal, tell } = parts;
  const started = performance.now();
  const base = RECIPES[DEFAULT_RECIPE];
  const recipe = recipeWith(base, { epochs: String(choices.epochs), prompts: String(choices.prompts) });
  const changed = recipe.epochs !== base.epochs || recipe.prompts !== base.prompts;
  const learned = await learnBank(
    { core, encoder, model },
    {
      classes: choices.classes,
      images: choices.images.map((image) => () => parts.read(image)),
      labels: Int32Array.from(choices.images, (image) => image.label),
      ...(choices.sentences === undefined ? {} : { attributes: choices.sentences }),
      recipe,
      // as the command line keeps it: another window makes other images
      kept: shownAs(choices),
      recipeName: changed ? `${DEFAULT_RECIPE}, changed` : DEFAULT_RECIPE,
      seed: choices.seed,
      views: "plain",
      checkpoints: store,
      cache: store,
      signal,
      onViews: (done, total) => tell({ kind: "views", done, total }),
      onStep: ({ epoch, step, steps, terms, accuracy }) =>
        tell({ kind: "step", epoch, epochs: recipe.epochs, step, steps, loss: terms.total, accuracy }),
      onEvent: (event) => {
        if (event.type === "note") tell({ kind: "note", text: event.text });
      },
    },
  );
  await store.delete(`checkpoint/${String(learned.bank.options["run"])}`);
  const measured = choices.tests.length === 0 ? undefined : await measure();
  return {
    bytes: learned.bytes,
    digest: learned.digest,
    seconds: (performance.now() - started) / 1000,
    resumedFrom: learned.run.resumedFrom,
    ...(measured === undefined ? {} : { measured }),
  };

  /** The learned bank beside the untrained sentences, on images that were not learned from. */
  async function measure(): Promise<LearningReport> {
    const context = { core, encoder, model };
    const { classes, sentences, tests, seed } = choices;
    const before =
      sentences === undefined
        ? await templateBank(context, classes, { signal })
        : await attributeBank(context, classes, sentences, { signal });
    const untrained = await createClassifier({ ...context, bank: before });
    const after = await createClassifier({ ...context, bank: learned.bank });
    const features = await plainFeatures(
      tests.map((image) => () => parts.read(image)),
      { core, encoder, pixels: after.pixels, cacheKey: "", onProgress: (done, total) => tell({ kind: "images", done, total }) },
      signal,
    );
    const labels = Int32Array.from(tests, ({ label }) => label);
    const scores = (classifier: Classifier) => classifier.logits(features, tests.length);
    const { mixture } = learned.bank;
    const expert = mixture === undefined ? undefined : expertScores(mixture.expertW, mixture.expertB, features, tests.length);
    return learningReport({ classes, labels, untrained: scores(untrained), learned: scores(after), expert, seed });
  }
}

/** How the images were shown, where it was chosen: as the command line keeps it. */
function shownAs({ images }: LearnChoices): HowShown {
  const window = images.find((image) => image.window !== undefined)?.window;
  const plane = images.find((image) => image.plane !== undefined)?.plane;
  const range = images.find((image) => image.range !== undefined)?.range;
  const ultrasoundRegion = images.find((image) => image.ultrasoundRegion !== undefined)?.ultrasoundRegion;
  return {
    ...(window === undefined ? {} : { window }),
    ...(range === undefined ? {} : { range }),
    ...(plane === undefined ? {} : { plane }),
    ...(ultrasoundRegion === undefined ? {} : { ultrasoundRegion }),
  };
}
