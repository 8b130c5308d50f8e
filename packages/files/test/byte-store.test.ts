// The key → bytes stores of caches and checkpoints: both answer alike, keys are names, and damage on disk is never handed out.

import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases, mutations, seeded } from "@biovlm/testkit";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type ByteStore, FilesError, memoryStore } from "../src/index.js";
import { fileStore, writeFileAtomic } from "../src/node/index.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-bytes-"));
let folder = "";
let count = 0;
beforeEach(() => {
  folder = join(base, String(count++));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const stores: Record<string, () => ByteStore> = { memory: memoryStore, folder: () => fileStore(folder) };

describe.each(Object.keys(stores))("a byte store in a %s", (kind) => {
  it("gives back what was put, and undefined for what was not", async () => {
    const store = stores[kind]!();
    expect(await store.get("a/b")).toBeUndefined();
    expect(await store.list("")).toEqual([]);
    await store.put("a/b", new Uint8Array([1, 2, 3]));
    await store.put("a/b/c", new Uint8Array(0));
    await store.put("b", new Uint8Array([9]));
    expect(await store.get("a/b")).toEqual(new Uint8Array([1, 2, 3]));
    expect(await store.get("a/b/c")).toEqual(new Uint8Array(0));
    expect(await store.list("")).toEqual(["a/b", "a/b/c", "b"]);
    expect(await store.list("a/")).toEqual(["a/b", "a/b/c"]);
    await store.put("a/b", new Uint8Array([4]));
    expect(await store.get("a/b")).toEqual(new Uint8Array([4]));
    await store.delete("a/b");
    await store.delete("never/there");
    expect(await store.list("")).toEqual(["a/b/c", "b"]);
  });

  it("keeps its own copy of the bytes", async () => {
    const store = stores[kind]!();
    const bytes = new Uint8Array([1, 2]);
    await store.put("k", bytes);
    bytes[0] = 7;
    const first = (await store.get("k"))!;
    expect(first[0]).toBe(1);
    first[1] = 7;
    expect((await store.get("k"))![1]).toBe(2);
  });

  it("refuses keys that are no names, and touches nothing", async () => {
    const store = stores[kind]!();
    const bad = [
      "",
      "/a",
      "a/",
      "a//b",
      "..",
      "../a",
      "a/../b",
      "a\\b",
      "a\0b",
      ".hidden",
      "a/.b",
      "-a",
      "a b",
      "é",
      "a\n",
      "C:",
      "~",
      "a".repeat(201),
      "a/b/c/d/e/f/g/h/i",
    ];
    for (const key of [...bad, 7 as unknown as string, null as unknown as string]) {
      for (const work of [() => store.get(key), () => store.put(key, new Uint8Array(1)), () => store.delete(key)]) {
        await expect(work()).rejects.toMatchObject({ code: "bad_key" });
      }
    }
    expect(readdirSync(base)).not.toContain("a");
    expect(await store.list("")).toEqual([]);
  });
});

describe("a byte store in a folder", () => {
  const warned: string[] = [];
  const open = () => fileStore(folder, { onWarning: (message) => warned.push(message) });
  const entryFile = () => join(folder, readdirSync(folder)[0]!);

  it("treats every flipped, cut, grown or foreign entry as absent, and says so", async () => {
    const store = open();
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
    await store.put("k", bytes);
    const sound = new Uint8Array(readFileSync(entryFile()));
    const random = seeded(3);
    const damaged = [...mutations(11, sound, cases(500))];
    for (let i = 0; i < cases(200); i++) {
      const flipped = sound.slice();
      flipped[random.below(flipped.length)]! ^= 1 << random.below(8);
      damaged.push(flipped, sound.slice(0, random.below(sound.length)));
    }
    let refused = 0;
    for (const file of damaged) {
      writeFileSync(entryFile(), file);
      warned.length = 0;
      const got = await store.get("k");
      if (Buffer.compare(file, sound) === 0) expect(got).toEqual(bytes);
      else {
        expect(got).toBeUndefined();
        expect(warned).toHaveLength(1);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(damaged.length / 2);
    await store.put("k", bytes);
    expect(await store.get("k")).toEqual(bytes);
  });

  it("does not take another key's entry for its own", async () => {
    const store = open();
    await store.put("one", new Uint8Array([1]));
    writeFileSync(join(folder, "two.~entry"), readFileSync(entryFile()));
    expect(await store.get("two")).toBeUndefined();
  });

  it("removes what a dead process left half-written", async () => {
    const store = open();
    await store.put("k", new Uint8Array([1]));
    writeFileSync(join(folder, ".k.~entry.999999999-0123456789ab.tmp"), "half");
    await open().put("k", new Uint8Array([2]));
    expect(readdirSync(folder)).toEqual(["k.~entry"]);
  });

  it("says what failed, typed, when the folder is a file", async () => {
    writeFileSync(folder, "");
    const failure = await open()
      .put("k", new Uint8Array(1))
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FilesError);
  });
});

describe("an atomic write", () => {
  it("leaves a device, a pipe or a link to one what it is", async () => {
    mkdirSync(folder);
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const link = join(folder, "link");
    symlinkSync("/dev/null", link);
    for (const path of [pipe, link]) {
      await expect(writeFileAtomic(path, "text")).rejects.toMatchObject({ code: "io_error" });
    }
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(["link", "pipe"]);
  });
});

describe("a folder with a limit", () => {
  /** An entry's file takes one block of 4096 bytes or more; these take two. */
  const two = (fill: number) => new Uint8Array(5000).fill(fill);
  /** File times count in steps of the system's clock. */
  const later = () => new Promise((resolve) => setTimeout(resolve, 15));
  const onDisk = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, { parentPath, name }) => sum + lstatSync(join(parentPath, name)).size, 0);

  it("lets those go that were neither written nor read for longest, and keeps within the limit", async () => {
    const store = fileStore(folder, { maxBytes: 8 * 8192 });
    for (let i = 0; i < 8; i++) {
      await store.put(`a/${i}`, two(i));
      await later();
    }
    expect(await store.list("")).toHaveLength(8);
    // read, so it is not the oldest any more
    expect(await store.get("a/0")).toEqual(two(0));
    await later();
    await store.put("b/new", two(9));
    expect(await store.list("")).toEqual(["a/0", "a/3", "a/4", "a/5", "a/6", "a/7", "b/new"]);
    expect(await store.get("b/new")).toEqual(two(9));
    for (let i = 0; i < 40; i++) {
      await store.put(`c/${i}`, two(i));
      expect(onDisk()).toBeLessThanOrEqual(8 * 8192);
    }
    expect(await store.get("c/39")).toEqual(two(39));
  });

  it("counts what another process, or an earlier one without a limit, left there", async () => {
    const before = fileStore(folder);
    for (let i = 0; i < 12; i++) await before.put(`old/${i}`, two(i));
    await later();
    const store = fileStore(folder, { maxBytes: 4 * 8192 });
    await store.put("new", two(1));
    const left = await store.list("");
    expect(left).toContain("new");
    expect(left).toHaveLength(3);
  });

  it("does not keep what is larger than the limit, nor the old bytes under its key, and 0 keeps nothing", async () => {
    const store = fileStore(folder, { maxBytes: 8192 });
    await store.put("k", two(1));
    await store.put("k", new Uint8Array(9000));
    expect(await store.get("k")).toBeUndefined();
    const none = fileStore(folder, { maxBytes: 0 });
    await none.put("k", Uint8Array.of(1));
    expect(await none.list("")).toEqual([]);
  });

  it("touches no file that is not an entry", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "notes.txt"), new Uint8Array(100_000));
    const store = fileStore(folder, { maxBytes: 8192 });
    for (let i = 0; i < 3; i++) await store.put(`k${i}`, two(i));
    expect(readFileSync(join(folder, "notes.txt"))).toHaveLength(100_000);
    expect(await store.list("")).toEqual(["k2"]);
  });
});
