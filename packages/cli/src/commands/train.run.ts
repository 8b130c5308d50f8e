// `biovlm train`: a prompt bank from a few labelled images.
// The work alone: what it is asked for by is train.ts.

import { appendFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import * as measuring from "@biovlm/evaluation";
import { scaleOf } from "@biovlm/model";
import * as training from "@biovlm/training";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { fileDecoder, openSource } from "../learning-source.js";
import { cacheOf, checkpointsOf } from "../learning-stores.js";
import { fallbackNote, openRuntime } from "../opening.js";
import { recipeOf, viewsOf } from "../recipe-choice.js";
import { writeResult } from "../result-file.js";
import type { TRAIN_OPTIONS } from "./train.js";

export const trainBank: CommandRun<typeof TRAIN_OPTIONS> = async ({ terminal, signal, cwd }, options, [given = ""]) => {
  if (options.all && options.shots !== undefined) throw usageError("bad_usage", "--all and --shots — expected one of them, got both");
  const recipe = recipeOf(options);
  const source = await openSource(given, options, options.model, cwd);
  const { dataset } = source;
  try {
    for (const note of source.notes) terminal.note(note);
    const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
    try {
      const note = fallbackNote(runtime);
      if (note !== undefined) terminal.warn(note);
      const { core, encoder, model } = runtime;
      const decode = fileDecoder;
      const { items, tests, classes, sentences } = chosen();
      const images = [];
      for (const item of items) images.push(await measuring.itemImage(item, decode));
      const checkpoints = checkpointsOf(terminal);
      const cache = cacheOf(options, terminal);
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
};
