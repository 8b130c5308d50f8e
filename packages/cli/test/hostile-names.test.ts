// Reliability R6 on the command line: names that would leave their folder end in exit code 2 or 3, and no file is touched.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cases, seeded, soak } from "@biovlm/testkit";
import { describe, expect, it, vi } from "vitest";
import { base, call, folder, home, listing, writePhantoms } from "./call.js";

if (soak) vi.setConfig({ testTimeout: 300_000 });
const PIECES = [
  "..",
  "../",
  "..\\",
  "/",
  "\\",
  "%2e%2e%2f",
  "%2f",
  "\u0000",
  ".",
  "~",
  "$HOME",
  "`id`",
  "a b",
  "é",
  "\u202e",
  "con",
  "-",
  "--",
  "*",
  "?",
  "models",
  "x",
  ":",
  "|",
  "\n",
  "\uff0f",
  "\ud800",
];
const FIXED = [
  "../../etc/passwd",
  "..",
  ".",
  "/etc/passwd",
  "....//....//etc",
  "a/../../b",
  "..%2f..%2fetc",
  "a\u0000.safetensors",
  "C:\\windows",
  "\\\\host\\share",
  "x".repeat(65),
  "x".repeat(5000),
  "-x",
  ".hidden",
  " ",
  "a b",
  "a\nb",
  "__proto__",
  "constructor",
  "toString",
  "x/..",
  "./x",
  "~root",
  "$(id)",
  "file:///etc/passwd",
  "http://127.0.0.1/x",
];

function payloads(count: number): string[] {
  const random = seeded(66);
  const made = Array.from({ length: Math.max(0, count - FIXED.length) }, () =>
    Array.from({ length: 1 + random.below(5) }, () => PIECES[random.below(PIECES.length)]!).join(""),
  );
  return [...FIXED, ...made].slice(0, count);
}

describe("names that mean to leave their folder (R6)", () => {
  const [image] = writePhantoms(folder("phantoms"), 1);
  const places: readonly (readonly [string, (name: string) => string[]])[] = [
    ["models rm", (name) => ["models", "rm", "--", name]],
    ["models verify", (name) => ["models", "verify", "--", name]],
    ["models bundle", (name) => ["models", "bundle", "--", name]],
    // owner/name is how a repository is spelt: one folder more is not.
    ["models pull", (name) => ["models", "pull", "--", /^[\w.-]+\/[\w.-]+$/.test(name) ? `${name}/..` : name]],
    ["models import --name", (name) => ["models", "import", "nowhere", `--name=${name}`]],
    ["data pull", (name) => ["data", "pull", "--", name]],
    ["data verify", (name) => ["data", "verify", "--", name]],
    ["classify --dataset", (name) => ["classify", image!, `--dataset=${name}`]],
    // A model or bank may also be a path of the user's own: below a folder that is not there, no path exists.
    [
      "classify --model",
      (name) => [
        "classify",
        image!,
        "--class=a",
        "--class=b",
        `--model=${/[\\/]|^\.{1,2}$/.test(name) ? `./gone/gone/gone/gone/gone/gone/gone/${name}/gone` : name}`,
      ],
    ],
    ["classify --bank", (name) => ["classify", image!, `--bank=./gone/gone/gone/gone/gone/gone/gone/${name}/gone`]],
  ];

  it.each(places)("are refused by %s", async (_where, words) => {
    process.env["HF_ENDPOINT"] = "http://127.0.0.1:9";
    process.env["HF_HUB_CACHE"] = join(base, "hub");
    process.env["BIOVLM_DATA"] = join(base, "data");
    const cwd = folder("empty");
    mkdirSync(home, { recursive: true });
    writeFileSync(join(base, "canary"), "untouched");
    const before = listing(base);
    for (const name of payloads(cases(500))) {
      const { code, out, err } = await call(words(name), { cwd });
      expect([name, code, out, err]).toEqual([
        name,
        expect.toSatisfy((c: number) => c === 2 || c === 3),
        "",
        expect.stringContaining("error["),
      ]);
    }
    expect(listing(base)).toEqual(before);
  });
});
