// A process that takes a lock twenty times and writes when it goes in and out.

import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { withLock } from "../src/node/index.js";

const [lock = "", log = "", name = ""] = process.argv.slice(2);
for (let i = 0; i < 20; i++) {
  await withLock(lock, async () => {
    appendFileSync(log, `${name} in\n`);
    await delay(2);
    appendFileSync(log, `${name} out\n`);
  });
}
