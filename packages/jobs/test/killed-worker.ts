// A worker as a program of its own, to be killed: works on every shard of the store named on its command line, slowly, and notes every row that
// it embeds in the file named second.

import { appendFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { folderStore, type PlanRow, readJob, workAll } from "../src/index.js";
import { embedMadeUp, inOne, joinMadeUp } from "./made-up-work.js";

const [folder = "", notes = "", rows = "4"] = process.argv.slice(2);
const store = folderStore(folder);
const job = await readJob(store);
const chunkRows = Number(rows);
const embed = async (some: readonly PlanRow[]) => {
  await wait(2);
  // noted before it is given back: what is killed then counts as work
  appendFileSync(notes, "x".repeat(some.length));
  return embedMadeUp(some);
};
for await (const worked of workAll(store, job, { chunkRows, turn: process.pid, join: joinMadeUp, embed: inOne(embed) })) {
  if ("error" in worked) throw worked.error;
}
