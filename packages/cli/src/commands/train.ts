// `biovlm train`: a prompt bank from a few labelled images.

import { appendFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import { usageError } from "../errors.js";
import { cacheOf, checkpointsOf, fileDecoder, LEARNING_OPTIONS, openSource, recipeOf, viewsOf } from "../learning-options.js";
import { fallbackNote, openRuntime, RUNTIME_OPTIONS } from "../opening.js";

export const train = defineCommand({
  name: "train",
  summary: "learn a prompt bank from labelled images",
  description: [
    "The source is a folder with one subfolder of images for each class (class/name.png), a CSV list, or a known data set by name. Nothing else is needed: without attribute sentences the class names in ten templates guide the learning.",
    "Images of the test split (a fifth of a folder) are not learned from; the learned bank is measured on them. A run that was stopped goes on at the last epoch when the same command is given again, and ends in the same bytes.",
  ],
  aboutImages: true,
  arguments: [{ name: "source", description: "folder of class/name.png, list.csv, or data set", completes: "folder" }],
  options: {
    out: { type: "text", value: "FILE", completes: "file", default: "bank.safetensors", description: "the learned bank" },
    shots: {
      type: "integer",
      min: 1,
      max: 100_000,
      description: "images of each class to learn from; all of the training split when absent",
    },
    seed: { type: "integer", min: 0, max: 2 ** 31 - 1, default: 1, description: "seed of draws, views and learning" },
    all: { type: "flag", description: "learn from every image; nothing is left to measure on" },
    log: { type: "text", value: "FILE", completes: "file", description: "write the run as JSON lines" },
    recompute: { type: "flag", description: "compute activations twice instead of keeping them: less memory, more time" },
    json: { type: "flag", description: "print a summary as JSON" },
    ...LEARNING_OPTIONS,
    ...RUNTIME_OPTIONS,
  },
  examples: [
    { command: "biovlm train scans/ --out scans.bank.safetensors", shows: "a folder of class/name.png, nothing else" },
    { command: "biovlm train breastmnist --shots 16 --seed 1", shows: "a known data set, few-shot" },
    { command: "biovlm classify new.png --bank scans.bank.safetensors", shows: "what the bank is for" },
  ],
  async run({ terminal, signal, cwd }, options, [given = ""]) {
    if (options.all && options.shots !== undefined) throw usageError("bad_usage", "--all and --shots — expected one of them, got both");
    const [training, measuring, { scaleOf }] = await Promise.all([
      import("@biovlm/training"),
      import("@biovlm/evaluation"),
      import("@biovlm/model"),
    ]);
    const recipe = await recipeOf(options);
    const source = await openSource(given, options, options.model, cwd);
    const { dataset } = source;
    try {
      for (const note of source.notes) terminal.note(note);
      const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
      try {
        const note = fallbackNote(runtime);
        if (note !== undefined) terminal.warn(note);
        const { core, encoder, model } = runtime;
        const decode = await fileDecoder();
        const { items, tests, classes, sentences } = chosen();
        const images = [];
        for (const item of items) images.push(await measuring.itemImage(item, decode));
        const checkpoints = await checkpointsOf(terminal);
        const { writeResult } = await import("../result-file.js");
        const cache = await cacheOf(options, terminal);
        const logPath = options.log === undefined ? undefined : resolve(cwd, options.log);
        if (logPath !== undefined) await writeFile(logPath, "");
        let log = Promise.resolve();
        let bar: ReturnType<typeof terminal.progress> | undefined;
        const started = performance.now();
        terminal.note(
          `learning from ${items.length} images of ${classes.length} classes: ${model.name} on ${encoder.capabilities.device} (${runtime.detail}), recipe ${options.recipe}`,
        );
        const learned = await training.learnBank(
          { core, encoder, model },
          {
            classes,
            images,
            labels: Int32Array.from(items, (item) => item.label),
            ...(sentences === undefined ? {} : { attributes: sentences }),
            recipe,
            recipeName: options.set.length === 0 ? options.recipe : `${options.recipe}, changed`,
            seed: options.seed,
            views: viewsOf(options),
            sided: dataset.sided,
            activations: options.recompute ? "recompute" : "keep",
            ...(cache === undefined ? {} : { cache }),
            checkpoints,
            signal,
            onViews(done, total) {
              if (done === 1) bar = terminal.progress("views", total);
              bar?.advance();
              if (done === total) {
                bar?.end();
                bar = undefined;
              }
            },
            onStep(step) {
              if (bar === undefined) {
                bar = terminal.progress("learn", step.steps * recipe.epochs, "steps");
                bar.skip((step.epoch - 1) * step.steps);
              }
              bar.advance();
              bar.label(
                `epoch ${step.epoch}/${recipe.epochs}  loss ${step.terms.total.toFixed(3)}  right ${(step.accuracy * 100).toFixed(0)} %`,
              );
            },
            onEvent(event) {
              if (event.type === "note") terminal.note(event.text);
              if (logPath === undefined) return;
              log = log.then(() => appendFile(logPath, training.logLine(event)));
              log.catch(() => {}); // met at the end: a log that cannot be written does not cost the bank
            },
          },
        );
        bar?.end();
        if (learned.run.resumedFrom > 0) terminal.note(`went on after epoch ${learned.run.resumedFrom} of a run that was stopped`);
        const seconds = (performance.now() - started) / 1000;
        await writeResult(resolve(cwd, options.out), learned.bytes, { signal });
        await checkpoints.delete(`checkpoint/${String(learned.bank.options["run"])}`);
        const measured = tests.length === 0 ? undefined : await measure();
        const summary = {
          bank: options.out,
          digest: learned.digest,
          model: model.digest,
          classes,
          images: items.length,
          epochs: learned.run.epochs,
          seconds: Math.round(seconds * 10) / 10,
          device: encoder.capabilities.device,
          ...(measured === undefined ? {} : { measured }),
        };
        if (options.json) await terminal.line(JSON.stringify(summary));
        else {
          await terminal.line(`${options.out}  ${learned.digest}  (${seconds.toFixed(1)} s)`);
          if (measured !== undefined) {
            const share = (x: number) => `${(x * 100).toFixed(1)} %`;
            await terminal.line(
              `accuracy on ${measured.images} images not learned from: ${share(measured.untrained)} with one untrained prompt, ${share(measured.learned)} with the learned bank (chance ${share(1 / classes.length)})`,
            );
          }
        }
        await log;
        return undefined;

        async function measure() {
          const set = await measuring.classSet({ core, encoder, model }, classes, sentences, signal);
          const D = model.spec.embedDim;
          const features = await measuring.itemFeatures({ core, encoder, model }, tests, {
            pixels: training.viewPixels(model.spec, recipe),
            decode,
            signal,
            ...(cache === undefined ? {} : { cache }),
          });
          const scale = scaleOf(model.spec);
          const text = await set.promptTexts(learned.bank.ctx!.data, recipe);
          const accuracy = (rows: Float32Array, N: number, rho: number) =>
            measuring.accuracyOf(
              measuring.routed(core, rows, N, set.C, D, scale, rho).logits(features.features, features.n),
              features.labels,
              set.C,
            );
          return { images: features.n, untrained: accuracy(set.texts.single, 1, 1), learned: accuracy(text, recipe.prompts, recipe.rho) };
        }
      } finally {
        await runtime.close();
      }
    } finally {
      dataset.close();
    }

    /** What to learn from and what to measure on. */
    function chosen() {
      const C = dataset.classes.length;
      const { learn, tests } = measuring.fewShotTask(source, { shots: options.shots ?? 1_000_000, seed: options.seed });
      if (!options.all) return { items: learn.items, tests: tests[0]!.side.items, classes: learn.classes, sentences: learn.sentences };
      if (C === 0) throw usageError("bad_usage", `${given} — expected classes, got none`);
      return { items: dataset.items, tests: [], classes: learn.classes, sentences: learn.sentences };
    }
  },
});
