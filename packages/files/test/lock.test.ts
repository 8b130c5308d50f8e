// Locks between processes: one at a time, waited for, taken over from the dead, and told when they are lost.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { bundleForNode, runChild } from "@biovlm/testkit";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { thisHost, withLock } from "../src/node/index.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-lock-"));
let path = "";
let count = 0;
beforeEach(() => {
  path = join(base, String(count++), "x.lock");
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe("withLock", () => {
  it("lets one holder work at a time, and leaves nothing behind", async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await delay(5);
      inside--;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(path, work)));
    expect(most).toBe(1);
    expect(readdirSync(join(path, ".."))).toEqual([]);
  });

  it("is let go when the work fails, and gives what the work gives", async () => {
    await expect(withLock(path, () => Promise.reject(new Error("work")))).rejects.toThrow("work");
    expect(await withLock(path, async () => 7, { waitMs: 0 })).toBe(7);
  });

  it("is refused after the wait with the holder named, who is told of once", async () => {
    const holders: (number | undefined)[] = [];
    await withLock(path, async () => {
      const second = withLock(path, async () => 0, { waitMs: 60, onWait: (holder) => holders.push(holder?.pid) });
      await expect(second).rejects.toMatchObject({ code: "locked", message: expect.stringContaining(`process ${process.pid}`) });
    });
    expect(holders).toEqual([process.pid]);
  });

  it("stops waiting when told, with the reason it was told", async () => {
    await withLock(path, async () => {
      await expect(withLock(path, async () => 0, { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({ name: "TimeoutError" });
    });
  });

  it("is taken over from a dead process and from one that went silent; a damaged file is judged by its age", async () => {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, host: thisHost(), token: "t" }));
    expect(await withLock(path, async () => "dead", { waitMs: 1000 })).toBe("dead");
    for (const content of [JSON.stringify({ pid: 1, host: "elsewhere", token: "t" }), "{ torn"]) {
      writeFileSync(path, content);
      await expect(withLock(path, async () => 0, { waitMs: 20 })).rejects.toMatchObject({ code: "locked" });
      utimesSync(path, new Date(0), new Date(0));
      expect(await withLock(path, async () => "silent", { waitMs: 1000 })).toBe("silent");
    }
  });

  it("tells the work when the lock was lost, and does not remove another's", async () => {
    const other = JSON.stringify({ pid: 1, host: "elsewhere", token: "other" });
    await withLock(
      path,
      async (lost) => {
        unlinkSync(path);
        writeFileSync(path, other);
        await new Promise((resolve) => lost.addEventListener("abort", resolve));
        expect(lost.reason).toMatchObject({ code: "locked" });
      },
      { staleMs: 60 },
    );
    expect(readFileSync(path, "utf8")).toBe(other);
  });

  it("keeps two processes apart", async () => {
    mkdirSync(join(path, ".."), { recursive: true });
    const log = join(path, "..", "log");
    const child = await bundleForNode(join(import.meta.dirname, "lock-child.ts"), join(path, "..", "child.mjs"));
    const runs = await Promise.all([runChild(child, [path, log, "a"]), runChild(child, [path, log, "b"])]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    const words = readFileSync(log, "utf8").trim().split("\n");
    expect(words).toHaveLength(80);
    // every entry is followed by the same process's exit
    for (let i = 0; i < words.length; i += 2) expect(words[i + 1]).toBe(`${words[i]?.split(" ")[0]} out`);
    expect(new Set(words.map((word) => word.split(" ")[0])).size).toBe(2);
  });
});
