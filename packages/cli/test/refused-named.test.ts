// Every command over images names the file that it refuses, whatever is wrong with it.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { greyPng } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder, writeClasses } from "./call.js";

const HOST = ["--device", "wasm", "--cache", "off"];
/** Commands that learn or measure: a range that nobody said is refused there. */
const LEARNING: Readonly<Record<string, readonly string[]>> = {
  train: ["train", "./set", "--all", "--out", "b.safetensors", "--set", "epochs=1", ...HOST],
  eval: ["eval", "./set", "--split", "train", ...HOST],
  sweep: ["sweep", "./set", "--shots", "1", "--seeds", "1", "--method", "zero-shot", "--against", "zero-shot", "--out", "r", ...HOST],
  "data lint": ["data", "lint", "./set"],
};
const COMMANDS: typeof LEARNING = {
  ...LEARNING,
  classify: ["classify", "set", "--class", "a", "--class", "b", "--device", "wasm"],
  embed: ["embed", "set", "--out", "rows.safetensors", "--device", "wasm"],
};
const png = (side: number) => greyPng(side, side, 8, (i) => i % 256);
const KINDS: Readonly<Record<string, () => Uint8Array>> = {
  "cut off": () => png(32).subarray(0, 60),
  "no picture": () => Buffer.from("no picture"),
  empty: () => new Uint8Array(0),
};

/** A set of two classes with one more image. */
function spoiled(bytes: Uint8Array): string {
  const place = folder("refused");
  writeClasses(join(place, "set"), 2, 4);
  const [name = ""] = readdirSync(join(place, "set")).sort();
  writeFileSync(join(place, "set", name, "0-refused.png"), bytes);
  return place;
}

/** The command where it stops; eval looks at one side of a split alone, whichever has the image. */
async function stopped(words: readonly string[], cwd: string) {
  const answer = await call(words, { cwd });
  return answer.code !== 0 || words[0] !== "eval"
    ? answer
    : call(
        words.map((word) => (word === "train" ? "test" : word)),
        { cwd },
      );
}

describe.each(Object.entries(COMMANDS))("%s", (_, words) => {
  it.each(Object.keys(KINDS))("names an image that is %s", async (kind) => {
    const { code, err } = await stopped(words, spoiled((KINDS[kind] as () => Uint8Array)()));
    expect(code, err).not.toBe(0);
    expect(err).toMatch(/0-refused\.png: /);
    expect(err.match(/0-refused\.png: [^\n]*0-refused\.png: /)).toBeNull();
  });
});

it.each(Object.entries(LEARNING))("%s names an image whose values need a range", async (_, words) => {
  const { code, err } = await stopped(words, spoiled(greyPng(32, 32, 16, (i) => i % 900)));
  expect([code, err]).toEqual([expect.any(Number), expect.stringMatching(/0-refused\.png: range — expected one.*--range/)]);
  expect(code).not.toBe(0);
});
