// A worker of a queue as a program of its own, to be killed: the store, the server and the file for its notes are named on its command line.

import { appendFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { folderStore, type PlanRow, readJob } from "../src/index.js";
import { workQueue } from "../src/redis/index.js";
import { embedMadeUp, inOne, MADE_UP } from "./made-up-work.js";

const [folder = "", url = "", notes = ""] = process.argv.slice(2);
const store = folderStore(folder);
const embed = async (rows: readonly PlanRow[]) => {
  await wait(3);
  appendFileSync(notes, "x".repeat(rows.length));
  return embedMadeUp(rows);
};
for await (const worked of workQueue(store, await readJob(store), { ...MADE_UP, embed: inOne(embed), url, lockMs: 1000 })) {
  if ("error" in worked) throw worked.error;
}
