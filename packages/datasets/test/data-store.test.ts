// The data folder: official files put in by copy or download, checked by their published MD5, listed and verified.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { skipUnlessShared } from "@biovlm/testkit";
import { afterEach, describe, expect, it } from "vitest";
import { medmnistFile, medmnistUrl } from "../src/index.js";
import { medmnistFacts, medmnistMaxBytes } from "../src/medmnist.js";
import { listData, openDataset, pullDataset, verifyData } from "../src/node/index.js";
import { type FolderFiles, folderOf } from "./folder-files.js";
import { npy, npz } from "./npy-file.js";

let root: FolderFiles | undefined;
let server: Server | undefined;
afterEach(() => {
  root?.remove();
  server?.closeAllConnections();
  server?.close();
});
const empty = (): string => {
  root = folderOf([]);
  return root.path;
};
const left = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(part|lock|npz)/.test(name));

async function serving(body: Uint8Array): Promise<string> {
  server = createServer((_, response) => response.writeHead(200, { "content-length": body.length }).end(body));
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.npz`;
}

describe("pullDataset", () => {
  it("R25: refuses a file whose MD5 is not the published one, and leaves nothing behind", async () => {
    const folder = empty();
    const url = await serving(new TextEncoder().encode("another file altogether"));
    await expect(pullDataset("breastmnist", { root: folder, url })).rejects.toMatchObject({ code: "integrity" });
    expect(left(folder).filter((name) => !name.endsWith(".lock"))).toEqual([]);
    const from = folderOf([]);
    from.add("breastmnist.npz", "not it");
    await expect(pullDataset("breastmnist", { root: folder, from: from.path })).rejects.toMatchObject({ code: "integrity" });
    await expect(pullDataset("breastmnist", { root: folder, from: join(from.path, "none") })).rejects.toMatchObject({ code: "not_found" });
    from.remove();
    expect(left(folder).filter((name) => !name.endsWith(".lock"))).toEqual([]);
  });

  it("refuses sizes without a published sum and sets that are not official ones", async () => {
    const folder = empty();
    await expect(pullDataset("breastmnist", { root: folder, size: 64 })).rejects.toMatchObject({ code: "bad_option" });
    await expect(pullDataset("busi", { root: folder })).rejects.toMatchObject({ code: "unknown_dataset" });
    await expect(pullDataset("../x", { root: folder })).rejects.toMatchObject({ code: "bad_name" });
    await expect(pullDataset("breastmnist", { rot: folder } as never)).rejects.toThrow(/Did you mean "root"/);
  });

  it("copies or downloads the official file once, and finds it right the second time", async (context) => {
    const official = skipUnlessShared("data/medmnist/breastmnist.npz");
    if (official === undefined) return context.skip("skipped: shared data absent (data/medmnist)");
    const copied = empty();
    const first = await pullDataset("breastmnist", { root: copied, from: dirname(official) });
    expect([first.fresh, first.bytes]).toEqual([true, readFileSync(official).length]);
    expect((await pullDataset("breastmnist", { root: copied, from: "/nowhere" })).fresh).toBe(false);
    expect(await verifyData(["breastmnist"], copied)).toMatchObject([{ dataset: "breastmnist", size: 28, ok: true }]);
    // a damaged file is told, and replaced by the next pull
    const bytes = readFileSync(first.path);
    bytes[1000]! ^= 1;
    writeFileSync(first.path, bytes);
    expect(await verifyData([], copied)).toMatchObject([{ ok: false }]);
    const url = await serving(readFileSync(official));
    const seen: number[] = [];
    const again = await pullDataset("breastmnist", { root: copied, url, onProgress: (done) => seen.push(done) });
    expect(again.fresh).toBe(true);
    expect(seen.at(-1)).toBe(again.bytes);
    expect(await verifyData([], copied)).toMatchObject([{ ok: true }]);
  });
});

describe("listData", () => {
  it("says which files and folders of known sets lie there, without opening them", async () => {
    const folder = empty();
    expect((await listData(folder)).files).toEqual([]);
    root?.add("medmnist/pathmnist_64.npz", "xyz");
    root?.add("busi/benign/1.png");
    root?.add("pretrain/wbc64.npz", "x");
    const { files, others } = await listData(folder);
    expect(files).toMatchObject([{ dataset: "pathmnist", size: 64, bytes: 3 }]);
    expect(others.map((entry) => entry.dataset).sort()).toEqual(["busi", "wbc"]);
    for (const { path } of [...files, ...others]) expect(existsSync(path)).toBe(true);
    expect(await verifyData([], folder)).toMatchObject([{ ok: undefined }]);
  });
});

describe("official files", () => {
  it("are called so where their MD5 is the published one, and never for name and shapes alone", async (context) => {
    const { counts } = medmnistFacts("breastmnist");
    const sides = Object.entries(counts).flatMap(([side, n]) => [
      [`${side}_images`, npy({ shape: [n, 28, 28] }, new Uint8Array(n * 784))] as const,
      [
        `${side}_labels`,
        npy(
          { shape: [n, 1] },
          Uint8Array.from({ length: n }, (_, i) => i % 2),
        ),
      ] as const,
    ]);
    const folder = empty();
    root?.add("breastmnist.npz", npz(Object.fromEntries(sides), 0));
    const made = await openDataset("breastmnist", { root: folder });
    made.close();
    expect(made.notes[0]).toBe("not the official file: its MD5 is not the published one; 28 × 28 pixels");
    const official = skipUnlessShared("data/medmnist/breastmnist.npz");
    if (official === undefined) return context.skip("skipped: shared data absent (data/medmnist)");
    const published = await openDataset("breastmnist", { root: dirname(official) });
    published.close();
    expect(published.notes[0]).toBe("official file (its MD5 is the published one), 28 × 28 pixels");
  });

  it("have names, addresses and a size that none of them exceeds", () => {
    expect(medmnistFile("breastmnist", 28)).toBe("breastmnist.npz");
    expect(medmnistFile("breastmnist", 224)).toBe("breastmnist_224.npz");
    expect(medmnistUrl("pathmnist", 64)).toMatch(/^https:\/\/zenodo\.org\/records\/10519652\/files\/pathmnist_64\.npz/);
    const facts = medmnistFacts("BreastMNIST");
    expect(facts.name).toBe("breastmnist");
    expect(medmnistMaxBytes(facts, 28)).toBe(780 * (784 + 8) + 2 ** 20);
  });
});
