// Opened once, decoded once, within a budget: what a reader of images promises.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesSource, type ImageSource, imageReader, itemSource } from "../src/images/index.js";

/** A source of `size` bytes of `value`; its decoder makes three bytes of one. */
function counted(value: number, size = 4) {
  const counts = { opens: 0, decodes: 0 };
  const source: ImageSource = {
    name: `image ${value}`,
    async open() {
      counts.opens++;
      return { kind: "file", bytes: new Uint8Array(size).fill(value) };
    },
  };
  return { source, counts };
}

describe("a reader of images", () => {
  it("opens and decodes an image once, however often its pixels are asked for, at once or later", async () => {
    const { source, counts } = counted(7);
    const read = imageReader({
      async decode(bytes) {
        counts.decodes++;
        return { data: new Uint8Array(bytes.length * 3).fill(7), width: 2, height: 2 };
      },
    });
    const image = await read(source);
    expect(image.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(image.held).toBe(4);
    const [a, b] = await Promise.all([image.pixels(), image.pixels()]);
    expect(a).toBe(b);
    expect(await image.pixels()).toBe(a);
    expect(image.held).toBe(12);
    expect(counts).toEqual({ opens: 1, decodes: 1 });
  });

  it("holds no more than it may beside the image used last, and gives the same pixels when it has to read again", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 80 }),
        async (uses, keepBytes) => {
          const read = imageReader({ decode: async (bytes) => ({ data: bytes.slice(), width: 4, height: 1 }), keepBytes });
          const images = await Promise.all(Array.from({ length: 6 }, (_, value) => read(counted(value, 12).source)));
          for (const use of uses) {
            const { data } = await images[use]!.pixels();
            expect(data).toEqual(new Uint8Array(12).fill(use));
            const others = images.filter((_, i) => i !== use).reduce((sum, { held }) => sum + held, 0);
            expect(others).toBeLessThanOrEqual(Math.max(0, keepBytes - 12));
          }
        },
      ),
      { numRuns: 50, seed: 1 },
    );
  });

  it("crops by the fast way until pixels are held, reads again for it what was let go, and has none for raw pixels", async () => {
    const cropped: [number, number][] = [];
    const decode = async (bytes: Uint8Array) => ({ data: bytes.slice(), width: 4, height: 1 });
    const crop = async (bytes: Uint8Array, size: number) => {
      cropped.push([bytes[0] ?? -1, size]);
      return size === 2 ? new Uint8Array(12).fill(1) : undefined;
    };
    const read = imageReader({ decode, crop, keepBytes: 12 });
    const { source, counts } = counted(7, 12);
    const image = await read(source);
    expect(await image.crop(2)).toEqual(new Uint8Array(12).fill(1));
    expect(await image.crop(3)).toBeUndefined();
    await (await read(counted(8, 12).source)).pixels();
    expect(image.held).toBe(0);
    expect(await image.crop(2)).toHaveLength(12);
    expect(counts.opens).toBe(2);
    await image.pixels();
    expect(await image.crop(2)).toBeUndefined();
    expect(cropped).toEqual([
      [7, 2],
      [7, 3],
      [7, 2],
    ]);
    const raw = { name: "raw", open: async () => ({ kind: "pixels", data: new Uint8Array(3), width: 1, height: 1, channels: 3 }) as const };
    expect(await (await read(raw)).crop(2)).toBeUndefined();
    expect(await (await imageReader({ decode })(counted(9).source)).crop(2)).toBeUndefined();
  });

  it("refuses an image that has become another since it was first read", async () => {
    let value = 1;
    const read = imageReader({ decode: async (bytes) => ({ data: bytes, width: 1, height: 1 }), keepBytes: 1 });
    const changing = await read({ name: "a", open: async () => ({ kind: "file", bytes: Uint8Array.of(value, value, value) }) });
    await read(bytesSource("b", Uint8Array.of(9, 9, 9)));
    value = 2;
    await expect(changing.pixels()).rejects.toMatchObject({ code: "file_changed" });
  });

  it("rejects with the decoder's error each time, and decodes a bad image once", async () => {
    let decodes = 0;
    const read = imageReader({
      async decode() {
        decodes++;
        throw Object.assign(new Error("no pixels"), { code: "corrupt_image" });
      },
    });
    const image = await read(bytesSource("a", Uint8Array.of(1)));
    for (let i = 0; i < 3; i++) await expect(image.pixels()).rejects.toMatchObject({ code: "corrupt_image" });
    expect(decodes).toBe(1);
  });

  it("takes raw pixels as they are, grey three times, and tells sizes apart in the digest", async () => {
    const read = imageReader({ decode: () => Promise.reject(new Error("nothing to decode")) });
    const raw = (width: number, height: number, channels: 1 | 3) =>
      read(itemSource({ id: "x", open: async () => ({ kind: "pixels", data: Uint8Array.of(1, 2, 3, 4, 5, 6), width, height, channels }) }));
    const grey = await raw(3, 2, 1);
    expect(Array.from((await grey.pixels()).data)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6]);
    const colour = await raw(2, 1, 3);
    expect((await colour.pixels()).data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(new Set([grey, colour, await raw(2, 3, 1)].map(({ sha256 }) => sha256)).size).toBe(3);
  });
});
