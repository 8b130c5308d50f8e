// A job over made-up rows, and an embedder of them that is a function of the row alone.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eachFile } from "@biovlm/testkit";
import { type PlanRow, planJob } from "../src/index.js";
import type { JobStore } from "../src/job-store.js";

let base = "";
eachFile(import.meta.dirname, () => {
  base = mkdtempSync(join(tmpdir(), "biovlm-jobs-"));
  return () => rmSync(base, { recursive: true, force: true });
});
let count = 0;
export const place = (): string => join(base, `store-${count++}`);

export function* madeUpRows(count: number): Generator<PlanRow> {
  for (let i = 0; i < count; i++) yield { uri: `folder-${i % 7}/image-${i}.png`, size: 1000 + (i % 13) };
}

export const FACTS = { model: "a".repeat(64), precision: "fp32", batch: 8, normalized: true };

export const planned = async (store: JobStore, rows: number, shardRows = 10) =>
  (await planJob(store, madeUpRows(rows), { source: "/images", facts: FACTS, shardRows })).job;

/** Every committed file of a store, by its key. */
export function committed(folder: string): Record<string, string> {
  const files = (below: string) => readdirSync(join(folder, below)).filter((name) => !name.startsWith("."));
  return Object.fromEntries(
    ["commits", "parts"].flatMap((below) =>
      files(below).map((name) => [`${below}/${name}`, readFileSync(join(folder, below, name)).toString("base64")]),
    ),
  );
}
