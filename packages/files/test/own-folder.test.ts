// Folders that go with their process, also where it was killed; what a live one uses, or looks alike and is none, stays.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleForNode } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { ownFolder, sweepOwnFolders } from "../src/node/index.js";

const root = mkdtempSync(join(tmpdir(), "biovlm-own-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const place = (name: string) => join(root, name);

describe("a folder of a process", () => {
  it("is closed to others, and goes when it is closed", async () => {
    const parent = place("made/below");
    const { path, close } = await ownFolder(parent);
    if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o700);
    writeFileSync(join(path, "x"), "x");
    expect(await sweepOwnFolders(parent)).toBe(0);
    await close();
    expect(readdirSync(parent)).toEqual([]);
    expect(await sweepOwnFolders(place("none"))).toBe(0);
  });

  it("stays while its process lives, and is removed once that was killed", async () => {
    const script = await bundleForNode(fileURLToPath(new URL("own-folder-child.ts", import.meta.url)), place("child.mjs"));
    const child = spawn(process.execPath, [script, place("killed")]);
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    const path = said.toString().trim();
    expect(await sweepOwnFolders(place("killed"))).toBe(0);
    expect(existsSync(join(path, "names"))).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(join(path, "names"))).toBe(true);
    expect(await sweepOwnFolders(place("killed"))).toBe(1);
    expect(readdirSync(place("killed"))).toEqual([]);
  });

  it("of a number that another process got since goes at once; of another host, after a day without a sign", async () => {
    const parent = place("others");
    const { path, close } = await ownFolder(parent);
    const [, pid = "", start = "", host = ""] = basename(path).split("-");
    const named = (...parts: string[]) => {
      const made = join(parent, `.biovlm-${parts.join("-")}-0123456789ab`);
      mkdirSync(made);
      return made;
    };
    if (start !== "0") {
      const before = named(pid, String(Number(start) - 1), host);
      expect([await sweepOwnFolders(parent), existsSync(before)]).toEqual([1, false]);
    }
    const elsewhere = named("1", "1", host === "00000000" ? "11111111" : "00000000");
    const aDayAgo = new Date(Date.now() - 86_500_000);
    expect(await sweepOwnFolders(parent)).toBe(0);
    utimesSync(elsewhere, aDayAgo, aDayAgo);
    // a file, a link and another name are no such folders
    for (const other of [join(parent, ".biovlm-1-1-00000000-0123456789ac"), join(parent, "mine")]) writeFileSync(other, "");
    symlinkSync(path, join(parent, ".biovlm-1-1-00000000-0123456789ad"));
    expect(await sweepOwnFolders(parent)).toBe(1);
    expect([existsSync(elsewhere), existsSync(path)]).toEqual([false, true]);
    expect(readdirSync(parent)).toHaveLength(4);
    await close();
  });
});
