// Images of equal content stand on one side of a drawn split: their groups are joined before it is drawn. Files of a size that no other file
// has are not read; near-twins (re-encoded, resized, mirrored) are not this file's matter but @biovlm/evaluation's.

import { counted, inOrder } from "@biovlm/files";
import type { DatasetItem, ItemContent } from "./dataset.js";
import { joinByKeys } from "./joined-groups.js";
import { drawSplit, type SplitShares } from "./splits.js";

/** Items whose contents are hashed at once. */
const AT_ONCE = 8;

/** A drawn split of items, and what is to be said about equal contents. */
export interface ContentSplit {
  readonly items: DatasetItem[];
  readonly notes: readonly string[];
}

/** `drawSplit` with images of equal content on one side, whatever their names, labels and groups. An item that does not open stands for itself. */
export async function drawSplitByContent(items: readonly DatasetItem[], shares: SplitShares, seed: number): Promise<ContentSplit> {
  const { joined, copies } = await joinEqualContent(items);
  const notes =
    copies === 0
      ? []
      : [`${counted(copies, "image is", "images are")} another one again, byte for byte: each stands on the side of its first`];
  return { items: drawSplit(joined, shares, seed), notes };
}

/**
 * The items in their order; those of equal content, and whoever shares a group with one of them, get one group key.
 * `copies` counts the images whose content an earlier one has.
 */
export async function joinEqualContent(
  items: readonly DatasetItem[],
): Promise<{ readonly joined: DatasetItem[]; readonly copies: number }> {
  const candidates = await alikeInSize(items);
  const digests = new Map<DatasetItem, string>();
  const seen = new Set<string>();
  let at = 0;
  for await (const digest of inOrder(candidates, AT_ONCE, digestOf)) {
    const item = candidates[at++];
    if (item === undefined || digest === undefined) continue;
    digests.set(item, digest);
    seen.add(digest);
  }
  const keys = items.map((item) => [digests.get(item) ?? []].flat());
  return { joined: joinByKeys(items, keys), copies: digests.size - seen.size };
}

/** Items that may equal another: those whose size is not known, and those whose size another one has. */
async function alikeInSize(items: readonly DatasetItem[]): Promise<DatasetItem[]> {
  const sizes: (number | undefined)[] = [];
  for await (const size of inOrder(items, AT_ONCE, async (item) => item.size?.())) sizes.push(size);
  const count = new Map<number | undefined, number>();
  for (const size of sizes) count.set(size, (count.get(size) ?? 0) + 1);
  return items.filter((_, i) => sizes[i] === undefined || (count.get(sizes[i]) ?? 0) > 1);
}

async function digestOf(item: DatasetItem): Promise<string | undefined> {
  try {
    const hash = await crypto.subtle.digest("SHA-256", bytesOf(await item.open()));
    return String.fromCharCode(...new Uint16Array(hash));
  } catch {
    return undefined; // said where the image is used
  }
}

function bytesOf(content: ItemContent): Uint8Array<ArrayBuffer> {
  if (content.kind === "file") return content.bytes as Uint8Array<ArrayBuffer>;
  const head = new TextEncoder().encode(`${content.width} ${content.height} ${content.channels}\n`);
  const out = new Uint8Array(head.length + content.data.length);
  out.set(head);
  out.set(content.data, head.length);
  return out;
}
