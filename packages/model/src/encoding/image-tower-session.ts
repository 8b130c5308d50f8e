// An image tower that is no ONNX model, as a session like the others: fed `pixels`, or `rgb` with `mean` and `std`, it gives `embedding`.

import { present } from "@biovlm/files";
import type { EncoderGraphs } from "../contract/encoder-graphs.js";
import { RGB_IO } from "../towers/rgb-input.js";
import type { TowerRuntime, TowerSession } from "./tower-runtime.js";

/** What opens the image tower of these graphs where the runtime does not: in int8 alone, for a tower whose weights can be had. */
export function imageTowersFor({ imageTowers }: TowerRuntime, graphs: EncoderGraphs): TowerRuntime["imageTowers"] {
  return graphs.precision === "int8" && graphs.imageWeights !== undefined ? imageTowers : undefined;
}

/** Opens it. Rejects as `towers.open` does. */
export async function imageTowerSession(
  { towers, threads }: Pick<NonNullable<TowerRuntime["imageTowers"]>, "towers" | "threads">,
  { imageWeights, spec }: EncoderGraphs,
): Promise<TowerSession> {
  const tower = await towers.open(present(imageWeights, "image weights")(), threads);
  const D = spec.embedDim;
  return {
    async run(feeds) {
      const read = async (name: string) => present(feeds[name], name).getData();
      const numbers = (name: string) => read(name) as Promise<Float32Array>;
      const data =
        RGB_IO.rgb in feeds
          ? await tower.runRgb((await read(RGB_IO.rgb)) as Uint8Array, await numbers(RGB_IO.mean), await numbers(RGB_IO.std))
          : await tower.runPixels(await numbers("pixels"));
      return { embedding: { dims: [data.length / D, D], getData: async () => data, dispose() {} } };
    },
    async release() {
      tower.close();
    },
  };
}
