// The journal of rows: whole rows only, whatever a crash or a disk left of it.

import { mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases, seeded } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { RowJournal } from "../src/embeddings/index.js";

const folder = mkdtempSync(join(tmpdir(), "journal-"));
let names = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the journal of rows", () => {
  const key = new Uint8Array(32).fill(7);
  const hash = (i: number) => i.toString(16).padStart(64, "0");
  const row = (i: number) => Float32Array.from({ length: 8 }, (_, d) => i + d / 16);

  async function filled(path: string, n: number) {
    const journal = await RowJournal.open(path, key, 8);
    for (let i = 0; i < n; i++) await journal.append([hash(i)], row(i));
    await journal.close();
  }

  it("cut off or damaged anywhere gives back whole rows only, and takes new ones", async () => {
    const path = join(folder, `${names++}.journal`);
    await filled(path, 20);
    const whole = readFileSync(path);
    const random = seeded(11);
    for (let i = 0; i < cases(1000); i++) {
      writeFileSync(path, whole);
      const at = random.below(whole.length);
      if (i % 2 === 0) truncateSync(path, at);
      else {
        const bad = Buffer.from(whole);
        bad[at]! ^= 1 << random.below(8);
        writeFileSync(path, bad);
      }
      const journal = await RowJournal.open(path, key, 8);
      const held = journal.size;
      expect(held).toBeLessThan(20);
      await journal.append([hash(50)], row(50));
      for (let r = 0; r < 20; r++) {
        expect(journal.has(hash(r))).toBe(r < held);
        if (r < held) expect(new Float32Array((await journal.read(hash(r))).buffer)).toEqual(row(r));
      }
      expect(new Float32Array((await journal.read(hash(50))).buffer)).toEqual(row(50));
      await journal.close();
    }
    unlinkSync(path);
  });

  it("gives its rows in any order, in their own while more are added, and several at once", async () => {
    const path = join(folder, `${names++}.journal`);
    await filled(path, 400);
    const journal = await RowJournal.open(path, key, 8);
    const same = async (i: number) => expect(new Float32Array((await journal.read(hash(i))).buffer)).toEqual(row(i));
    const order = Array.from({ length: 400 }, (_, i) => i);
    for (const i of [...order, ...order.toReversed(), ...order.map((i) => (i * 7) % 400)]) await same(i);
    for (let i = 402; i < 1000; i++) {
      if (i % 3 === 0)
        await journal.append(
          order.slice(0, 3).map((k) => hash(i + k)),
          Float32Array.from(order.slice(0, 3).flatMap((k) => [...row(i + k)])),
        );
      if (i >= 404) await same(i - 2);
    }
    await Promise.all(order.map(same));
    await journal.close();
  });

  it("of another model or setting is begun anew", async () => {
    const path = join(folder, `${names++}.journal`);
    await filled(path, 3);
    const other = await RowJournal.open(path, new Uint8Array(32).fill(8), 8);
    expect([other.size, other.opened.otherKey]).toEqual([0, true]);
    await other.close();
    const wider = await RowJournal.open(path, new Uint8Array(32).fill(8), 16);
    expect(wider.size).toBe(0);
    await wider.close();
  });

  it("keeps a row once, in many pieces or in one, and is gone when its rows are elsewhere", async () => {
    const path = join(folder, `${names++}.journal`);
    const journal = await RowJournal.open(path, key, 8);
    const three = new Float32Array([...row(0), ...row(1), ...row(0)]);
    await journal.append([hash(0), hash(1)], three);
    await journal.append([hash(1), hash(2), hash(0)], new Float32Array([...row(9), ...row(2), ...row(9)]));
    await journal.sync();
    expect(journal.size).toBe(3);
    for (let i = 0; i < 3; i++) expect(new Float32Array((await journal.read(hash(i))).buffer)).toEqual(row(i));
    await expect(journal.read(hash(5))).rejects.toThrow(RangeError);
    await journal.remove();
    expect(() => readFileSync(path)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});
