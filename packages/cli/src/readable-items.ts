// Whether images of a data set can be read, asked of all of them before anything is learned or measured: every bad one is named, not the first.

import type { DatasetItem } from "@biovlm/datasets";
import { imageFailure } from "@biovlm/engine";
import type { ItemImages } from "@biovlm/evaluation";
import { inOrder } from "@biovlm/files";
import { CliError } from "./errors.js";
import { EXIT } from "./exit-codes.js";
import { printable, type Terminal } from "./terminal.js";

/** Files opened at once. */
const AT_ONCE = 4;

/** What the check is made with. */
export interface ReadableCheck {
  readonly images: ItemImages;
  /** the set's name */
  readonly dataset: string;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly skipUnreadable: boolean;
}

/** The items without the files that cannot be read; a series keeps its other slices, and goes where it has none. */
export function withoutUnreadable(items: readonly DatasetItem[], unreadable: ReadonlySet<string>): DatasetItem[] {
  if (unreadable.size === 0) return [...items];
  return items.flatMap((item) => {
    if (item.slices === undefined) return unreadable.has(item.id) ? [] : [item];
    const slices = item.slices.filter(({ id }) => !unreadable.has(id));
    const middle = slices[Math.floor(slices.length / 2)];
    return middle === undefined ? [] : [{ ...item, slices, open: () => middle.open() }];
  });
}

/**
 * Opens every item and reads its header, within the limits; names those that cannot be read on stderr.
 * @returns ids of items that cannot be read and are to be left out; none unless `skipUnreadable`
 * @throws CliError `unreadable_images` where there are such items and they are not to be left out
 */
export async function unreadableItems(items: readonly DatasetItem[], check: ReadableCheck): Promise<ReadonlySet<string>> {
  const { images, dataset, terminal, signal, skipUnreadable } = check;
  const bad = new Set<string>();
  const files = items.flatMap((item) => item.slices ?? [item]);
  const opened = inOrder(
    files,
    AT_ONCE,
    async (item) => {
      const failure = await images.open(dataset, item).then(() => undefined, imageFailure);
      signal.throwIfAborted();
      return { id: item.id, failure };
    },
    signal,
  );
  for await (const { id, failure } of opened) {
    if (failure === undefined || bad.has(id)) continue;
    bad.add(id);
    const line = `${printable(id)}: ${skipUnreadable ? "left out" : "error"}[${failure.code}]: ${printable(failure.message)}`;
    if (skipUnreadable) terminal.warn(line);
    else terminal.error(line);
  }
  if (bad.size === 0 || skipUnreadable) return bad;
  throw new CliError(
    "unreadable_images",
    EXIT.failure,
    `images — expected all ${files.length} to be readable, got ${bad.size} that are not, each named above`,
    { remedy: "Mend or remove them, or leave them out: --skip-unreadable." },
  );
}
