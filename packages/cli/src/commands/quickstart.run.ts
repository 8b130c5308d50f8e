// `biovlm quickstart`: the main job from nothing. Draws a small set of phantoms, learns a bank from a few of each kind, classifies others,
// explains, and writes a sheet to look at. With --images it classifies the person's own images instead.
// The work alone: what it is asked for by is quickstart.ts.

import { resolve } from "node:path";
import { classifyImages, type Runtime } from "@biovlm/engine";
import { counted, nth } from "@biovlm/files";
import { createClassifier, promptNames, templateBank, writeBank } from "@biovlm/model";
import type { CommandContext, CommandRun, OptionValues } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { findImageFiles } from "../image-files.js";
import { fallbackNote, imageSources, openRuntime } from "../opening.js";
import { PHANTOM_KINDS } from "../phantoms/phantom-set.js";
import { encodePng } from "../phantoms/png-file.js";
import { learnPhantoms, type PhantomLearning } from "../quickstart-learning.js";
import { writeResult } from "../result-file.js";
import { type SheetContent, type SheetImage, sheet } from "../sheet.js";
import { printable } from "../terminal.js";
import type { QUICKSTART_OPTIONS } from "./quickstart.js";

type Options = OptionValues<typeof QUICKSTART_OPTIONS>;

/** What one run of the command works with. */
interface Work {
  readonly context: CommandContext;
  readonly options: Options;
  readonly runtime: Runtime;
}

/** What the sheet shows, and what --json prints of it. */
interface Made {
  readonly content: SheetContent;
  readonly figures: object;
  readonly failed: number;
}

export const showAtWork: CommandRun<typeof QUICKSTART_OPTIONS> = async (context, options) => {
  const { terminal, cwd } = context;
  const started = performance.now();
  const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
  try {
    const note = fallbackNote(runtime);
    if (note !== undefined) terminal.warn(note);
    const { device } = runtime.encoder.capabilities;
    terminal.note(`model ${runtime.model.name} on ${device} (${runtime.detail})`);
    const work = { context, options, runtime };
    const made = options.images === undefined ? await phantoms(work) : await ownImages(work, options.images);
    const out = resolve(cwd, options.out);
    const seconds = (performance.now() - started) / 1000;
    await writeResult(out, sheet({ ...made.content, facts: [...made.content.facts, ["time", `${seconds.toFixed(0)} s in all`]] }));
    if (options.json) await terminal.line(JSON.stringify({ ...made.figures, device, sheet: options.out, seconds: Math.round(seconds) }));
    else {
      await terminal.line(`\nThe sheet: ${printable(options.out)}`);
      terminal.note("Open it in a browser. Next: biovlm classify, biovlm train FOLDER (class/name.png), biovlm doctor.");
    }
    return made.failed > 0 ? EXIT.partial : EXIT.ok;
  } finally {
    await runtime.close();
  }
};

/** Draws phantoms, learns from some of each kind, names the others. */
async function phantoms({ context: { terminal, cwd, signal }, options, runtime }: Work): Promise<Made> {
  let bar: ReturnType<typeof terminal.progress> | undefined;
  terminal.note(`drawing phantoms, learning from ${options.shots} of each kind …`);
  const result = await learnPhantoms(runtime, {
    seed: options.seed,
    shots: options.shots,
    perKind: 20,
    size: 160,
    signal,
    onStep(step) {
      bar ??= terminal.progress("learn", step.steps * 50, "steps");
      bar.advance();
      bar.label(`loss ${step.terms.total.toFixed(3)}, right ${(step.accuracy * 100).toFixed(0)} %`);
    },
  });
  bar?.end();
  for (const { name, accuracy, summary } of options.json ? [] : result.methods) {
    await terminal.line(`${name.padEnd(22)} ${(accuracy * 100).toFixed(1).padStart(5)} %   ${summary}`);
  }
  const images = await phantomImages(runtime, result);
  if (options.bank !== undefined) await writeResult(resolve(cwd, options.bank), writeBank(result.learned.bank));
  return {
    failed: 0,
    figures: {
      methods: result.methods,
      bank: { digest: result.learned.digest },
      routing: { classes: result.classes, share: result.routing },
    },
    content: phantomContent(result, images, options, runtime),
  };
}

/** Two drawings of each kind with their answers, why, and what they are. */
async function phantomImages({ core, encoder, model }: Runtime, { learned, tested }: PhantomLearning): Promise<SheetImage[]> {
  const classifier = await createClassifier({ core, encoder, model, bank: learned.bank });
  const shown = tested.filter((_, i) => i % 20 < 2);
  const answers = await classifier.classify(
    shown.map((p) => p.image),
    { explain: true },
  );
  return shown.map(({ image, file, kind }, i): SheetImage => {
    const { predictions, prompts = [] } = nth(answers, i);
    return {
      picture: `data:image/png;base64,${encodePng(image).toString("base64")}`,
      caption: file,
      truth: kind.name,
      predictions,
      prompts: promptRows(prompts, classifier.classes),
    };
  });
}

function phantomContent(
  result: PhantomLearning,
  images: SheetImage[],
  options: Options,
  { model, encoder, detail }: Runtime,
): SheetContent {
  const N = nth(result.routing, 0).length;
  return {
    title: "BioVLM quickstart",
    lead: `A frozen vision-language model learned ${N} prompts from ${options.shots} drawings of each of ${result.classes.length} kinds of medical image, and named ${result.tested.length} drawings it had not seen. For every image it keeps the prompts that are surest (lowest entropy) and averages their answers. The drawings are phantoms, not patient data: a first look, not a measure of medical use.`,
    facts: [
      ["model", `${model.name}, ${model.digest.slice(0, 23)}…, embedded, small`],
      ["device", `${encoder.capabilities.device}, ${detail}`],
      ["learned", `${result.learned.run.epochs} epochs on ${result.trainingImages} drawings, seed ${options.seed}`],
      ["bank", `${result.learned.digest.slice(0, 23)}…`],
    ],
    methods: result.methods,
    tested: result.tested.length,
    images,
    routing: { kinds: result.classes, prompts: Array.from({ length: N }, (_, n) => `prompt ${n + 1}`), share: result.routing },
    notes: [
      "Learned on this machine; nothing was sent anywhere. The same seed gives the same bank.",
      "The embedded model is small and weak: it has seen six public image sets. For real tasks import BiomedCLIP (biovlm models pull) and learn from your own labelled images (biovlm train).",
    ],
  };
}

/** Own images on the sheet. */
const SHOWN = 60;
/** Side of a picture on the sheet. */
const THUMBNAIL = 160;

/** The person's own images by their classes, or by kind. */
async function ownImages({ context: { terminal, cwd, signal }, options, runtime }: Work, folder: string): Promise<Made> {
  const { core, encoder, model, detail } = runtime;
  const { device } = encoder.capabilities;
  const classes = options.class.length > 0 ? options.class : PHANTOM_KINDS.map((k) => k.name);
  const bank = await templateBank({ core, encoder, model }, classes);
  const classifier = await createClassifier({ core, encoder, model, bank });
  const { files, failed } = await findImageFiles([folder], cwd, signal);
  const images: SheetImage[] = [];
  const names = promptNames(bank);
  let bad = failed.length;
  let shown = 0;
  const progress = terminal.progress("classify", files.length);
  const asked = { core, encoder, classifier, files: options, explain: true, thumbnail: THUMBNAIL, signal };
  for await (const result of classifyImages(imageSources(files, options), asked)) {
    progress.advance();
    if ("error" in result) {
      bad++;
      terminal.error(`${printable(result.source.name)}: error[${result.error.code}]: ${printable(result.error.message)}`);
      continue;
    }
    const { answer, thumbnail } = result;
    const best = nth(answer.predictions, 0);
    const line = options.json ? "" : `${printable(result.source.name)}  ${printable(best.class)} ${(best.probability * 100).toFixed(1)} %`;
    if (line !== "") await terminal.line(line);
    if (shown++ >= SHOWN || thumbnail === undefined) continue;
    const small = { data: thumbnail, width: THUMBNAIL, height: THUMBNAIL };
    images.push({
      picture: `data:image/png;base64,${encodePng(small).toString("base64")}`,
      caption: result.source.name,
      predictions: answer.predictions,
      prompts: promptRows(
        (answer.prompts ?? []).map((p) => ({ ...p, name: names?.[p.index] })),
        classifier.classes,
      ),
    });
  }
  progress.end();
  return {
    failed: bad,
    figures: { images: files.length, failed: bad },
    content: {
      title: "BioVLM: your images",
      lead: `${counted(files.length, "image")}, ${counted(classes.length, "class", "classes")}, sentence templates as prompts, no training.`,
      facts: [
        ["model", `${model.name}, ${model.digest.slice(0, 23)}…`],
        ["device", `${device}, ${detail}`],
        ["classes", classes.join(", ")],
      ],
      methods: [],
      images,
      notes: [
        "Classified on this machine; nothing was sent anywhere.",
        ...(files.length > images.length ? [`The sheet shows ${images.length} of ${counted(files.length, "image")}.`] : []),
      ],
    },
  };
}

function promptRows(
  prompts: readonly {
    readonly index: number;
    readonly name?: string | undefined;
    readonly entropy: number;
    readonly kept: boolean;
    readonly probabilities: readonly number[];
  }[],
  classes: readonly string[],
): SheetImage["prompts"] {
  return [...prompts]
    .sort((a, b) => a.entropy - b.entropy || a.index - b.index)
    .map(({ index, name, entropy, kept, probabilities }) => {
      const best = probabilities.indexOf(Math.max(...probabilities));
      return { name: name ?? `prompt ${index + 1}`, entropy, kept, answer: nth(classes, best), probability: nth(probabilities, best) };
    });
}
