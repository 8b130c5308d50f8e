// Archives of arrays: rows in any order, whole members, official sets and plain ones; bombs and lies are refused before they grow.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases, mutations } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { DatasetError } from "../src/errors.js";
import { MEDMNIST } from "../src/medmnist.js";
import { openDataset, openNpz } from "../src/node/index.js";
import type { NpzFile, NpzLimits } from "../src/npz.js";
import { arraysDataset, medmnistDataset } from "../src/npz-dataset.js";
import { int64, npy, npz } from "./npy-file.js";

const folder = mkdtempSync(join(tmpdir(), "npz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

async function opened(bytes: Uint8Array, limits?: Partial<NpzLimits>): Promise<NpzFile> {
  const path = join(folder, `${files++}.npz`);
  writeFileSync(path, bytes);
  return openNpz(path, limits);
}

const images = (n: number, side = 4) => Uint8Array.from({ length: n * side * side }, (_, i) => (i * 7) % 251);
const set = (n: number, labels: readonly number[], level: 0 | 6 = 6, side = 4) =>
  npz({ images: npy({ shape: [n, side, side] }, images(n, side)), labels: npy({ descr: "<i8", shape: [n] }, int64(labels)) }, level);

describe("openNpz", () => {
  it("gives headers, whole members and single rows in any order, deflated or stored", async () => {
    for (const level of [0, 6] as const) {
      const file = await opened(set(20, Array(20).fill(0), level));
      expect(file.members.get("images")).toMatchObject({ type: "uint8", shape: [20, 4, 4] });
      expect(await file.read("images", 320)).toEqual(images(20));
      const rows = file.rows("images");
      expect([rows.count, rows.rowBytes]).toEqual([20, 16]);
      const order = [3, 19, 0, 7, 7, 1, 18];
      const got = await Promise.all(order.map((index) => rows.read(index)));
      for (const [i, index] of order.entries()) expect(got[i]).toEqual(images(20).slice(index * 16, index * 16 + 16));
      expect(await rows.read(2)).toEqual(images(20).slice(32, 48));
      file.close();
    }
  });

  it("refuses rows and members that are not there, and members larger than asked for", async () => {
    const file = await opened(set(3, [0, 1, 0]));
    await expect(file.rows("images").read(3)).rejects.toMatchObject({ code: "bad_option" });
    await expect(file.rows("images").read(-1)).rejects.toMatchObject({ code: "bad_option" });
    await expect(file.read("images", 10)).rejects.toMatchObject({ code: "too_large" });
    await expect(file.read("pictures", 10)).rejects.toThrow(/expected it in the archive, got images, labels/);
    file.close();
  });

  it("R3: refuses members that grow more than 200 times, before they are inflated", async () => {
    const bomb = npz({ images: npy({ shape: [64, 1024, 1024] }, new Uint8Array(64 * 2 ** 20)) });
    expect(bomb.length).toBeLessThan(200_000);
    await expect(opened(bomb)).rejects.toMatchObject({ code: "too_large", message: expect.stringMatching(/zip bomb/) });
  });

  it("R3: refuses more members and larger members than the limits", async () => {
    await expect(opened(set(3, [0, 1, 0]), { maxMembers: 1 })).rejects.toMatchObject({ code: "too_large" });
    await expect(opened(set(300, Array(300).fill(0)), { maxMemberBytes: 1000 })).rejects.toMatchObject({ code: "too_large" });
  });

  it("R6: refuses member names that are no names of arrays", async () => {
    for (const name of ["../images", "a/b", "x".repeat(65), "images.txt", ""])
      await expect(opened(npz({ [name]: npy({ shape: [1] }, new Uint8Array(1)) }))).rejects.toMatchObject({ code: "bad_file" });
  });

  it("R7: tells content that is not what the archive's checksum says", async () => {
    const bytes = set(20, Array(20).fill(0), 0);
    const at = Buffer.from(bytes).indexOf(Buffer.from(images(20).subarray(0, 32)));
    expect(at).toBeGreaterThan(0);
    bytes[at + 9]! ^= 0x40;
    const readAll = async () => {
      const file = await opened(bytes);
      try {
        return await file.read("images", 320);
      } finally {
        file.close();
      }
    };
    await expect(readAll()).rejects.toMatchObject({ code: "integrity" });
  });

  it("R1, R3: answers damaged archives with arrays of the promised size or a typed error", async () => {
    const sound = set(
      12,
      Array.from({ length: 12 }, (_, i) => i % 2),
    );
    let refused = 0;
    for (const damaged of mutations(5, sound, cases(1000))) {
      try {
        const file = await opened(damaged);
        try {
          for (const [name, header] of file.members) {
            if (header.dataLength <= 2 ** 20) expect(await file.read(name, 2 ** 20)).toHaveLength(header.dataLength);
          }
        } finally {
          file.close();
        }
      } catch (error) {
        expect(error).toBeInstanceOf(DatasetError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(cases(1000) / 10);
  });
});

describe("arraysDataset", () => {
  it("takes a set of more images than a call may have arguments, as TissueMNIST has", async () => {
    const n = 300_000;
    const arrays = { train_images: npy({ shape: [n, 1, 1] }, images(n, 1)), train_labels: npy({ shape: [n] }, new Uint8Array(n)) };
    const { items } = await arraysDataset(await opened(npz(arrays, 0)), "toy", ["a", "b"]);
    expect([items.length, items.at(-1)?.split]).toEqual([n, "train"]);
  });

  it("opens images as raw pixels with their labels", async () => {
    const file = await opened(set(5, [0, 1, 1, 0, 1]));
    const data = await arraysDataset(file, "toy", ["round", "square"]);
    expect(data.items.map((item) => item.label)).toEqual([0, 1, 1, 0, 1]);
    const third = data.items[2];
    expect(await third?.open()).toEqual({ kind: "pixels", data: images(5).slice(32, 48), width: 4, height: 4, channels: 1 });
    file.close();
  });

  it("reads labels as uint8, int64 or float32, flat or as one column", async () => {
    const forms = [
      npy({ shape: [2] }, Uint8Array.of(1, 0)),
      npy({ descr: "<i8", shape: [2, 1] }, int64([1, 0])),
      npy({ descr: "<f4", shape: [2] }, new Uint8Array(Float32Array.of(1, 0).buffer)),
    ];
    for (const labels of forms) {
      const file = await opened(npz({ images: npy({ shape: [2, 4, 4] }, images(2)), labels }));
      expect((await arraysDataset(file, "toy", ["a", "b"])).items.map((item) => item.label)).toEqual([1, 0]);
      file.close();
    }
  });

  it("refuses labels out of range, of another count, halves, and images of another shape", async () => {
    const pair = (imagesNpy: Uint8Array, labels: Uint8Array) => npz({ images: imagesNpy, labels });
    const good = npy({ shape: [2, 4, 4] }, images(2));
    const wrong = [
      pair(good, npy({ descr: "<i8", shape: [2] }, int64([0, 2]))),
      pair(good, npy({ descr: "<i8", shape: [2] }, int64([0, -1]))),
      pair(good, npy({ descr: "<i8", shape: [3] }, int64([0, 1, 0]))),
      pair(good, npy({ descr: "<f4", shape: [2] }, new Uint8Array(Float32Array.of(0.5, 1).buffer))),
      pair(good, npy({ descr: "<i8", shape: [2, 2] }, int64([0, 1, 0, 1]))),
      pair(npy({ shape: [2, 16] }, images(2)), npy({ shape: [2] }, Uint8Array.of(0, 1))),
      pair(npy({ shape: [2, 2, 2, 4] }, images(2)), npy({ shape: [2] }, Uint8Array.of(0, 1))),
      npz({ images: good }),
    ];
    for (const bytes of wrong) {
      const file = await opened(bytes);
      await expect(arraysDataset(file, "toy", ["a", "b"])).rejects.toMatchObject({ code: "bad_file" });
      file.close();
    }
  });
});

describe("archives with sides of a split", () => {
  const side = (name: string, n: number) => ({
    [`${name}_images`]: npy({ shape: [n, 4, 4] }, images(n)),
    [`${name}_labels`]: npy(
      { shape: [n, 1] },
      Uint8Array.from({ length: n }, (_, i) => i % 2),
    ),
  });
  const place = async (name: string, members: Readonly<Record<string, Uint8Array>>) => {
    const path = join(folder, name);
    writeFileSync(path, npz(members));
    return openDataset(path, { classes: ["a", "b"] });
  };

  it("are taken as they are, also with test images alone", async () => {
    const alone = await place("alone.npz", side("test", 6));
    expect([alone.splitOrigin, alone.items.length]).toEqual(["given", 6]);
    expect(alone.items.every((item) => item.split === "test")).toBe(true);
    const both = await place("both.npz", { ...side("train", 4), ...side("test", 2) });
    expect(both.items.map((item) => item.split)).toEqual([...new Array(4).fill("train"), "test", "test"]);
    for (const data of [alone, both]) data.close();
  });

  it("are refused with a remedy that can be followed", async () => {
    await expect(place("half.npz", { ...side("train", 4), test_images: npy({ shape: [2, 4, 4] }, images(2)) })).rejects.toThrow(
      /expected members test_images and test_labels.*Save arrays images and labels, or train_images/,
    );
    writeFileSync(join(folder, "unnamed.npz"), set(4, [0, 1, 0, 1]));
    await expect(openDataset(join(folder, "unnamed.npz"))).rejects.toThrow(/--class NAME, once for each/);
  });
});

describe("medmnistDataset", () => {
  it("wants the counts and channels that the registry has published", async () => {
    const facts = MEDMNIST.find(({ name }) => name === "breastmnist");
    if (facts === undefined) throw new Error("breastmnist is not in the registry");
    const member = (n: number) =>
      npy(
        { shape: [n, 2, 2] },
        new Uint8Array(n * 4).map((_, i) => i % 256),
      );
    const labels = (n: number) =>
      npy(
        { shape: [n, 1] },
        new Uint8Array(n).map((_, i) => i % 2),
      );
    const archive = (train: number) =>
      npz({
        train_images: member(train),
        train_labels: labels(train),
        val_images: member(78),
        val_labels: labels(78),
        test_images: member(156),
        test_labels: labels(156),
      });
    const whole = await opened(archive(546));
    const data = await medmnistDataset(whole, facts, ["malignant", "normal or benign"]);
    expect(data.items).toHaveLength(780);
    expect(data.items.filter((item) => item.split === "test")).toHaveLength(156);
    whole.close();
    const short = await opened(archive(545));
    await expect(medmnistDataset(short, facts, ["a", "b"])).rejects.toThrow(/546 train images of 1 channels, got 545 of 1/);
    short.close();
  });
});
