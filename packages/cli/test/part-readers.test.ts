// A bulk job's parts as others read them: pyarrow, DuckDB, pandas and safetensors, by the lines that docs/bulk.md gives.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder, writePhantoms } from "./call.js";

const python = findProgram("pyarrow");

describe("parts of a bulk job", () => {
  it.skipIf(python === undefined)(
    "are tables and tensors for Python's readers, found by any name, by the five lines of the docs",
    async () => {
      const images = folder("readers");
      const made = writePhantoms(folder("phantoms"), 1);
      // bounds of a column are cut after sixteen bytes, within a letter or before one that UTF-16 sorts elsewhere
      const names = [
        "plain.png",
        "\u{1F600}\u{1F600}\u{1F600}\u{1F600}\u{1F600}.png",
        "\uFF5E\uFF5E\uFF5E\uFF5E\uFF5E\uFF5E.png",
        "üüüüüüüüüüüü.png",
        "it's.png",
      ];
      for (const [i, name] of names.entries()) copyFileSync(made[i % made.length]!, join(images, name));
      mkdirSync(join(images, "a"));
      writeFileSync(join(images, "a", "bad.png"), "no picture");
      const store = join(folder("readers store"), "job ü");
      const asked = async (...words: string[]) => expect(await call(["bulk", ...words])).toMatchObject({ code: 0 });
      await asked("plan", images, store, "--dataset", "busi", "--output", "both", "--shard-rows", "4", "--device", "cpu");
      await asked("work", store, "--all");
      await asked("merge", store);
      const docs = readFileSync(join(import.meta.dirname, "../../../docs/bulk.md"), "utf8");
      const lines = /```python\n([\s\S]*?)```/.exec(docs)![1]!;
      expect(lines.trim().split("\n")).toHaveLength(5);
      const words = [join(import.meta.dirname, "part-readers.py"), store, lines.replace('"/shared/job"', "folder")];
      const { stdout, stderr } = spawnSync(python!, words, { encoding: "utf8", timeout: 120_000 });
      expect(stderr).toBe("");
      const said = JSON.parse(stdout);
      const count = names.length;
      expect(said).toMatchObject({
        ...{ rows: count + 1, errors: ["unsupported_format"], embeddings: [count, 128], missing: 1, best: count, digests: true },
        types: { row: "INTEGER", uri: "VARCHAR", sha256: "VARCHAR", error: "VARCHAR", probabilities: "FLOAT[]", entropies: "FLOAT[]" },
        ...{ metadata: { format: "biovlm-embeddings-part/1" }, notice: "Research use only, not a medical device." },
      });
      expect(said.uris).toEqual([
        "a/bad.png",
        ...readdirSync(images)
          .filter((name) => name.endsWith(".png"))
          .sort(),
      ]);
      expect(said.found).toEqual(Array.from({ length: count + 1 + count }, () => [1, 1]));
      for (const sum of [...said.sums, ...said.norms]) expect(sum).toBeCloseTo(1, 5);
      expect(said.prompts).toHaveLength(1);
    },
  );
});
