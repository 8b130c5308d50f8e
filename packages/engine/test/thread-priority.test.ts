// Threads of an encoding process: the main one before those that decode.

import { readdirSync } from "node:fs";
import { getPriority } from "node:os";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { mainThreadFirst } from "../src/process/thread-priority.js";

const threads = () => readdirSync("/proc/self/task").map(Number);

describe.runIf(process.platform === "linux")("the main thread first", () => {
  it("puts the threads that are there behind it, not those it starts later", async () => {
    const own = getPriority(process.pid);
    const before = threads();
    await mainThreadFirst();
    const after = threads();
    const behind = after.filter((thread) => thread !== process.pid && getPriority(thread) > own);
    expect(getPriority(process.pid)).toBe(own);
    expect(behind).toEqual(expect.arrayContaining(before.filter((thread) => thread !== process.pid && after.includes(thread))));
    // four of them at least: the pool that files, and sharp's images, are read in
    expect(behind.length).toBeGreaterThanOrEqual(4);

    const worker = new Worker("require('node:worker_threads').parentPort.once('message', () => process.exit())", { eval: true });
    await new Promise((resolve) => worker.once("online", resolve));
    const started = threads().filter((thread) => !after.includes(thread));
    expect(started.length).toBeGreaterThan(0);
    expect(started.map(getPriority)).toEqual(started.map(() => own));
    worker.postMessage("end");
    await new Promise((resolve) => worker.once("exit", resolve));
  });
});
