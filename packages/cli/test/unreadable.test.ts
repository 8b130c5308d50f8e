// Images of a data set that cannot be read: all of them named before anything is learned, or left out and counted.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { call, folder, writeClasses } from "./call.js";

const QUICK = ["--set", "epochs=1", "--device", "wasm", "--cache", "off", "--twins", "off"];

/** A folder of two classes with two files that are no images and one that is cut off; their names. */
function spoiled(): { readonly place: string; readonly bad: readonly string[] } {
  const place = folder("spoiled");
  writeClasses(join(place, "set"), 2, 8);
  const bad: string[] = [];
  for (const [i, name] of readdirSync(join(place, "set")).sort().entries()) {
    const files = readdirSync(join(place, "set", name)).sort();
    const whole = readFileSync(join(place, "set", name, files[0] ?? ""));
    for (const [file, bytes] of [
      [files[0], whole.subarray(0, whole.length >> 1)],
      [files[1], Buffer.from("no picture")],
    ].slice(0, i + 1) as [string, Buffer][]) {
      writeFileSync(join(place, "set", name, file), bytes);
      bad.push(`${name}/${file}`);
    }
  }
  return { place, bad };
}

it("train names every one of them before it learns, and keeps their number in the bank where they are left out", async () => {
  const { place, bad } = spoiled();
  const train = (...words: string[]) => call(["train", "./set", "--all", "--out", "bank.safetensors", ...QUICK, ...words], { cwd: place });
  const stopped = await train();
  expect(stopped.code).toBe(1);
  for (const name of bad) expect(stopped.err).toContain(`${name}: error[`);
  expect(stopped.err).toMatch(/error\[unreadable_images\].*16 to be readable, got 3 that are not/);
  expect(existsSync(join(place, "bank.safetensors"))).toBe(false);
  const learned = await train("--skip-unreadable");
  expect(learned.code, learned.err).toBe(0);
  for (const name of bad) expect(learned.err).toContain(`${name}: left out[`);
  const shown = await call(["bank", "show", "bank.safetensors", "--json"], { cwd: place });
  expect(JSON.parse(shown.out)).toMatchObject({ options: { unreadable: 3, images: 13 } });
});

it("eval and sweep do so, too", async () => {
  const { place, bad } = spoiled();
  for (const words of [
    ["eval", "./set", "--split", "train"],
    ["sweep", "./set", "--shots", "1", "--seeds", "1", "--method", "zero-shot", "--against", "zero-shot", "--out", "results"],
  ]) {
    const asked = [...words, "--device", "wasm", "--cache", "off", "--twins", "off"];
    const stopped = await call(asked, { cwd: place });
    expect([stopped.code, stopped.err]).toEqual([1, expect.stringContaining("error[unreadable_images]")]);
    const named = bad.filter((name) => stopped.err.includes(`${name}: error[`));
    expect(named.length).toBeGreaterThan(0);
    const done = await call([...asked, "--skip-unreadable"], { cwd: place });
    expect(done.code, done.err).toBe(0);
    for (const name of named) expect(done.err).toContain(`${name}: left out[`);
  }
});

it("a class that has no other image to learn from is said", async () => {
  const place = folder("emptied");
  writeClasses(join(place, "set"), 2, 8);
  const [first = ""] = readdirSync(join(place, "set")).sort();
  for (const file of readdirSync(join(place, "set", first))) writeFileSync(join(place, "set", first, file), `no picture ${file}`);
  const { code, err } = await call(["train", "./set", "--all", ...QUICK, "--skip-unreadable"], { cwd: place });
  expect([code, err]).toEqual([2, expect.stringContaining("expected images that can be read, got none")]);
});
