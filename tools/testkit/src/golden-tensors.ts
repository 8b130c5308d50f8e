// Reads a committed golden .safetensors file into typed arrays: trusted input, so the shortest reader that works.
import { readFileSync } from "node:fs";
import { golden } from "./locations.js";

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

/** Every tensor of tools/goldens/data/NAME by name. */
export function goldenTensors(name: string): ReadonlyMap<string, GoldenTensor> {
  const file = readFileSync(golden(name));
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, GoldenTensor>();
  for (const [key, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    const bytes = new Uint8Array(file.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1])).slice().buffer;
    const make = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U8: Uint8Array }[dtype];
    if (make === undefined) throw new Error(`golden ${name}: tensor ${key} has dtype ${dtype}, which the goldens do not use`);
    tensors.set(key, { shape, data: new make(bytes) });
  }
  return tensors;
}
