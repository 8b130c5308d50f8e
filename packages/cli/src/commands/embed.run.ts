// `biovlm embed`: image embeddings of many files into one file, resumable: killed at any time, a second run goes on where it was.
// The work alone: what it is asked for by is embed.ts.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { withLock } from "@biovlm/files/node";
import { pixelSpec } from "@biovlm/model";
import type { CommandRun } from "../command.js";
import { type EmbeddingFile as EarlierRows, type EmbeddingFacts, EmbeddingFile, writeEmbeddings } from "../embeddings/embedding-file.js";
import { type RowJournal as Journal, RowJournal } from "../embeddings/row-journal.js";
import type { RowName } from "../embeddings/row-source.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { rowOptions } from "../image-classification.js";
import { findImageFiles } from "../image-files.js";
import { type ImageRow, imageRows } from "../image-rows.js";
import { fallbackNote, openRuntime } from "../opening.js";
import { printable } from "../terminal.js";
import type { EMBED_OPTIONS } from "./embed.js";

export const embedImages: CommandRun<typeof EMBED_OPTIONS> = async ({ terminal, signal, cwd }, options, paths) => {
  if (options.out === undefined || !/\.(safetensors|npy)$/.test(options.out)) {
    throw usageError("bad_usage", `--out — expected a file ending in .safetensors or .npy, got ${JSON.stringify(options.out ?? "none")}`);
  }
  const out = resolve(cwd, options.out);
  const { files, failed } = await findImageFiles(paths, cwd, signal);
  const runtime = await openRuntime(options, cwd);
  try {
    const note = fallbackNote(runtime);
    if (note !== undefined) terminal.warn(note);
    const { core, encoder, model } = runtime;
    const D = model.spec.embedDim;
    const { device, precision } = encoder.capabilities;
    const preprocess = `bicubic ${model.spec.vision.imageSize} centre crop, exif ${options.exif}`;
    const key = createHash("sha256")
      .update(JSON.stringify([model.digest, device, precision, preprocess, model.spec.mean, model.spec.std, options.raw]))
      .digest();
    const facts: EmbeddingFacts = {
      key: key.toString("hex"),
      D,
      model: { name: model.name, digest: model.digest },
      preprocess,
      normalized: !options.raw,
    };
    return await withLock(`${out}.lock`, work, {
      waitMs: Number.POSITIVE_INFINITY,
      signal,
      onWait: (holder) => terminal.note(`waiting: process ${holder?.pid ?? "unknown"} is writing ${printable(options.out!)}`),
    });

    async function work(stop: AbortSignal) {
      const before = await EmbeddingFile.open(out, facts);
      const journal = await RowJournal.open(`${out}.journal`, key, D);
      try {
        return await fill(before, journal, stop);
      } finally {
        await Promise.all([before?.close(), journal.close()]);
      }
    }

    async function fill(before: EarlierRows | undefined, journal: Journal, stop: AbortSignal) {
      const { rows: taken, otherKey } = journal.opened;
      if (otherKey) terminal.note("rows of another model or setting were dropped");
      if (taken > 0) terminal.note(`going on: ${taken} rows were embedded before`);
      const known = (sha256: string) => journal.has(sha256) || before?.has(sha256) === true;
      const names: RowName[] = [];
      const bad: { file: string; code: string; message: string }[] = failed.map(({ name, error }) => ({ file: name, ...error }));
      const spent = { decode: 0, preprocess: 0, encode: 0 };
      const started = performance.now();
      let fresh = 0;
      const progress = terminal.progress("embed", files.length);
      const length = 3 * model.spec.vision.imageSize ** 2;
      let batch: Extract<ImageRow, { kind: "pixels" }>[] = [];
      const flush = async () => {
        if (batch.length === 0) return;
        const pixels = new Float32Array(batch.length * length);
        for (const [i, row] of batch.entries()) pixels.set(row.pixels, i * length);
        const clock = performance.now();
        const { data } = await encoder.encodeImages(pixels, batch.length, { signal: stop });
        spent.encode += performance.now() - clock;
        await journal.append(
          batch.map((row) => row.sha256),
          options.raw ? data : core.l2Normalize(data, batch.length, D),
        );
        fresh += batch.length;
        batch = [];
      };
      for await (const row of imageRows(files, { ...rowOptions(runtime, pixelSpec(model.spec), options, stop), known })) {
        if (row.kind === "failed") bad.push({ file: row.file.name, ...row.error });
        else {
          names.push({ file: row.file.name, sha256: row.sha256 });
          spent.decode += row.timings.decode;
          spent.preprocess += row.timings.preprocess;
        }
        if (row.kind === "pixels") {
          batch.push(row);
          if (batch.length >= options.batch) await flush();
          progress.advance();
        } else progress.skip(1);
      }
      await flush();
      progress.end();
      for (const { file, code, message } of bad) terminal.error(`${printable(file)}: error[${code}]: ${printable(message)}`);
      const done = before?.holds(names) === true;
      if (!done) await writeEmbeddings(out, facts, names, (name) => (journal.has(name.sha256) ? journal : before!).read(name.sha256), stop);
      await journal.remove();
      const seconds = (performance.now() - started) / 1000;
      const summary = {
        out: options.out,
        rows: names.length,
        embedded: fresh,
        reused: names.length - fresh,
        failed: bad.length,
        seconds,
        device,
      };
      if (options.json) await terminal.line(JSON.stringify({ ...summary, failures: bad, spent }));
      else {
        const rate = fresh === 0 ? "" : `, ${(fresh / seconds).toFixed(1)} images/s`;
        terminal.note(
          done
            ? `${options.out} already holds these ${names.length} rows`
            : `${options.out}: ${names.length} rows of ${D} (${fresh} embedded now${rate})`,
        );
      }
      if (options.timings && fresh > 0) {
        const total = spent.decode + spent.preprocess + spent.encode;
        const share = (ms: number) => `${((100 * ms) / total).toFixed(0)} %`;
        terminal.note(`work: decode ${share(spent.decode)}, preprocess ${share(spent.preprocess)}, encode ${share(spent.encode)}`);
      }
      return bad.length === 0 ? EXIT.ok : names.length === 0 ? EXIT.failure : EXIT.partial;
    }
  } finally {
    await runtime.close();
  }
};
