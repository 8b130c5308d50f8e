// Each image file is opened once and decoded once by a command that learns or measures, and by one that classifies or embeds.

import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { call, folder, writeClasses, writePhantoms } from "./call.js";

const counts = vi.hoisted(() => ({ opens: new Map<string, number>(), decodes: 0, crops: 0 }));

const opening = vi.hoisted(() => (path: unknown) => {
  if (/\.png$/.test(String(path))) counts.opens.set(String(path), (counts.opens.get(String(path)) ?? 0) + 1);
});

// files are opened by either: those that are read whole by the one, others by the other
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const open: typeof real.open = (path, ...rest) => {
    opening(path);
    return real.open(path, ...rest);
  };
  return { ...real, open, default: { ...real, open } };
});

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const open = (path: unknown, ...rest: unknown[]) => {
    opening(path);
    return (real.open as (...all: unknown[]) => void)(path, ...rest);
  };
  return { ...real, open, default: { ...real, open } };
});

vi.mock("@biovlm/imaging/node", async (original) => {
  const real = await original<typeof import("@biovlm/imaging/node")>();
  const sharpDecoder: typeof real.sharpDecoder = (options) => {
    const decoder = real.sharpDecoder(options);
    return {
      ...decoder,
      decode(bytes, limits) {
        counts.decodes++;
        return decoder.decode(bytes, limits);
      },
    };
  };
  return { ...real, sharpDecoder, decodeImage: sharpDecoder().decode };
});

vi.mock("@biovlm/core-native", async (original) => {
  const real = await original<typeof import("@biovlm/core-native")>();
  const nativeImages: typeof real.nativeImages = (...asked) => {
    const { images, ...none } = real.nativeImages(...asked);
    if (images === undefined) return none as ReturnType<typeof real.nativeImages>;
    const prepare: typeof images.prepare = async (...file) => {
      const crop = await images.prepare(...file);
      if (crop !== undefined) counts.crops++;
      return crop;
    };
    return { images: { ...images, prepare } };
  };
  return { ...real, nativeImages };
});

/** Runs a command that ends well; says how many files were opened, the most opens of one, all decodes, and these with what a native build cropped in their place. */
async function reads(words: readonly string[], cwd: string) {
  counts.opens.clear();
  counts.decodes = 0;
  counts.crops = 0;
  const { code, err } = await call(words, { cwd });
  expect(code, err).toBe(0);
  const { opens, decodes, crops } = counts;
  return { files: opens.size, most: Math.max(0, ...opens.values()), decodes, prepared: decodes + crops };
}

describe("image files are opened once and decoded once", () => {
  it("by train, on what it learns from and on what it measures on", async () => {
    const cwd = folder();
    writeClasses(join(cwd, "scans"), 2, 10);
    const words = ["train", "scans/", "--shots", "3", "--set", "epochs=1"];
    // 3 of each class to learn from, 2 of each to measure on
    expect(await reads([...words, "--out", "a.safetensors"], cwd)).toMatchObject({ files: 10, most: 1, decodes: 10 });
    // embeddings are known by content: opened, not decoded
    expect(await reads([...words, "--out", "b.safetensors"], cwd)).toMatchObject({ files: 10, most: 1, decodes: 0 });
    const views = [...words, "--views-per-image", "2", "--cache", "off", "--out", "v.safetensors"];
    expect(await reads(views, cwd)).toMatchObject({ files: 10, most: 1, decodes: 10 });
    const fresh = [...words, "--views", "fresh", "--set", "epochs=3", "--cache", "off", "--out", "c.safetensors"];
    expect(await reads(fresh, cwd)).toMatchObject({ files: 10, most: 1, decodes: 10 });
  });

  it("by eval, on the split asked for and on validation", async () => {
    const cwd = folder();
    writeClasses(join(cwd, "scans"), 2, 10, 2);
    const words = ["eval", "scans/", "--cache", "off"];
    // those of a size that another has are read before, to draw the split by content
    expect(await reads([...words, "--twins", "off"], cwd)).toMatchObject({ prepared: 6 });
    // the training split is decoded, too: it is compared with the test split, and whoever compares wants pixels
    const { files, decodes, prepared } = await reads(words, cwd);
    expect(files).toBe(20);
    expect(decodes).toBeLessThanOrEqual(20);
    expect(prepared).toBeGreaterThanOrEqual(20);
  });

  it("by sweep, over shots, seeds and methods", async () => {
    const cwd = folder();
    writeClasses(join(cwd, "scans"), 2, 10, 3);
    const methods = ["--method", "zero-shot", "--method", "linear-probe", "--variant", "epochs=1", "--variant", "normalisation=imagenet"];
    const words = ["sweep", "scans/", "--shots", "1,2", "--seeds", "1,2", "--cache", "off", ...methods];
    const { files, most, decodes } = await reads(words, cwd);
    expect(most).toBeLessThanOrEqual(2);
    expect(files).toBeGreaterThan(8);
    expect(decodes).toBe(files);
  });

  it("by quickstart on one's own images, by classify and by embed", async () => {
    const cwd = folder();
    const { length } = writePhantoms(cwd, 2);
    const once = { files: length, most: 1, prepared: length };
    expect(await reads(["quickstart", "--images", "."], cwd)).toMatchObject(once);
    expect(await reads(["classify", ".", "--class", "a", "--class", "b"], cwd)).toMatchObject(once);
    expect(await reads(["embed", ".", "--out", "rows.safetensors"], cwd)).toMatchObject(once);
  });
});
