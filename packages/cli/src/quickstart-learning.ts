// What `quickstart` does with phantoms: learns a bank from a few of each kind and measures it on others, beside chance and beside prompts
// that were not trained. Drawings stand for images; the steps are those of `biovlm train` and `biovlm classify`.

import { createHash } from "node:crypto";
import { attributeSentences, attributeSet } from "@biovlm/datasets";
import type { Runtime } from "@biovlm/engine";
import { wilsonInterval } from "@biovlm/evaluation";
import { nth, present } from "@biovlm/files";
import { createClassifier, promptCount, templateBank } from "@biovlm/model";
import { DEFAULT_RECIPE, type LearnedBank, learnBank, RECIPES, type StepReport } from "@biovlm/training";
import { PHANTOM_KINDS, type Phantom, phantomSet } from "./phantoms/phantom-set.js";

export interface PhantomLearning {
  readonly learned: LearnedBank;
  readonly classes: readonly string[];
  readonly tested: readonly Phantom[];
  readonly methods: readonly {
    readonly name: string;
    readonly summary: string;
    readonly accuracy: number;
    readonly interval?: readonly [number, number];
  }[];
  /** kinds × prompts */
  readonly routing: readonly (readonly number[])[];
  readonly trainingImages: number;
}

export interface PhantomLearningOptions {
  readonly seed: number;
  readonly shots: number;
  readonly perKind: number;
  readonly size: number;
  readonly onStep?: (step: StepReport) => void;
  readonly onViews?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Learns on `shots` of each kind and measures on the rest. */
export async function learnPhantoms(runtime: Runtime, options: PhantomLearningOptions): Promise<PhantomLearning> {
  const { core, encoder, model } = runtime;
  const { shots, perKind } = options;
  const all = [...phantomSet({ seed: options.seed, perKind: shots + perKind, size: options.size })];
  const indexOf = (phantom: Phantom) => Number(present(/-(\d+)\.png$/.exec(phantom.file) ?? undefined, "number of a phantom")[1]) - 1;
  const learnedFrom = all.filter((p) => indexOf(p) < shots);
  const tested = all.filter((p) => indexOf(p) >= shots);
  const classes = PHANTOM_KINDS.map((kind) => kind.name);
  const label = (phantom: Phantom) => PHANTOM_KINDS.indexOf(phantom.kind);
  const learned = await learnBank(
    { core, encoder, model },
    {
      classes,
      images: learnedFrom.map((phantom) => ({
        sha256: createHash("sha256").update(phantom.image.data).digest("hex"),
        pixels: async () => phantom.image,
      })),
      labels: Int32Array.from(learnedFrom, label),
      attributes: PHANTOM_KINDS.map((kind) => kindSentences(kind)),
      recipe: RECIPES[DEFAULT_RECIPE],
      recipeName: DEFAULT_RECIPE,
      seed: options.seed,
      views: "plain",
      ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
      ...(options.onViews === undefined ? {} : { onViews: options.onViews }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  const single = await templateBank({ core, encoder, model }, classes, { templates: ["a photo of {}."], rho: 1 });
  const labels = Int32Array.from(tested, label);
  const measure = async (bank: LearnedBank["bank"]) => {
    const classifier = await createClassifier({ core, encoder, model, bank });
    const answers = await classifyAll(classifier, tested);
    const right = answers.map((a, i) => (nth(a.predictions, 0).class === classes[nth(labels, i)] ? 1 : 0));
    const sum = right.reduce((a: number, b) => a + b, 0);
    const accuracy = sum / right.length;
    const { low, high } = wilsonInterval(sum, right.length);
    return { answers, accuracy, interval: [low, high] as const };
  };
  const untrained = await measure(single);
  const trained = await measure(learned.bank);
  const N = promptCount(learned.bank);
  const routing = PHANTOM_KINDS.map((kind) => {
    const own = trained.answers.filter((_, i) => nth(tested, i).kind === kind);
    return Array.from({ length: N }, (_, n) => own.filter((a) => a.kept.some((k) => k.prompt === n)).length / Math.max(1, own.length));
  });
  return {
    learned,
    classes,
    tested,
    routing,
    trainingImages: learnedFrom.length,
    methods: [
      { name: "chance", summary: `one of ${classes.length} kinds`, accuracy: 1 / classes.length },
      { name: "one prompt, untrained", summary: "“a photo of …”", accuracy: untrained.accuracy, interval: untrained.interval },
      {
        name: "learned bank",
        summary: `${N} prompts from ${shots} drawings of each kind`,
        accuracy: trained.accuracy,
        interval: trained.interval,
      },
    ],
  };
}

/** Ten sentences for a kind: the attributes of the data set it resembles, its own class name in them. */
function kindSentences(kind: (typeof PHANTOM_KINDS)[number]): string[] {
  const set = attributeSet(kind.attributesOf.dataset);
  const wanted = kind.attributesOf.classes;
  const own = set.classes.filter((c) => wanted === undefined || wanted.includes(c.name));
  const sentences = attributeSentences({ ...set, classes: own });
  return Array.from({ length: 10 }, (_, m) => nth(nth(sentences, m % sentences.length), Math.floor(m / sentences.length)));
}

async function classifyAll(classifier: Awaited<ReturnType<typeof createClassifier>>, phantoms: readonly Phantom[]) {
  const answers: Awaited<ReturnType<typeof classifier.classify>> = [];
  for (let at = 0; at < phantoms.length; at += 32) {
    answers.push(...(await classifier.classify(phantoms.slice(at, at + 32).map((p) => p.image))));
  }
  return answers;
}
