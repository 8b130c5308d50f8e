// `biovlm quickstart`: the main job from nothing. Draws a small set of phantoms, learns a bank from a few of each kind, classifies others,
// explains, and writes a sheet to look at. With --images it classifies the person's own images instead.

import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { fallbackNote, openRuntime, RUNTIME_OPTIONS } from "../opening.js";
import type { SheetContent, SheetImage } from "../sheet.js";
import { printable } from "../terminal.js";

export const quickstart = defineCommand({
  name: "quickstart",
  summary: "see it work: draw images, learn prompts from a few, classify the rest, write a sheet",
  description: [
    "Needs nothing but this program: the images are drawings (phantoms) of six kinds of medical image, not patient data, and the model is the small embedded one.",
    "With --images your own images are classified by kind, with --class by names you give. They never leave the machine.",
  ],
  aboutImages: true,
  options: {
    images: { type: "text", value: "DIR", completes: "folder", description: "classify the images of a folder instead" },
    class: { type: "text", many: true, value: "NAME", description: "with --images: a class name; give it once for each class" },
    out: { type: "text", value: "FILE", completes: "file", default: "biovlm-quickstart.html", description: "the sheet" },
    bank: { type: "text", value: "FILE", completes: "file", description: "also keep the learned bank" },
    shots: { type: "integer", min: 1, max: 256, default: 16, description: "drawings of each kind to learn from" },
    seed: { type: "integer", min: 0, max: 2 ** 31 - 1, default: 1, description: "seed of drawings and learning" },
    json: { type: "flag", description: "print the figures as JSON" },
    ...RUNTIME_OPTIONS,
  },
  examples: [
    { command: "biovlm quickstart", shows: "phantoms, learning, a sheet" },
    { command: 'biovlm quickstart --images scans/ --class "chest X-ray" --class "hand X-ray"', shows: "your images, your classes" },
  ],
  async run({ terminal, signal, cwd }, options) {
    const started = performance.now();
    const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
    try {
      const note = fallbackNote(runtime);
      if (note !== undefined) terminal.warn(note);
      const { device } = runtime.encoder.capabilities;
      terminal.note(`model ${runtime.model.name} on ${device} (${runtime.detail})`);
      const { sheet } = await import("../sheet.js");
      const { writeResult } = await import("../result-file.js");
      const made = options.images === undefined ? await phantoms() : await ownImages(options.images);
      const out = resolve(cwd, options.out);
      const seconds = (performance.now() - started) / 1000;
      await writeResult(out, sheet({ ...made.content, facts: [...made.content.facts, ["time", `${seconds.toFixed(0)} s in all`]] }));
      if (options.json) await terminal.line(JSON.stringify({ ...made.figures, device, sheet: options.out, seconds: Math.round(seconds) }));
      else {
        await terminal.line(`\nThe sheet: ${printable(options.out)}`);
        terminal.note("Open it in a browser. Next: biovlm classify, biovlm train FOLDER (class/name.png), biovlm doctor.");
      }
      return made.failed > 0 ? EXIT.partial : EXIT.ok;

      async function phantoms(): Promise<{ content: SheetContent; figures: object; failed: number }> {
        const [{ learnPhantoms }, { createClassifier, writeBank }, { encodePng }] = await Promise.all([
          import("../quickstart-learning.js"),
          import("@biovlm/model"),
          import("../phantoms/png-file.js"),
        ]);
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
        const { core, encoder, model } = runtime;
        const classifier = await createClassifier({ core, encoder, model, bank: result.learned.bank });
        const shown = result.tested.filter((_, i) => i % 20 < 2);
        const answers = await classifier.classify(
          shown.map((p) => p.image),
          { explain: true },
        );
        const images = answers.map(
          (answer, i): SheetImage => ({
            picture: `data:image/png;base64,${encodePng(shown[i]!.image).toString("base64")}`,
            caption: shown[i]!.file,
            truth: shown[i]!.kind.name,
            predictions: answer.predictions,
            prompts: promptRows(answer.prompts!, classifier.classes),
          }),
        );
        if (options.bank !== undefined) await writeResult(resolve(cwd, options.bank), writeBank(result.learned.bank));
        const N = result.routing[0]!.length;
        return {
          failed: 0,
          figures: {
            methods: result.methods,
            bank: { digest: result.learned.digest },
            routing: { classes: result.classes, share: result.routing },
          },
          content: {
            title: "BioVLM quickstart",
            lead: `A frozen vision-language model learned ${N} prompts from ${options.shots} drawings of each of ${result.classes.length} kinds of medical image, and named ${result.tested.length} drawings it had not seen. For every image it keeps the prompts that are surest (lowest entropy) and averages their answers. The drawings are phantoms, not patient data: a first look, not a measure of medical use.`,
            facts: [
              ["model", `${model.name}, ${model.digest.slice(0, 23)}…, embedded, small`],
              ["device", `${device}, ${runtime.detail}`],
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
          },
        };
      }

      async function ownImages(folder: string): Promise<{ content: SheetContent; figures: object; failed: number }> {
        const [
          { findImageFiles },
          { classifyFiles, rowOptions },
          { imageRow },
          { createClassifier, templateBank, promptNames },
          { PHANTOM_KINDS },
          { encodePng },
        ] = await Promise.all([
          import("../image-files.js"),
          import("../image-classification.js"),
          import("../image-rows.js"),
          import("@biovlm/model"),
          import("../phantoms/phantom-set.js"),
          import("../phantoms/png-file.js"),
        ]);
        const { core, encoder, model } = runtime;
        const classes = options.class.length > 0 ? options.class : PHANTOM_KINDS.map((k) => k.name);
        const bank = await templateBank({ core, encoder, model }, classes);
        const classifier = await createClassifier({ core, encoder, model, bank });
        const { files, failed } = await findImageFiles([folder], cwd, signal);
        const limits = { exif: "apply", maxBytes: 16 * 2 ** 20, maxPixels: 25_000_000, batch: 16 };
        const rows = await rowOptions(runtime, classifier.pixels, limits, signal);
        const images: SheetImage[] = [];
        const names = promptNames(bank);
        let bad = failed.length;
        let shown = 0;
        const progress = terminal.progress("classify", files.length);
        for await (const result of classifyFiles(files, runtime, classifier, { ...limits, explain: true }, signal)) {
          progress.advance();
          if ("error" in result) {
            bad++;
            terminal.error(`${printable(result.file.name)}: error[${result.error.code}]: ${printable(result.error.message)}`);
            continue;
          }
          const { answer } = result;
          const line = options.json
            ? ""
            : `${printable(result.file.name)}  ${printable(answer.predictions[0]!.class)} ${(answer.predictions[0]!.probability * 100).toFixed(1)} %`;
          if (line !== "") await terminal.line(line);
          if (shown++ >= 60) continue;
          const row = await imageRow(result.file, { ...rows, keepImage: true });
          if (row.kind !== "pixels" || row.image === undefined) continue;
          const small = { data: core.resizeCrop(row.image, 160), width: 160, height: 160 };
          images.push({
            picture: `data:image/png;base64,${encodePng(small).toString("base64")}`,
            caption: result.file.name,
            predictions: answer.predictions,
            prompts: promptRows(
              answer.prompts!.map((p) => ({ ...p, name: names?.[p.index] })),
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
            lead: `${files.length} images, ${classes.length} classes, sentence templates as prompts, no training.`,
            facts: [
              ["model", `${model.name}, ${model.digest.slice(0, 23)}…`],
              ["device", `${device}, ${runtime.detail}`],
              ["classes", classes.join(", ")],
            ],
            methods: [],
            images,
            notes: [
              "Classified on this machine; nothing was sent anywhere.",
              ...(files.length > images.length ? [`The sheet shows ${images.length} of ${files.length} images.`] : []),
            ],
          },
        };
      }
    } finally {
      await runtime.close();
    }
  },
});

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
      return { name: name ?? `prompt ${index + 1}`, entropy, kept, answer: classes[best]!, probability: probabilities[best]! };
    });
}
