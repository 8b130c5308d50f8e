// A data set opened for a sweep: said what it is, looked through for what it holds twice, closed with the others.

import type { Core } from "@biovlm/core";
import type { OpenedDataset } from "@biovlm/datasets";
import type { ItemImages, LeakWarning, TaskSource } from "@biovlm/evaluation";
import { checkLeaks } from "./leak-check.js";
import type { LearningOptions } from "./learning-options.js";
import { openSource } from "./learning-source.js";
import type { cacheOf } from "./learning-stores.js";
import { unreadableItems, withoutUnreadable } from "./readable-items.js";
import type { Terminal } from "./terminal.js";

/** What a data set holds twice, as it was found when the set was opened. */
export type SourceWarning = LeakWarning & { readonly dataset: string };

export interface OpenedSet {
  readonly dataset: OpenedDataset;
  /** of its contents; absent with `--twins off` */
  readonly digest?: string;
}

export interface CheckedSources {
  readonly open: (name: string) => Promise<TaskSource>;
  /** what was opened, by the name it was asked for by */
  readonly sets: ReadonlyMap<string, OpenedSet>;
  /** of every set opened so far */
  readonly warnings: SourceWarning[];
  close(): void;
}

interface Opening {
  readonly core: Pick<Core, "gemm" | "resizeBox">;
  readonly images: ItemImages;
  readonly cache: ReturnType<typeof cacheOf>;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly cwd: string;
}

/** Opens data sets as `openSource` does, with warnings and the ids of leaked images unless `--twins off`. */
export function checkedSources(
  options: Parameters<typeof openSource>[1] &
    Pick<LearningOptions, "twins"> &
    Partial<Pick<LearningOptions, "skipUnreadable">> & { readonly model: string },
  { core, images, cache, terminal, signal, cwd }: Opening,
): CheckedSources {
  const sets = new Map<string, OpenedSet>();
  const warnings: SourceWarning[] = [];
  return {
    warnings,
    sets,
    async open(name) {
      const whole = await openSource(name, options, options.model, cwd);
      sets.set(name, { dataset: whole.dataset });
      const { skipUnreadable = false } = options;
      const unreadable = await unreadableItems(whole.dataset.items, {
        images,
        dataset: whole.dataset.name,
        terminal,
        signal,
        skipUnreadable,
      });
      const readable = withoutUnreadable(whole.dataset.items, unreadable);
      const source = { ...whole, dataset: { ...whole.dataset, items: readable } };
      for (const note of source.notes) terminal.note(`${name}: ${note}`);
      if (options.twins === "off") return source;
      const { name: set, items } = source.dataset;
      const check = { core, open: (item: (typeof items)[number]) => images.open(set, item), cache, signal };
      const { leaked, twins, digest, warnings: found } = await checkLeaks(set, items, terminal, check);
      sets.set(name, { dataset: source.dataset, digest });
      warnings.push(...found.map((warning) => ({ dataset: name, ...warning })));
      return { ...source, leaked, twins, digest };
    },
    close() {
      for (const { dataset } of sets.values()) dataset.close();
    },
  };
}
