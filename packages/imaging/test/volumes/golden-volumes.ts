// The volumes of tools/goldens/data/volumes.json, and what nibabel and pynrrd read from them.

import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";

export const PLANES = ["axial", "coronal", "sagittal"] as const;

interface Row {
  readonly name: string;
  readonly bytes: string;
  readonly planes: Readonly<
    Record<(typeof PLANES)[number], { readonly size: readonly [number, number, number]; readonly minMax: string; readonly window: string }>
  >;
}

const file = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as {
  readonly window: [number, number];
  readonly rows: readonly Row[];
};

export const WINDOW = { center: file.window[0], width: file.window[1] };

export const VOLUMES = file.rows.map(({ bytes, ...row }) => ({ ...row, bytes: new Uint8Array(Buffer.from(bytes, "base64")) }));

/** Bytes of one volume, a copy. */
export function volume(name: string): Uint8Array {
  const found = VOLUMES.find((row) => row.name === name);
  if (found === undefined) throw new Error(`no volume ${name}`);
  return found.bytes.slice();
}
