// Bodies into buffers that are used again: what is read is what came, and no body shows another's bytes.

import { Readable } from "node:stream";
import { cases, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { ImageBodies } from "../../src/lifecycle/image-bodies.js";

function pieces(bytes: Buffer, next: () => number): Readable {
  const list: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const n = 1 + Math.floor(next() * 70_000);
    list.push(bytes.subarray(at, at + n));
    at += n;
  }
  return Readable.from(list);
}

describe("bodies of images", () => {
  it(`are read as they came ${cases(500)} times over, with a length or without, while buffers go round`, async () => {
    const random = seeded(5);
    const bodies = new ImageBodies();
    const held: { body: Uint8Array; wanted: Buffer }[] = [];
    for (let i = 0; i < cases(500); i++) {
      const wanted = Buffer.alloc(Math.floor(random.next() ** 3 * 2_500_000), 1 + (i % 255));
      const body = await bodies.read(
        pieces(wanted, () => random.next()),
        random.next() < 0.5 ? wanted.length : undefined,
        3_000_000,
      );
      held.push({ body, wanted });
      if (held.length > 4) {
        const [{ body: old, wanted: its }] = held.splice(Math.floor(random.next() * held.length), 1) as [(typeof held)[0]];
        expect(Buffer.compare(old, its)).toBe(0);
        bodies.release(old);
      }
    }
    for (const { body, wanted } of held) expect(Buffer.compare(body, wanted)).toBe(0);
  });

  it("use a buffer again once it is given back, not before, and give it to one at a time though it is given back twice", async () => {
    const bodies = new ImageBodies();
    const read = () => bodies.read(Readable.from([Buffer.alloc(100_000, 3)]), 100_000, 1_000_000);
    const first = await read();
    const second = await read();
    expect(second.buffer).not.toBe(first.buffer);
    bodies.release(first);
    bodies.release(first);
    const [third, fourth] = [await read(), await read()];
    expect(third.buffer).toBe(first.buffer);
    expect(fourth.buffer).not.toBe(first.buffer);
  });

  it("are refused when too large, by what they say or by what comes, and when their length was wrong", async () => {
    const bodies = new ImageBodies();
    await expect(bodies.read(Readable.from([]), 1001, 1000)).rejects.toMatchObject({ code: "payload_too_large", status: 413 });
    await expect(bodies.read(Readable.from([Buffer.alloc(600), Buffer.alloc(600)]), undefined, 1000)).rejects.toMatchObject({
      code: "payload_too_large",
    });
    await expect(bodies.read(Readable.from([Buffer.alloc(10)]), 11, 1000)).rejects.toMatchObject({ code: "bad_request", status: 400 });
    const broken = new Readable({ read() {} });
    const reading = bodies.read(broken, 10, 1000);
    broken.destroy(new Error("cut"));
    await expect(reading).rejects.toThrow("cut");
  });
});
