// `biovlm embed`: image embeddings of many files into one file, resumable: killed at any time, a second run goes on where it was.
// The work alone: what it is asked for by is embed.ts.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import {
  encodedImages,
  fastImages,
  frameVariant,
  imageRows,
  leftOutFiles,
  NO_ROW,
  type PixelRow,
  type Runtime,
  rowPreparation,
  type VolumeOrder,
  volumeOrder,
} from "@biovlm/engine";
import { type EmbeddingFacts, EmbeddingFile, RowJournal, type RowName, writeEmbeddings } from "@biovlm/engine/embeddings";
import { counted, joinedFloats, nth } from "@biovlm/files";
import { withLock } from "@biovlm/files/node";
import { pixelSpec } from "@biovlm/model";
import { encodedBy } from "@biovlm/model/backend";
import type { CommandContext, CommandRun, OptionValues } from "../command.js";
import { embeddedSeries, seriesOf } from "../embed-series.js";
import { usageError } from "../errors.js";
import { EXIT, type ExitCode } from "../exit-codes.js";
import { type FailedPath, findImageFiles } from "../image-files.js";
import { fallbackNote, imageSources, openRuntime } from "../opening.js";
import { checkSlideOptions, type SourceGroup, TILES_AT_ONCE, tileGroups } from "../slide/embedded-tiles.js";
import { printable, type Terminal } from "../terminal.js";
import { EMBED_OPTIONS } from "./embed.js";

type Options = OptionValues<typeof EMBED_OPTIONS>;

/** Where images come from: groups that follow each other, and what could not be opened at all. */
interface Found {
  readonly groups: Iterable<SourceGroup> | AsyncIterable<SourceGroup>;
  readonly failed: readonly FailedPath[];
  /** by series, where those are embedded */
  readonly order?: VolumeOrder;
}

/** What is embedded, and what of it was there before. */
interface Work {
  readonly terminal: Terminal;
  readonly runtime: Runtime;
  readonly options: Options & { readonly out: string };
  readonly found: Found;
  readonly facts: EmbeddingFacts;
  readonly before: EmbeddingFile | undefined;
  readonly journal: RowJournal;
  readonly signal: AbortSignal;
}

/** What came of it. */
interface Embedded {
  readonly names: readonly RowName[];
  readonly bad: readonly { readonly file: string; readonly code: string; readonly message: string }[];
  /** rows computed now */
  readonly fresh: number;
  /** milliseconds */
  readonly spent: { readonly decode: number; readonly preprocess: number; readonly encode: number };
  /** who prepared them: "native png, jpeg", or why sharp did */
  readonly images: string;
}

export const embedImages: CommandRun<typeof EMBED_OPTIONS> = async (context, options, paths) => {
  const { terminal, signal, cwd } = context;
  const { out } = options;
  if (out === undefined || !/\.(safetensors|np[yz])$/.test(out)) {
    throw usageError("bad_usage", `--out — expected a file ending in .safetensors, .npz or .npy, got ${JSON.stringify(out ?? "none")}`);
  }
  const found = await foundIn(context, options, paths);
  const runtime = await openRuntime({ ...options, manyImages: true }, cwd);
  try {
    const note = fallbackNote(runtime);
    if (note !== undefined) terminal.warn(note);
    const path = resolve(cwd, out);
    return await withLock(`${path}.lock`, (stop) => embedInto(path, { context, runtime, options: { ...options, out }, found, stop }), {
      waitMs: Number.POSITIVE_INFINITY,
      signal,
      onWait: (holder) => terminal.note(`waiting: process ${holder?.pid ?? "unknown"} is writing ${printable(out)}`),
    });
  } finally {
    await runtime.close();
  }
};

/** @throws CliError `bad_usage`, `not_found`, `no_images` */
async function foundIn({ terminal, signal, cwd }: CommandContext, options: Options, paths: readonly string[]): Promise<Found> {
  const { exif, frame, plane, window, range } = EMBED_OPTIONS;
  const changed = (["exif", "frame", "plane", "window", "range"] as const).map(
    (name) => [name, options[name] !== { exif, frame, plane, window, range }[name].default] as const,
  );
  checkSlideOptions(options, { ...Object.fromEntries(changed), "ultrasound-region": options.ultrasoundRegion, volumes: options.volumes });
  if (options.slide) {
    const failed: FailedPath[] = [];
    return { failed, groups: tileGroups(paths, options, { cwd, signal, failed: (path) => failed.push(path) }) };
  }
  const { files, failed, note } = await findImageFiles(paths, cwd, signal);
  if (note !== undefined) terminal.note(note);
  const sources = imageSources(files, options);
  if (!options.volumes) return { failed, groups: [{ sources, count: files.length, unit: "images" }] };
  const order = await volumeOrder(sources, signal);
  if (order.volumeNote !== undefined) terminal.note(order.volumeNote);
  return { failed, groups: [], order };
}

interface Asked {
  readonly context: CommandContext;
  readonly runtime: Runtime;
  readonly options: Options & { readonly out: string };
  readonly found: Found;
  /** aborted when the lock is lost, too */
  readonly stop: AbortSignal;
}

/** Opens what is there, embeds what is not, writes the whole and says so. The lock is held. */
async function embedInto(path: string, { context: { terminal }, runtime, options, found, stop }: Asked): Promise<ExitCode> {
  const { key, facts } = factsOf(runtime, options);
  const before = await EmbeddingFile.open(path, facts);
  const journal = await RowJournal.open(`${path}.journal`, key, facts.D);
  try {
    const started = performance.now();
    const embedded = await embedRows({ terminal, runtime, options, found, facts, before, journal, signal: stop });
    const { names, bad } = embedded;
    for (const { file, code, message } of bad) terminal.error(`${printable(file)}: error[${code}]: ${printable(message)}`);
    const done = before?.holds(names) === true;
    const read = ({ sha256 }: RowName) => (journal.has(sha256) || before === undefined ? journal : before).read(sha256);
    if (!done) await writeEmbeddings(path, facts, names, read, stop);
    await journal.remove();
    await tell(terminal, options, embedded, {
      done,
      D: facts.D,
      seconds: (performance.now() - started) / 1000,
      runtime,
      order: found.order,
    });
    return bad.length === 0 ? EXIT.ok : names.length === 0 ? EXIT.failure : EXIT.partial;
  } finally {
    await Promise.all([before?.close(), journal.close()]);
  }
}

/** What decides a row, and its digest: rows of other facts are not taken over. */
function factsOf(
  { model, encoder }: Runtime,
  { exif, raw, frame, plane, window, range, ultrasoundRegion, volumes }: Options,
): { readonly key: Buffer; readonly facts: EmbeddingFacts } {
  const variant = frameVariant({ frame, plane, window, range, ultrasoundRegion });
  const preprocess = `bicubic ${model.spec.vision.imageSize} centre crop, exif ${exif}${variant === "" ? "" : `, ${variant}`}${volumes ? ", mean of slices" : ""}`;
  const key = createHash("sha256")
    .update(JSON.stringify([model.digest, encodedBy(encoder), preprocess, model.spec.mean, model.spec.std, raw]))
    .digest();
  const facts: EmbeddingFacts = {
    key: key.toString("hex"),
    D: model.spec.embedDim,
    model: { name: model.name, digest: model.digest },
    preprocess,
    normalized: !raw,
  };
  return { key, facts };
}

/** Batches on their way: encoded several at a time, kept in the journal in the order of their batches. */
interface Batches {
  /** Waits while as many batches as may be are with the encoder. */
  add(row: PixelRow): Promise<void>;
  /** Encodes what is short of a batch, and waits for all rows to be kept. */
  finish(): Promise<void>;
  /** Waits for what is with the encoder, whatever comes of it. */
  settled(): Promise<unknown>;
  /** rows kept; milliseconds of encoding; digests of images of which the device makes no numbers */
  readonly told: { fresh: number; encode: number; readonly without: Set<string> };
}

function batchesInto({
  runtime,
  options,
  facts,
  journal,
  signal,
}: Pick<Work, "runtime" | "options" | "facts" | "journal" | "signal">): Batches {
  const { core, encoder, model, lanes } = runtime;
  const atOnce = 2 * lanes;
  const told = { fresh: 0, encode: 0, without: new Set<string>() };
  const running: Promise<void>[] = [];
  let batch: PixelRow[] = [];
  let kept = Promise.resolve();
  const encoded = async (rows: readonly PixelRow[]) => {
    const clock = performance.now();
    const rgb = rows.map((row) => row.rgb);
    const { data: some, without } = await encodedImages(encoder, rgb, pixelSpec(model.spec), { signal });
    const data = joinedFloats(some);
    // of the batches under way this one's share
    told.encode += (performance.now() - clock) / atOnce;
    for (const place of without) told.without.add(nth(rows, place).sha256);
    const good = rows.filter((_, place) => !without.includes(place)).map(({ sha256 }) => sha256);
    return { good, data: options.raw || good.length === 0 ? data : core.l2Normalize(data, good.length, facts.D) };
  };
  const start = (rows: readonly PixelRow[]) => {
    const [coming, before] = [encoded(rows), kept];
    kept = (async () => {
      const [{ good, data }] = await Promise.all([coming, before]);
      if (good.length > 0) await journal.append(good, data);
      told.fresh += good.length;
    })();
    // one that fails is met in its turn
    kept.catch(() => {});
    running.push(kept);
  };
  return {
    told,
    async add(row) {
      batch.push(row);
      if (batch.length < options.batch) return;
      start(batch);
      batch = [];
      if (running.length >= atOnce) await running.shift();
    },
    async finish() {
      if (batch.length > 0) start(batch);
      batch = [];
      await kept;
    },
    settled: () => Promise.allSettled([kept, ...running]),
  };
}

/** Embeds the files that neither the journal nor the output has, a batch at a time, each batch kept at once. */
async function embedRows(work: Work): Promise<Embedded> {
  const { terminal, runtime, options, found, before, journal, signal } = work;
  const { rows: taken, otherKey } = journal.opened;
  if (otherKey) terminal.note("rows of another model or setting were dropped");
  if (taken > 0) terminal.note(`going on: ${counted(taken, "row was", "rows were")} embedded before`);
  const { core, model } = runtime;
  const names: RowName[] = [];
  const bad: { file: string; code: string; message: string }[] = [];
  const spent = { decode: 0, preprocess: 0 };
  const batches = batchesInto(work);
  const known = (sha256: string) => journal.has(sha256) || before?.has(sha256) === true;
  if (found.order !== undefined) {
    const groups = seriesOf(found.order);
    const progress = terminal.progress("embed", groups.length, "series");
    for (const { name, error } of found.failed) bad.push({ file: name, ...error });
    const total = { ...spent, encode: 0 };
    let embedded = 0;
    for await (const one of embeddedSeries(groups, { runtime, options, journal, known, signal })) {
      if (one.error !== undefined) bad.push({ file: one.file, ...one.error });
      if (one.name !== undefined) names.push(one.name);
      if (one.fresh) embedded++;
      for (const part of ["decode", "preprocess", "encode"] as const) total[part] += one.spent[part];
      if (one.fresh) progress.advance();
      else progress.skip(1);
    }
    progress.end();
    return { names, bad, fresh: embedded, spent: total, images: "sharp and own readers" };
  }
  const { prepare: fast, detail } = await fastImages();
  const images = fast === undefined ? `sharp (${detail})` : detail;
  const prepared = rowPreparation(core, pixelSpec(model.spec), options);
  const preparation = { ...prepared, fast, ...(options.slide ? { concurrency: TILES_AT_ONCE } : {}) };
  try {
    for await (const { sources, count, unit } of found.groups) {
      const progress = terminal.progress("embed", count, unit);
      for await (const row of imageRows(sources, { ...preparation, signal, known })) {
        if (row.kind === "failed") bad.push({ file: row.source.name, ...row.error });
        else {
          names.push({ file: row.source.name, sha256: row.sha256 });
          spent.decode += row.timings.decode;
          spent.preprocess += row.timings.preprocess;
        }
        if (row.kind === "pixels") {
          await batches.add(row);
          progress.advance();
        } else progress.skip(1);
      }
      await batches.finish();
      progress.end();
    }
  } finally {
    await batches.settled();
  }
  // those that could not be opened come first, as they always did
  const all = [...found.failed.map(({ name, error }) => ({ file: name, ...error })), ...bad];
  const { fresh, encode, without } = batches.told;
  for (const { file, sha256 } of names) if (without.has(sha256)) all.push({ file, ...NO_ROW });
  return { names: names.filter(({ sha256 }) => !without.has(sha256)), bad: all, fresh, spent: { ...spent, encode }, images };
}

interface Told {
  readonly done: boolean;
  readonly D: number;
  readonly seconds: number;
  readonly runtime: Runtime;
  readonly order: VolumeOrder | undefined;
}

async function tell(
  terminal: Terminal,
  options: Work["options"],
  { names, bad, fresh, spent, images }: Embedded,
  { done, D, seconds, runtime, order }: Told,
) {
  const { out } = options;
  const { device } = runtime.encoder.capabilities;
  const imageTower = runtime.imageTower();
  const rows = names.length;
  if (options.json) {
    const summary = {
      out,
      rows,
      embedded: fresh,
      reused: rows - fresh,
      failed: bad.length,
      seconds,
      device,
      ...(imageTower === undefined ? {} : { imageTower }),
      failures: bad,
      images,
      spentMs: spent,
      ...(order === undefined ? {} : { leftOut: leftOutFiles(order) }),
    };
    await terminal.line(JSON.stringify(summary));
  } else if (done) terminal.note(`${out} already holds ${rows === 1 ? "this row" : `these ${rows} rows`}`);
  else {
    const rate = fresh === 0 ? "" : `, ${(fresh / seconds).toFixed(1)} images/s`;
    terminal.note(`${out}: ${counted(rows, "row")} of ${D} (${fresh} embedded now${rate})`);
  }
  if (!options.timings || fresh === 0) return;
  const total = spent.decode + spent.preprocess + spent.encode;
  const share = (ms: number) => `${((100 * ms) / total).toFixed(0)} %`;
  terminal.note(
    `work: decode ${share(spent.decode)}, preprocess ${share(spent.preprocess)}, encode ${share(spent.encode)}; images by ${images}${imageTower === undefined ? "" : `; int8 image tower: ${imageTower}`}`,
  );
}
