import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkName, FilesError } from "@biovlm/files";
import { seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { openModelStore } from "../src/node/store/model-store.js";

const seeds = [
  "..",
  ".",
  "",
  "../x",
  "..\\x",
  "/etc/passwd",
  "C:\\x",
  "a/b",
  "a\\b",
  "a/../b",
  "%2e%2e%2f",
  "..%c0%af",
  "a\u0000",
  "a\n",
  "\na",
  "a b",
  " a",
  "a ",
  "~",
  "-rf",
  "_a",
  ".hidden",
  "$HOME",
  "`id`",
  "a;b",
  "a|b",
  "a:b",
  "a*",
  "ä",
  "ａ",
  "a\u202eb",
  "a\u200b",
  "😀",
  "a@1",
  "<script>",
  "a".repeat(65),
  "\ud800",
];

/** 500 payloads: the seeds, each wrapped, joined and doubled in ways that attacks use. */
function payloads(): string[] {
  const random = seeded(6);
  const found = new Set(seeds);
  const glue = ["/", "\\", "%2f", "\u0000", "../", "\r\n", "/./", "//", "\u2215", "\u29f8", ";", "?"];
  while (found.size < 500) {
    const parts = Array.from({ length: 2 + random.below(3) }, () => random.pick([...seeds, "model", "tiny", "etc", "passwd"]));
    found.add(parts.join(random.pick(glue)));
  }
  return [...found];
}

const codeOf = (run: () => unknown) => {
  try {
    run();
    return "accepted";
  } catch (error) {
    return error instanceof FilesError ? error.code : String(error);
  }
};

describe("checkName", () => {
  it("passes plain names as they are", () => {
    for (const name of ["a", "tiny", "BiomedCLIP-PubMedBERT_256", "0", "v1.2", "a..b", "x".repeat(64), "constructor"])
      expect(checkName(name)).toBe(name);
  });

  it("refuses 500 of 500 payloads, and values that are no text (R6)", () => {
    const all = payloads();
    expect(all).toHaveLength(500);
    for (const name of all)
      expect(
        codeOf(() => checkName(name)),
        JSON.stringify(name),
      ).toBe("bad_name");
    for (const value of [undefined, null, 1, {}, ["a"], { toString: () => "a" }, Symbol("a"), new String("a")])
      expect(codeOf(() => checkName(value))).toBe("bad_name");
  });

  it("shows a hostile name quoted, short and without control characters", () => {
    for (const name of payloads()) {
      const message = (() => {
        try {
          return checkName(name);
        } catch (error) {
          return (error as Error).message;
        }
      })();
      expect(message.length).toBeLessThan(800);
      expect(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(message), JSON.stringify(name)).toBe(false);
    }
  });

  it("stands before the model store: no payload opens, removes or makes a file", async () => {
    // a folder in a folder: what `..` leads to is the test's own too
    const around = mkdtempSync(join(tmpdir(), "biovlm-names-"));
    const base = join(around, "base");
    mkdirSync(base);
    try {
      const store = openModelStore(join(base, "home"));
      const before = readdirSync(base, { recursive: true }).sort();
      for (const name of payloads()) {
        for (const act of [() => store.open(name), () => store.remove(name)]) {
          const error: unknown = await act().then(
            () => "done",
            (e: unknown) => e,
          );
          expect((error as FilesError).code, JSON.stringify(name)).toBe("bad_name");
        }
      }
      expect(readdirSync(base, { recursive: true }).sort()).toEqual(before);
      expect(readdirSync(around)).toEqual(["base"]);
    } finally {
      rmSync(around, { recursive: true, force: true });
    }
  });
});
