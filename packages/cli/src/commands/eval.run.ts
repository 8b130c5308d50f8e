// `biovlm eval`: a bank, or a method without training, measured on a data set's test split.
// The work alone: what it is asked for by is eval.ts.

import { resolve } from "node:path";
import { attributeSentences } from "@biovlm/datasets";
import * as measuring from "@biovlm/evaluation";
import { reliabilityDiagram } from "@biovlm/evaluation/node";
import { attributeBank, createClassifier, normalisationOf, readBank, scaleOf, templateBank } from "@biovlm/model";
import * as training from "@biovlm/training";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { INPUT_LIMITS, readInput } from "../input-file.js";
import { fileDecoder, openSource } from "../learning-source.js";
import { cacheOf } from "../learning-stores.js";
import { openRuntime } from "../opening.js";
import { writeResult } from "../result-file.js";
import type { EVALUATE_OPTIONS } from "./eval.js";

export const measureBank: CommandRun<typeof EVALUATE_OPTIONS> = async ({ terminal, signal, cwd }, options, [given = ""]) => {
  const source = await openSource(given, options, options.model, cwd);
  const { dataset, attributes } = source;
  try {
    for (const note of source.notes) terminal.note(note);
    const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
    try {
      const { core, encoder, model } = runtime;
      const context = { core, encoder, model };
      const classes = attributes?.classes.map((c) => c.name) ?? [...dataset.classes];
      const bank =
        options.bank !== undefined
          ? readBank(await readInput(cwd, options.bank, INPUT_LIMITS.bank))
          : attributes !== undefined
            ? await attributeBank(context, classes, attributeSentences(attributes))
            : await templateBank(context, classes);
      const classifier = await createClassifier({ ...context, bank, ...(bank.ctx === undefined ? {} : { classes }) });
      const C = classifier.classes.length;
      if (C !== classes.length) throw usageError("bad_usage", `bank — expected the ${classes.length} classes of ${dataset.name}, got ${C}`);
      const decode = fileDecoder;
      const cache = cacheOf(options, terminal);
      const pixels = training.viewPixels(model.spec, {
        normalisation: normalisationOf(bank),
      });
      const features = async (split: string) => {
        const items = dataset.items.filter((item) => item.split === split);
        const bar = terminal.progress(`embed ${split}`, items.length);
        let seen = 0;
        const set = await measuring.itemFeatures(context, items, {
          pixels,
          decode,
          signal,
          ...(cache === undefined ? {} : { cache }),
          onProgress(done) {
            bar.advance(done - seen);
            seen = done;
          },
        });
        bar.end();
        return set;
      };
      const N = classifier.bank.text.shape[0];
      const fitted = measuring.routed(core, classifier.bank.text.data, N, C, model.spec.embedDim, scaleOf(bank), bank.rho);
      const test = await features(options.split);
      const validation = options.split === "val" ? undefined : await features("val");
      const figures = measuring.evaluate({
        logits: fitted.logits(test.features, test.n),
        labels: test.labels,
        C,
        seed: 1,
        ...(validation === undefined || validation.n === 0
          ? {}
          : { validation: { logits: fitted.logits(validation.features, validation.n), labels: validation.labels } }),
      });
      const result = {
        dataset: dataset.name,
        split: options.split,
        images: test.n,
        classes: classifier.classes,
        model: model.digest,
        bank: classifier.bankDigest,
        device: encoder.capabilities.device,
        ...measuring.storedEvaluation(figures),
        notice: "Research use only, not a medical device.",
      };
      if (options.out !== undefined) await writeResult(resolve(cwd, options.out), `${JSON.stringify(result)}\n`);
      if (options.diagram !== undefined) {
        await writeResult(resolve(cwd, options.diagram), await reliabilityDiagram(dataset.name, figures.calibration, figures.calibrated));
      }
      if (options.json) await terminal.line(JSON.stringify(result));
      else {
        const share = (x: number) => `${(x * 100).toFixed(1)} %`;
        await terminal.line(`${dataset.name} ${options.split}, ${test.n} images`);
        await terminal.line(
          `accuracy           ${share(figures.accuracy)}  (95 %: ${share(figures.accuracyInterval.low)} – ${share(figures.accuracyInterval.high)})`,
        );
        await terminal.line(`balanced accuracy  ${share(figures.balancedAccuracy)}`);
        await terminal.line(`AUC                ${figures.auc.toFixed(4)}`);
        const after =
          figures.calibrated === undefined
            ? ""
            : `, ${figures.calibrated.ece.toFixed(3)} at temperature ${figures.temperature!.toFixed(2)}`;
        await terminal.line(`ECE                ${figures.calibration.ece.toFixed(3)}${after}`);
        await terminal.line(`Brier              ${figures.calibration.brier.toFixed(3)}`);
        for (const [c, recall] of figures.recall.entries())
          await terminal.line(`recall             ${share(recall).padStart(7)}  ${classifier.classes[c]}`);
      }
      return undefined;
    } finally {
      await runtime.close();
    }
  } finally {
    dataset.close();
  }
};
