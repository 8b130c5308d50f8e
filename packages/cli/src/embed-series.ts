// Rows of `embed --volumes`: one a series, the mean of its slices' embeddings. A series that was embedded before is known by its content.

import { EngineError, encodedImages, type ImageSource, imageFailure, NO_ROW, type Runtime, type VolumeOrder } from "@biovlm/engine";
import type { RowJournal, RowName } from "@biovlm/engine/embeddings";
import type { ImageOptions } from "@biovlm/engine/options";
import { nth } from "@biovlm/files";
import { pixelSpec } from "@biovlm/model";
import { meanRow } from "@biovlm/model/backend";
import { volumeStack } from "./volume-stack.js";

/** What series are embedded with. */
export interface SeriesEmbedding {
  readonly runtime: Runtime;
  readonly options: ImageOptions & { readonly raw: boolean };
  readonly journal: Pick<RowJournal, "append">;
  readonly known: (sha256: string) => boolean;
  readonly signal: AbortSignal;
}

/** What became of a series, or of a file of none. */
export interface EmbeddedSeries {
  readonly file: string;
  readonly name?: RowName;
  readonly error?: ReturnType<typeof imageFailure>;
  readonly fresh: boolean;
  /** milliseconds */
  readonly spent: { decode: number; preprocess: number; encode: number };
}

/** Sources that are one row, in order: a series under its first slice, other files alone. */
export function seriesOf({ sources, places }: Pick<VolumeOrder, "sources" | "places">): (readonly ImageSource[])[] {
  const groups: ImageSource[][] = [];
  for (const [i, source] of sources.entries()) {
    const volume = places[i]?.volume;
    if (volume !== undefined && i > 0 && places[i - 1]?.volume === volume) nth(groups, groups.length - 1).push(source);
    else groups.push([source]);
  }
  return groups;
}

/** Embeds series by series, each row kept as it is done. A series with a slice that cannot be read has no row, and says why. */
export async function* embeddedSeries(
  groups: readonly (readonly ImageSource[])[],
  { runtime, options, journal, known, signal }: SeriesEmbedding,
): AsyncGenerator<EmbeddedSeries, void, undefined> {
  const { core, encoder, model } = runtime;
  const read = volumeStack(options);
  const pixels = pixelSpec(model.spec);
  const D = model.spec.embedDim;
  for (const group of groups) {
    signal.throwIfAborted();
    const file = nth(group, 0).name;
    const spent = { decode: 0, preprocess: 0, encode: 0 };
    try {
      const { sha256, count, picture } = await read(group);
      const name = { file, sha256 };
      if (known(sha256)) {
        yield { file, name, fresh: false, spent };
        continue;
      }
      const blocks: Float32Array[] = [];
      for (let from = 0; from < count; from += options.batch) {
        const rows: Uint8Array[] = [];
        for (let index = from; index < Math.min(count, from + options.batch); index++) {
          const clock = performance.now();
          const image = await picture(index);
          const decoded = performance.now();
          rows.push(core.resizeCrop(image, pixels.size));
          spent.decode += decoded - clock;
          spent.preprocess += performance.now() - decoded;
          signal.throwIfAborted();
        }
        const clock = performance.now();
        const { data, without } = await encodedImages(encoder, rows, pixels, { signal });
        spent.encode += performance.now() - clock;
        if (without.length > 0) throw new EngineError("bad_output", NO_ROW.message);
        blocks.push(...data.map((some) => (options.raw ? some : core.l2Normalize(some, some.length / D, D))));
      }
      const mean = meanRow(blocks, count);
      await journal.append([sha256], options.raw ? mean : core.l2Normalize(mean, 1, D));
      yield { file, name, fresh: true, spent };
    } catch (error) {
      signal.throwIfAborted();
      yield { file, error: imageFailure(error), fresh: false, spent };
    }
  }
}
