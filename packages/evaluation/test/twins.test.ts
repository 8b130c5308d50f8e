// Near-twins: every pair that plain loops find, and no other; planted ones (re-encoded, resized, mirrored) among strangers; what real sets hold.

import { loadCore, type RgbImage } from "@biovlm/core";
import { openDataset } from "@biovlm/datasets/node";
import { imageReader, itemSource } from "@biovlm/engine/images";
import { memoryStore } from "@biovlm/files";
import { decodeImage } from "@biovlm/imaging/node";
import { cases, skipUnlessShared, soak } from "@biovlm/testkit";
import { randomStream } from "@biovlm/training/loop";
import sharp from "sharp";
import { describe, expect, it, vi } from "vitest";
import { comparedImages } from "../src/twins/compared-images.js";
import { findLeaks, leakWarnings } from "../src/twins/leaks.js";
import { picturePrint } from "../src/twins/picture-print.js";
import { twinPairs } from "../src/twins/twin-pairs.js";

vi.setConfig({ testTimeout: soak ? 600_000 : 60_000 });
const core = await loadCore({ deterministic: true });
const pairsOf = async (prints: readonly Uint8Array[]) => {
  const pairs: string[] = [];
  await twinPairs(core, prints, ({ a, b, flip }) => pairs.push(`${a} ${b} ${flip}`));
  return pairs.sort();
};

/** A picture of soft blobs and lines: what a scanner might show, and like no other seed's. */
function picture(seed: number): RgbImage {
  const random = randomStream(seed, "picture");
  const unit = random.uniform;
  const [width, height] = [60 + random.below(40), 50 + random.below(40)];
  const waves = Array.from({ length: 9 }, () => [unit() * 7 - 3.5, unit() * 7 - 3.5, unit() * 6, 0.3 + unit()] as const);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
    const level = waves.reduce((sum, [u, v, phase, size]) => sum + size * Math.sin(2 * Math.PI * (u * x + v * y) + phase), 0);
    for (let c = 0; c < 3; c++) data[3 * i + c] = 128 + 22 * level + 4 * c + random.below(12);
  }
  return { data, width, height };
}

/** The same picture as a person may have it again: another size, JPEG, mirrored or not, a little brighter. */
async function again(image: RgbImage, seed: number): Promise<RgbImage> {
  const random = randomStream(seed, "again");
  const unit = random.uniform;
  const scale = 0.5 + unit();
  let made = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(Math.round(image.width * scale), Math.round(image.height * scale), { fit: "fill" })
    .linear(0.9 + 0.2 * unit(), random.below(20) - 10);
  const flip = random.below(4);
  if (flip % 2 === 1) made = made.flop();
  if (flip > 1) made = made.flip();
  return decodeImage(new Uint8Array(await made.jpeg({ quality: 40 + random.below(55) }).toBuffer()));
}

describe("twinPairs", () => {
  it("finds the pairs that plain loops over every pair and flip find, near the threshold too", async () => {
    const random = randomStream(4, "prints");
    const base = Array.from({ length: 4 }, () =>
      Uint8Array.from({ length: 1024 }, (_, i) => 90 + 40 * Math.sin(i / (3 + random.below(2))) + random.below(60)),
    );
    const prints = base.flatMap((print) =>
      Array.from({ length: 14 }, (_, k) => {
        const [x, y] = [k & 1, (k >> 1) & 1];
        const noise = 4 + k; // correlation falls through 0.98 as this grows
        return Uint8Array.from({ length: 1024 }, (_, i) => {
          const [column, row] = [i % 32, i >> 5];
          return (print[(y === 1 ? 31 - row : row) * 32 + (x === 1 ? 31 - column : column)] ?? 0) + random.below(noise) - noise / 2;
        });
      }),
    );
    const grey = (print: Uint8Array, flip: number) =>
      Array.from(
        { length: 1024 },
        (_, i) => print[(flip > 1 ? 31 - (i >> 5) : i >> 5) * 32 + (flip % 2 === 1 ? 31 - (i % 32) : i % 32)] ?? 0,
      );
    const pearson = (a: ArrayLike<number>, b: ArrayLike<number>) => {
      const mean = (v: ArrayLike<number>) => Array.from(v).reduce((s, x) => s + x, 0) / 1024;
      const [ma, mb] = [mean(a), mean(b)];
      let [ab, aa, bb] = [0, 0, 0];
      for (let i = 0; i < 1024; i++) {
        const [x, y] = [(a[i] ?? 0) - ma, (b[i] ?? 0) - mb];
        [ab, aa, bb] = [ab + x * y, aa + x * x, bb + y * y];
      }
      return ab / Math.sqrt(aa * bb);
    };
    const expected: string[] = [];
    const flips = ["none", "horizontal", "vertical", "both"];
    for (const [a, one] of prints.entries())
      for (let b = a + 1; b < prints.length; b++) {
        const found = flips
          .map((flip, k) => [pearson(one, grey(prints[b] as Uint8Array, k)), flip] as const)
          .reduce((x, y) => (y[0] > x[0] ? y : x));
        if (found[0] > 0.98) expected.push(`${a} ${b} ${found[1]}`);
      }
    expect(expected.length).toBeGreaterThan(30);
    expect(await pairsOf(prints)).toEqual(expected.sort());
  });

  it("calls flat pictures nobody's twin", async () => {
    expect(await pairsOf(Array.from({ length: 5 }, (_, k) => new Uint8Array(1024).fill(40 * k)))).toEqual([]);
  });

  it("stops when it is told to", async () => {
    await expect(twinPairs(core, [new Uint8Array(1024).map((_, i) => i)], () => {}, AbortSignal.abort())).rejects.toThrow();
  });

  it(`finds at least 99 of 100 planted twins and pairs no strangers`, async () => {
    const planted = cases(1000);
    const prints: Uint8Array[] = [];
    for (let i = 0; i < planted; i++) {
      const image = picture(i);
      prints.push(picturePrint(core, image), picturePrint(core, await again(image, i)));
    }
    for (let i = 0; i < planted; i++) prints.push(picturePrint(core, picture(10_000 + i)));
    const pairs = (await pairsOf(prints)).map((pair) => pair.split(" ").slice(0, 2).map(Number));
    const right = pairs.filter(([a = 0, b = 0]) => b === a + 1 && a % 2 === 0 && b < 2 * planted);
    if (soak) console.log(`${right.length} of ${planted} planted twins were found`);
    expect(right.length).toBeGreaterThanOrEqual(0.99 * planted);
    expect(pairs.length - right.length).toBe(0);
  });
});

describe("findLeaks", () => {
  const random = randomStream(9, "leaks");
  const print = () => Uint8Array.from({ length: 1024 }, () => random.below(256));
  const near = (of: Uint8Array) => of.map((value) => Math.max(0, value - random.below(8)));
  const [a, b, c] = [print(), print(), print()];
  const items = [
    { id: "0", label: 0, split: "train", group: "p" },
    { id: "1", label: 0, split: "test" },
    { id: "2", label: 1, split: "test" },
    { id: "3", label: 1, split: "test", group: "p" },
    { id: "4", label: 1, split: "val" },
    { id: "5", label: 1, split: "val" },
  ] as const;
  const images = [
    { sha256: "a", print: a },
    { sha256: "a", print: a },
    { sha256: "b", print: near(a) },
    { sha256: "c", print: b },
    { sha256: "d", print: c },
    { sha256: "d", print: c },
  ];

  it("counts pairs over equal contents, labels, sides and groups, and marks what training has seen", async () => {
    const report = await findLeaks(core, items, images);
    expect(report).toMatchObject({
      images: 6,
      equalImages: 4,
      equal: [
        [0, 1],
        [4, 5],
      ],
      twinPairs: 4,
      acrossLabels: 2,
      acrossSplits: 2,
    });
    expect(report.leaked).toEqual([false, true, true, true, false, false]);
    expect(report.twinsOfTrain).toEqual({ val: 0, test: 2 });
    expect(report.groups).toEqual({ across: 1, testImages: 1 });
    expect(report.pairs.map((pair) => [pair.a, pair.b, pair.equal])).toEqual([
      [0, 1, true],
      [0, 2, false],
      [1, 2, false],
      [4, 5, true],
    ]);
    expect(leakWarnings(report).map((warning) => warning.code)).toEqual([
      "twins_across_splits",
      "groups_across_splits",
      "twins_across_labels",
    ]);
  });

  it("has nothing to say where nothing crosses", async () => {
    expect(leakWarnings(await findLeaks(core, items.slice(4), images.slice(4)))).toEqual([]);
  });
});

describe("real sets", () => {
  const compare = async (name: string, root: string) => {
    const dataset = await openDataset(name, { root });
    const read = imageReader({ decode: decodeImage });
    const cache = memoryStore();
    let opened = 0;
    const open = (item: (typeof dataset.items)[number]) => {
      opened++;
      return read(itemSource(item));
    };
    const images = await comparedImages(dataset.items, { core, open, cache });
    const report = await findLeaks(core, dataset.items, images);
    return { dataset, report, images, again: () => comparedImages(dataset.items, { core, open, cache }), opened: () => opened };
  };

  it("BreastMNIST at 28 pixels holds 204 pairs, 8 with two labels, and 53 of its 156 test images have a twin in train", async ({
    skip,
  }) => {
    const root = skipUnlessShared("data") ?? skip("skipped: shared data absent");
    const { dataset, report, images, again } = await compare("breastmnist", root);
    expect(report).toMatchObject({ images: 780, twinPairs: 204, acrossLabels: 8, twinsOfTrain: { test: 53 } });
    expect(await again()).toEqual(images);
    dataset.close();
  });

  it.runIf(soak)(
    "BUSI holds 178 pairs, 8 with two labels, one of them byte for byte, and 42 of its 236 test images have a twin in train",
    async ({ skip }) => {
      const root = skipUnlessShared("data") ?? skip("skipped: shared data absent");
      const { dataset, report } = await compare("busi", root);
      expect(report).toMatchObject({ twinPairs: 178, acrossLabels: 8, equalImages: 2, twinsOfTrain: { test: 42 } });
      expect(report.equal.map((same) => same.map((i) => dataset.items[i]?.id).sort())).toEqual([
        ["benign/benign (433).png", "malignant/malignant (145).png"],
      ]);
      dataset.close();
    },
  );
});
