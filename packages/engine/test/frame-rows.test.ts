// Rows of a file's frames: every one or every K-th, decoded when they are asked for and no earlier; and what their answers say together.

import { type Core, loadCore } from "@biovlm/core";
import { sharpDecoder } from "@biovlm/imaging/node";
import { cases, madeCine, soak } from "@biovlm/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import { rowPreparation } from "../src/images/classified-images.js";
import { frameStep } from "../src/images/decode-options.js";
import { frameRows } from "../src/images/frame-rows.js";
import type { ImageRow } from "../src/images/image-rows.js";
import { bytesSource } from "../src/images/index.js";
import { MeanAnswer } from "../src/images/mean-answer.js";
import { AS_THEY_COME, greyPng } from "./toy-encoder.js";

const spec = { size: 8, mean: [0, 0, 0], std: [1, 1, 1] } as const;
const limits = { ...AS_THEY_COME, maxImageBytes: 64_000_000, maxPixels: 4_000_000 };
let core: Core;
beforeAll(async () => {
  core = await loadCore();
});
const preparation = () => ({ ...rowPreparation(core, spec, limits), concurrency: 3 });
const told = (row: ImageRow) =>
  row.kind === "pixels" ? [row.source.name, row.dicom?.frame, row.rgb[0] ?? 0] : [row.source.name, row.kind];

describe("rows of frames", () => {
  it("come file by file, frame by frame; an image without frames and a file that cannot be read are a row each", async () => {
    const sources = [
      bytesSource("cine", madeCine([10, 20, 30, 40, 50], 16)),
      bytesSource("png", await greyPng(99)),
      bytesSource("bad", new Uint8Array([1, 2, 3])),
      bytesSource("short", madeCine([60, 70], 16)),
    ];
    const rows = async (step: number) => {
      const list: unknown[] = [];
      for await (const row of frameRows(sources, step, preparation())) list.push(told(row));
      return list;
    };
    const between = [
      ["png", undefined, 99],
      ["bad", "failed"],
    ];
    const all = [10, 20, 30, 40, 50].map((grey, i) => ["cine", i + 1, grey]);
    expect(await rows(1)).toEqual([...all, ...between, ["short", 1, 60], ["short", 2, 70]]);
    expect(await rows(2)).toEqual([all[0], all[2], all[4], ...between, ["short", 1, 60]]);
  });

  it("a frame that cannot be read is a row with its number; the others stand", async () => {
    const bytes = madeCine([10, 20, 30], 16);
    // the second frame's RLE says that it has 200 segments
    const at = Buffer.from(bytes).indexOf(Buffer.from([1, 0, 0, 0, 64, 0, 0, 0]), Buffer.from(bytes).indexOf(Buffer.from([129, 10])));
    bytes[at] = 200;
    const rows: ImageRow[] = [];
    for await (const row of frameRows([bytesSource("cine", bytes)], 1, preparation())) rows.push(row);
    expect(rows.map(({ kind }) => kind)).toEqual(["pixels", "failed", "pixels"]);
    expect(rows[1]).toMatchObject({ frame: 2, error: { code: "corrupt_image" } });
  });

  it(
    "of a long cine are decoded one at a time, when they are asked for, and memory stays flat",
    async () => {
      const frames = cases(500);
      const cine = madeCine(
        Array.from({ length: frames }, (_, i) => i % 256),
        1024,
      );
      const real = sharpDecoder();
      let [decoded, ahead, within, read] = [0, 0, 0, 0];
      const decoder: typeof real = {
        ...real,
        async open(bytes, options) {
          const stack = await real.open(bytes, options);
          const frame: typeof stack.frame = async (index, how) => {
            decoded++;
            ahead = Math.max(ahead, decoded - read);
            within++;
            expect(within).toBe(1);
            const image = await stack.frame(index, how);
            within--;
            return image;
          };
          return { ...stack, frame };
        },
      };
      let most = 0;
      const before = process.memoryUsage().rss;
      for await (const row of frameRows([bytesSource("cine", cine)], 1, { ...preparation(), decoder })) {
        expect(told(row)).toEqual(["cine", read + 1, read % 256]);
        read++;
        most = Math.max(most, process.memoryUsage().rss - before);
      }
      expect([read, ahead]).toEqual([frames, 1]);
      // a frame takes 4 MB in all; held, they would be 200 MB, 2 GB under soak
      if (soak) console.log(`${frames} frames of 1024²: the process grew by at most ${(most / 2 ** 20).toFixed(0)} MiB`);
      expect(most).toBeLessThan(frames <= 50 ? frames * 4 * 2 ** 20 : 400 * 2 ** 20);
    },
    soak ? 1_800_000 : undefined,
  );

  it("are asked for by all and every=K", () => {
    expect(["all", "every=1", "every=7", "middle", "3"].map(frameStep)).toEqual([1, 1, 7, undefined, undefined]);
    for (const bad of ["every=0", "every=-1", "every=x", "alle"]) {
      expect(frameStep(bad)).toBeUndefined();
      expect(() => rowPreparation(core, spec, { ...limits, frame: bad })).toThrow(expect.objectContaining({ code: "bad_option" }));
    }
  });
});

describe("answers together", () => {
  it("are the mean, and the surest are named, the surest first", () => {
    const mean = new MeanAnswer({ classes: ["a", "b"], most: 2 });
    expect(mean.together()).toBeUndefined();
    const answer = (a: number) => [
      { class: a >= 0.5 ? "a" : "b", probability: Math.max(a, 1 - a) },
      { class: a >= 0.5 ? "b" : "a", probability: Math.min(a, 1 - a) },
    ];
    for (const [i, a] of [0.5, 0.25, 0.0, 0.25].entries()) mean.add(i + 1, answer(a));
    expect(mean.together()).toEqual({
      predictions: [
        { class: "b", probability: 0.75 },
        { class: "a", probability: 0.25 },
      ],
      answers: 4,
      surest: [
        { at: 3, class: "b", probability: 1 },
        { at: 2, class: "b", probability: 0.75 },
      ],
    });
  });
});
