// `biovlm classify`: images in, routed predictions out.
// The work alone: what it is asked for by is classify.ts.

import { classifyImages } from "@biovlm/engine";
import { createClassifier } from "@biovlm/model";
import { checkClassOptions, chooseBank } from "../class-choice.js";
import { answerLines } from "../classification-text.js";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { findImageFiles } from "../image-files.js";
import { changeNote, fallbackNote, imageSources, openRuntime } from "../opening.js";
import { printable } from "../terminal.js";
import type { CLASSIFY_OPTIONS } from "./classify.js";

export const classifyFiles: CommandRun<typeof CLASSIFY_OPTIONS> = async ({ terminal, signal, cwd }, options, paths) => {
  if (options.json && options.jsonl) throw usageError("bad_usage", "--json and --jsonl — expected one of them, got both");
  checkClassOptions(options);
  const { files, failed, note: leftOut } = await findImageFiles(paths, cwd, signal);
  if (leftOut !== undefined) terminal.note(leftOut);
  const runtime = await openRuntime(options, cwd, (change) => terminal.warn(changeNote(change)));
  try {
    const note = fallbackNote(runtime);
    if (note !== undefined) terminal.warn(note);
    const { core, encoder, model } = runtime;
    const chosen = await chooseBank(options, runtime, cwd);
    const classifier = await createClassifier({
      core,
      encoder,
      model,
      bank: chosen.bank,
      ...(chosen.classes === undefined ? {} : { classes: chosen.classes }),
      ...(options.rho === undefined ? {} : { rho: options.rho }),
    });
    if (classifier.classes.length === 1) terminal.warn("one class: every answer is 100 %; name what else an image may show");
    const machine = options.json || options.jsonl;
    if (!machine) {
      const { device } = encoder.capabilities;
      terminal.note(`${model.name} on ${device} (${runtime.detail}), ${chosen.described}, ${counted(classifier.classes.length)}`);
    }
    const common = {
      model: { name: model.name, digest: model.digest },
      bank: { digest: classifier.bankDigest },
      device: encoder.capabilities.device,
      core: core.info.build,
    };
    const progress = terminal.progress("classify", files.length + failed.length);
    let bad = 0;
    let count = 0;
    const put = async (element: object) => {
      const text = JSON.stringify(element);
      if (options.jsonl) await terminal.line(text);
      else if (options.json) await terminal.write(`${count === 0 ? "[\n" : ",\n"}${text}`);
      count++;
    };
    for (const { name, error } of failed) {
      bad++;
      if (machine) await put({ file: name, error });
      else terminal.error(`${printable(name)}: error[${error.code}]: ${printable(error.message)}`);
      progress.advance();
    }
    const asked = { core, encoder, classifier, files: options, explain: options.explain, signal };
    for await (const result of classifyImages(imageSources(files, options), asked)) {
      const file = result.source.name;
      if ("error" in result) {
        bad++;
        const { sha256, error } = result;
        if (machine) await put({ file, ...(sha256 === undefined ? {} : { sha256 }), error });
        else terminal.error(`${printable(file)}: error[${error.code}]: ${printable(error.message)}`);
      } else if (machine) {
        const { sha256, answer, notes, timings } = result;
        for (const note of notes ?? []) terminal.warn(`${printable(file)}: ${note} (--range)`);
        await put({ file, sha256, ...answer, ...toldOf(result), ...common, timingsMs: rounded(timings) });
      } else {
        for (const note of result.notes ?? []) terminal.warn(`${printable(file)}: ${note} (--range)`);
        const lines = answerLines(file, result.answer, classifier.bank, {
          top: options.top,
          explain: options.explain,
          columns: terminal.columns,
          colors: terminal.out,
          ...(chosen.sentences === undefined ? {} : { sentences: chosen.sentences }),
          ...(result.dicom === undefined ? {} : { dicom: result.dicom }),
        });
        await terminal.line(lines.join("\n"));
      }
      progress.advance();
    }
    progress.end();
    if (options.json) await terminal.line(count === 0 ? "[]" : "\n]");
    const all = files.length + failed.length;
    return bad === 0 ? EXIT.ok : bad === all ? EXIT.failure : EXIT.partial;
  } finally {
    await runtime.close();
  }
};

/** What is told of the image beside its answer. */
function toldOf({ dicom, notes }: { readonly dicom?: object; readonly notes?: readonly string[] }): object {
  return { ...(dicom === undefined ? {} : { dicom }), ...(notes === undefined ? {} : { notes }) };
}

function counted(classes: number): string {
  return classes === 1 ? "1 class" : `${classes} classes`;
}

function rounded(timings: Readonly<Record<string, number>> | object): Record<string, number> {
  return Object.fromEntries(Object.entries(timings).map(([name, ms]) => [name, Math.round(ms * 1000) / 1000]));
}
