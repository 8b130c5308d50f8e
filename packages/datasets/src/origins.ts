// Files of one patient, study or series stand on one side of a drawn split: their groups are joined before it is drawn. How a file says where it
// comes from is handed in; what it says is compared here and not kept.

import { counted, inOrder } from "@biovlm/files";
import type { DatasetItem } from "./dataset.js";
import { type HeadReader, readWhereItApplies } from "./head-reader.js";
import { joinByKeys } from "./joined-groups.js";

/** Where a file comes from: texts that are equal where the origin is. Digests: what they were made of must not be told by them. */
export interface FileOrigin {
  readonly patient?: string;
  readonly study?: string;
  readonly series?: string;
}

/** Reads where files come from, e.g. `dicomOrigins` of @biovlm/imaging. */
export type OriginReader = HeadReader<FileOrigin>;

/** Files whose origins are read at once. */
const AT_ONCE = 4;
const RANKS = ["patient", "study", "series"] as const;

/**
 * The items in their order; files of one patient, study or series, and whoever shares a group with one of them, get one group key.
 * Where all items name one patient, the name says nothing (an anonymised set) and studies take its place; series where there is one study.
 */
export async function joinByOrigin(
  items: readonly DatasetItem[],
  reader: OriginReader,
): Promise<{ readonly items: DatasetItem[]; readonly notes: readonly string[] }> {
  const origins: (FileOrigin | undefined)[] = [];
  for await (const origin of inOrder(items, AT_ONCE, (item) => readWhereItApplies(item, reader))) origins.push(origin);
  const known = origins.filter((origin) => origin !== undefined);
  if (known.length === 0) return { items: [...items], notes: [] };
  const count = (rank: (typeof RANKS)[number]) => new Set(known.flatMap((origin) => origin[rank] ?? [])).size;
  const everyone = (rank: (typeof RANKS)[number]) =>
    items.length > 1 && count(rank) === 1 && origins.every((origin) => origin?.[rank] !== undefined);
  const from = everyone("patient") ? (everyone("study") ? 2 : 1) : 0;
  const ranks = RANKS.slice(from);
  const keys = origins.map((origin) => (origin === undefined ? [] : ranks.flatMap((rank) => origin[rank] ?? [])));
  const joined = joinByKeys(items, keys);
  const groups = new Set(joined.flatMap((item, i) => (origins[i] === undefined ? [] : [item.group ?? `\0${item.id}`]))).size;
  const by = from === 0 ? "patient" : from === 1 ? "study: all name one patient" : "series: all name one patient and one study";
  const several = seriesOfSeveralLabels(items, origins);
  return {
    items: joined,
    notes: [
      `${counted(known.length, "DICOM file is", "DICOM files are")} grouped by ${by}: ${counted(groups, "group")}`,
      ...(several === 0
        ? []
        : [`${counted(several, "series has", "series have")} slices under more than one class: check that this is meant`]),
    ],
  };
}

function seriesOfSeveralLabels(items: readonly DatasetItem[], origins: readonly (FileOrigin | undefined)[]): number {
  const labels = new Map<string, Set<number>>();
  for (const [i, { label }] of items.entries()) {
    const series = origins[i]?.series;
    if (series !== undefined) labels.set(series, (labels.get(series) ?? new Set()).add(label));
  }
  return [...labels.values()].filter((of) => of.size > 1).length;
}
