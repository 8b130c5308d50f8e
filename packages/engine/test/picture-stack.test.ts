// Sources that are one example: pictures in order over files and frames, one digest, one file held at a time.

import { describe, expect, it } from "vitest";
import { bytesSource, type ImageSource, imageReader, stackReader } from "../src/images/index.js";

/** A file of as many frames as it has bytes, each of one pixel of that value. */
const open = async (bytes: Uint8Array) => ({
  frames: bytes.length,
  frame: async (index: number) => ({ data: new Uint8Array(3).fill(bytes[index] ?? 0), width: 1, height: 1 }),
});
const file = (name: string, ...values: number[]) => bytesSource(name, Uint8Array.from(values));

describe("a stack of pictures", () => {
  it("counts frames over its files in order, and opens a file once for pictures one after another", async () => {
    let opens = 0;
    const counted = (source: ImageSource): ImageSource => ({
      name: source.name,
      open() {
        opens++;
        return source.open();
      },
    });
    const read = stackReader({ open });
    const stack = await read([file("a", 1), file("b", 2, 3, 4), file("c", 5)].map(counted));
    expect([stack.count, opens]).toEqual([5, 3]);
    const values: (number | undefined)[] = [];
    for (let i = 0; i < stack.count; i++) values.push((await stack.picture(i)).data[0]);
    expect(values).toEqual([1, 2, 3, 4, 5]);
    expect(opens).toBe(6);
    await expect(stack.picture(5)).rejects.toThrow();
  });

  it("has a digest of contents and order; of one file the digest that an image reader gives", async () => {
    const read = stackReader({ open, variant: "window lung" });
    const [ab, ba, a] = [await read([file("a", 1), file("b", 2)]), await read([file("b", 2), file("a", 1)]), await read([file("x", 1)])];
    expect(new Set([ab.sha256, ba.sha256, a.sha256]).size).toBe(3);
    const image = imageReader({ decode: async () => ({ data: new Uint8Array(3), width: 1, height: 1 }), variant: "window lung" });
    expect(a.sha256).toBe((await image(file("y", 1))).sha256);
    expect((await stackReader({ open })([file("x", 1)])).sha256).not.toBe(a.sha256);
  });

  it("refuses a file that changed after it was first read", async () => {
    let value = 1;
    const source: ImageSource = { name: "changing", open: async () => ({ kind: "file", bytes: Uint8Array.of(value) }) };
    const stack = await stackReader({ open })([source]);
    value = 2;
    await expect(stack.picture(0)).rejects.toMatchObject({ code: "file_changed" });
  });
});
