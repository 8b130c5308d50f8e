import { decodeImage } from "@biovlm/imaging/node";
import { describe, expect, it } from "vitest";
import { PHANTOM_KINDS, phantomSet } from "../src/phantoms/phantom-set.js";
import { encodePng } from "../src/phantoms/png-file.js";

const set = (seed: number, perKind: number, size = 48) => [...phantomSet({ seed, perKind, size })];
const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Buffer.compare(Buffer.from(a as Uint8Array), Buffer.from(b as Uint8Array)) === 0;

describe("phantoms", () => {
  it("are the same pixels for the same seed, and others for another", () => {
    const [first, again, other] = [set(1, 2), set(1, 2), set(2, 2)];
    for (const [i, phantom] of first.entries()) {
      expect(same(phantom.image.data, again[i]!.image.data)).toBe(true);
      expect(same(phantom.image.data, other[i]!.image.data)).toBe(false);
    }
  });

  it("of a larger set begin with those of the smaller one, so that test images stay unseen", () => {
    const large = new Map(set(3, 4).map((p) => [p.file, p.image.data]));
    for (const { file, image } of set(3, 2)) expect(same(large.get(file)!, image.data)).toBe(true);
  });

  it("all differ from one another and are no blank field", () => {
    const all = set(1, 3);
    expect(all.length).toBe(3 * PHANTOM_KINDS.length);
    expect(new Set(all.map((p) => Buffer.from(p.image.data).toString("base64"))).size).toBe(all.length);
    for (const { file, image } of all) expect([file, new Set(image.data).size > 20]).toEqual([file, true]);
  });

  it("come back from their PNG files bit for bit", async () => {
    for (const { image } of set(5, 1, 33)) {
      const back = await decodeImage(encodePng(image));
      expect([back.width, back.height]).toEqual([33, 33]);
      expect(same(back.data, image.data)).toBe(true);
    }
  });
});
