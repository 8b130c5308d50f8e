// `biovlm sweep`: data sets × shots × seeds × methods in one setting, resumable, as JSON, CSV and Markdown.

import { join, resolve } from "node:path";
import type { Method } from "@biovlm/evaluation";
import { suggest } from "@biovlm/files";
import { defineCommand } from "../command.js";
import { usageError } from "../errors.js";
import { cacheOf, fileDecoder, LEARNING_OPTIONS, openSource, recipeOf, settingsOf, viewsOf } from "../learning-options.js";
import { openRuntime, RUNTIME_OPTIONS } from "../opening.js";

export const sweep = defineCommand({
  name: "sweep",
  summary: "compare methods over data sets, shots and seeds",
  description: [
    "Every cell (data set, shots, seed, method) is kept in the output folder as it ends; the same command goes on where it was stopped. Writes results.json, results.csv and results.md.",
    "--variant adds the recipe with options changed as a further method: --variant klDivisor=BNC,cosineAxis=class. With --test-on val nothing looks at the test split: that is how options are settled.",
  ],
  aboutImages: true,
  arguments: [{ name: "dataset", description: "data sets or folders", many: true, completes: "folder" }],
  options: {
    out: { type: "text", value: "DIR", completes: "folder", default: "sweep", description: "folder for cells and reports" },
    setting: { type: "choice", choices: ["few-shot", "base-to-new", "cross-dataset"], default: "few-shot", description: "what is asked" },
    method: { type: "text", many: true, value: "NAME", description: "methods; all when absent" },
    variant: { type: "text", many: true, value: "NAME=VALUE,…", description: "the recipe with options changed, as a further method" },
    shots: { type: "text", value: "LIST", default: "16", description: "images of each class, e.g. 1,2,4,8,16" },
    seeds: { type: "text", value: "LIST", default: "1,2,3", description: "seeds, e.g. 1,2,3" },
    testOn: { type: "choice", choices: ["test", "val"], default: "test", description: "split to measure on" },
    json: { type: "flag", description: "print all cells as JSON" },
    ...LEARNING_OPTIONS,
    ...RUNTIME_OPTIONS,
  },
  examples: [
    { command: "biovlm sweep breastmnist retinamnist --shots 1,4,16 --out sweep", shows: "all methods, three seeds" },
    { command: "biovlm sweep busi --method biovlm --variant rho=1 --test-on val", shows: "two recipes on validation" },
  ],
  async run({ terminal, signal, cwd }, options, names) {
    const [training, measuring] = await Promise.all([import("@biovlm/training"), import("@biovlm/evaluation")]);
    const list = (text: string, what: string) =>
      text.split(",").map((part) => {
        const value = Number(part);
        if (!/^\d{1,9}$/.test(part.trim()))
          throw usageError("bad_value", `--${what} — expected whole numbers with commas, got ${JSON.stringify(text)}`);
        return value;
      });
    const known = measuring.METHODS.map((m) => m.name);
    const methods: Method[] = [];
    for (const name of options.method.length > 0 ? options.method : options.variant.length > 0 ? [] : known) {
      const method = measuring.methodNamed(name);
      if (method === undefined) throw usageError("unknown_method", `no method ${JSON.stringify(name)}`, suggest(name, known));
      methods.push(method);
    }
    const base = await recipeOf(options);
    for (const text of options.variant) {
      methods.push(
        measuring.promptMethod(
          text,
          `${options.recipe} with ${text}`,
          training.recipeWith(base, settingsOf(text.split(","))),
          "attributes",
        ),
      );
    }
    const runtime = await openRuntime({ ...options, deterministic: true }, cwd);
    const opened: { close(): void }[] = [];
    try {
      const { core, encoder, model } = runtime;
      const [{ fileStore }, { writeResult }] = await Promise.all([import("@biovlm/files/node"), import("../result-file.js")]);
      const out = resolve(cwd, options.out);
      const cache = await cacheOf(options, terminal);
      let bar: ReturnType<typeof terminal.progress> | undefined;
      const cells = await measuring.sweep(
        { core, encoder, model },
        {
          setting: options.setting as "few-shot",
          datasets: names,
          shots: list(options.shots, "shots"),
          seeds: list(options.seeds, "seeds"),
          methods,
          testOn: options.testOn as "test" | "val",
        },
        {
          decode: await fileDecoder(),
          views: viewsOf(options),
          ...(cache === undefined ? {} : { cache }),
          cells: fileStore(out),
          signal,
          async open(name) {
            const source = await openSource(name, options, options.model, cwd);
            opened.push(source.dataset);
            for (const note of source.notes) terminal.note(`${name}: ${note}`);
            return source;
          },
          onCell(cell, { total, resumed }) {
            bar ??= terminal.progress("sweep", total, "cells");
            if (resumed) bar.skip(1);
            else bar.advance();
            bar.label(`${cell.dataset} ${cell.shots} shots, seed ${cell.seed}, ${cell.method}`);
          },
          onRefused: (reason) => terminal.warn(reason.replace(/^\[[^\]]*\] /, "")),
        },
      );
      bar?.end();
      const main = methods.some((m) => m.name === "biovlm") ? "biovlm" : methods[0]!.name;
      const report = measuring.markdownReport(cells, main);
      await writeResult(join(out, "results.json"), `${JSON.stringify(cells)}\n`);
      await writeResult(join(out, "results.csv"), measuring.csvReport(cells));
      await writeResult(join(out, "results.md"), report);
      if (options.json) await terminal.line(JSON.stringify(cells));
      else await terminal.write(report);
      return undefined;
    } finally {
      for (const dataset of opened) dataset.close();
      await runtime.close();
    }
  },
});
