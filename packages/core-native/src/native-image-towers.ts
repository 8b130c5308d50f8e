// Image towers in int8 by the compiled binding, on threads of its own: a value that a backend of @biovlm/model takes. It computes nothing itself.

import { bindingAt, libraryPath, type NativeTower } from "./binding.js";

/** An opened tower. Calls may overlap; what goes in stays unchanged until the call has settled. */
export interface NativeImageTower {
  /** bytes [B,S,S,3], mean [3], std [3] → embeddings [B,D] of core's normalised pixels */
  runRgb(rgb: Uint8Array, mean: Float32Array, std: Float32Array): Promise<Float32Array>;
  /** pixels [B,3,S,S] → embeddings [B,D], not normalised */
  runPixels(pixels: Float32Array): Promise<Float32Array>;
  /** Lets its memory go. */
  close(): void;
}

/** A way to open image towers; the ImageTowers of @biovlm/model/backend. */
export interface NativeImageTowers {
  /** "native (avx512-vnni)" */
  readonly name: string;
  /** names the bits of its embeddings: the same on every processor that serves it, for any batch and number of threads */
  readonly bits: string;
  /**
   * Rounds and packs the weights on another thread; they are not kept.
   * @param threads that its calls share, from 1; they end with it
   * @param tower.sizes image side, patch side, width, layers, heads, mlp width, embedding width
   * @param tower.weights float32, in the order and shapes of imageTowerShapes
   */
  open(tower: { readonly sizes: readonly number[]; readonly weights: readonly Float32Array[] }, threads: number): Promise<NativeImageTower>;
}

/** The way, or why there is none here. */
export type NativeImageTowersFound =
  | { readonly towers: NativeImageTowers; readonly reason?: never }
  | { readonly towers?: never; readonly reason: string };

/** Raised where the binding's embeddings change in any bit. */
const BITS = "native-int8/1";

/**
 * The image towers that were built for this machine. It never throws: where there are none, or this processor does not serve them, `reason` says
 * why, and onnxruntime serves. `BIOVLM_NATIVE=off` in `env` leaves them out.
 *
 *     const { towers, reason } = nativeImageTowers();
 */
export function nativeImageTowers(
  path: string = libraryPath(),
  env: Readonly<Record<string, string | undefined>> = process.env,
): NativeImageTowersFound {
  const { binding, reason } = bindingAt(path, env);
  if (binding === undefined) return { reason };
  const { imageTowerLevel, openImageTower } = binding;
  if (imageTowerLevel === undefined || openImageTower === undefined) return { reason: "the native build has no image tower" };
  const level = imageTowerLevel();
  if (level === null) return { reason: "this processor has no AVX-512 VNNI" };
  return {
    towers: {
      name: `native (${level})`,
      bits: BITS,
      open: async ({ sizes, weights }, threads) => opened(await refusable(() => openImageTower([...sizes], [...weights], threads))),
    },
  };
}

function opened(tower: NativeTower): NativeImageTower {
  let held: NativeTower | undefined = tower;
  const running = async (run: (open: NativeTower) => Promise<Float32Array>) => {
    const open = held;
    if (open === undefined) throw new Error("native image tower — expected an open one, got one that was closed.");
    return refusable(() => run(open));
  };
  return {
    runRgb: (rgb, mean, std) => running((open) => open.runRgb(rgb, mean, std)),
    runPixels: (pixels) => running((open) => open.runPixels(pixels)),
    close() {
      held = undefined;
    },
  };
}

/** A refusal of the binding says how to do without it. */
async function refusable<T>(asked: () => Promise<T>): Promise<T> {
  try {
    return await asked();
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/[\s.]+$/, "");
    throw new Error(`native image tower: ${reason}. BIOVLM_NATIVE=off leaves it out`, { cause });
  }
}
