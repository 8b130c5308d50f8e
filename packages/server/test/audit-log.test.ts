// The audit log: whole after any crash, and a change of any byte is seen.

import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "@biovlm/engine";
import { bundleForNode, cases, seeded } from "@biovlm/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { verifyAuditLog } from "../src/audit-chain.js";
import { type AuditRecord, openAuditLog } from "../src/audit-log.js";
import { auditingEngine } from "../src/auditing-engine.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "audit-"));
  path = join(folder, "audit.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function written(lines: number): Promise<string> {
  const log = await openAuditLog(path);
  await Promise.all(
    Array.from({ length: lines }, (_, i) =>
      log.append({ request: `r${i}`, route: "/v1/classify", status: 200, images: [{ sha256: "ab", class: "normal" }] }),
    ),
  );
  await log.close();
  return log.head;
}

describe("the audit log", () => {
  it("verifies as it was written, and goes on where it ended", async () => {
    await written(20);
    const head = await written(5);
    expect(await verifyAuditLog(path)).toEqual({ ok: true, lines: 25, head });
  });

  it("shows a change of any byte but the last line's own", async () => {
    await written(10);
    const bytes = readFileSync(path);
    const lastLine = bytes.lastIndexOf(10, bytes.length - 2) + 1;
    const random = seeded(7);
    for (let i = 0; i < cases(500); i++) {
      const at = Math.floor(random.next() * lastLine);
      const changed = Buffer.from(bytes);
      changed[at] = changed[at]! ^ (1 + Math.floor(random.next() * 127));
      writeFileSync(path, changed);
      expect((await verifyAuditLog(path)).ok, `byte ${at}`).toBe(false);
    }
  });

  it("shows a line taken out, put in, or moved, and names it", async () => {
    await written(6);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const verify = (kept: string[]) => {
      writeFileSync(path, `${kept.join("\n")}\n`);
      return verifyAuditLog(path);
    };
    expect(await verify(lines.toSpliced(2, 1))).toMatchObject({ ok: false, brokenAt: 3 });
    expect(await verify(lines.toSpliced(3, 0, lines[2]!))).toMatchObject({ ok: false, brokenAt: 4 });
    expect(await verify([lines[1]!, lines[0]!, ...lines.slice(2)])).toMatchObject({ ok: false, brokenAt: 1 });
  });

  it("does not go on with a log that was changed", async () => {
    await written(4);
    writeFileSync(path, readFileSync(path, "utf8").replace("r1", "rX"));
    await expect(openAuditLog(path)).rejects.toMatchObject({ code: "conflict" });
  });

  it("puts a line torn by a crash aside and goes on", async () => {
    await written(4);
    appendFileSync(path, '{"seq":5,"time":"2026-');
    expect(await verifyAuditLog(path)).toMatchObject({ ok: false, brokenAt: 5, reason: "a line cut short at the end" });
    const head = await written(2);
    expect(await verifyAuditLog(path)).toEqual({ ok: true, lines: 6, head });
    expect(readdirSync(folder).filter((name) => name.includes(".torn-"))).toHaveLength(1);
  });
});

describe("the audit log on a full disk", () => {
  const line = (request: string) => ({ request, route: "/v1/classify", status: 200 });
  afterEach(() => vi.restoreAllMocks());

  /** From now on a disk takes ten bytes of a line and no more. */
  async function full(): Promise<FileHandle> {
    const probe = await open(path, "r");
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    vi.spyOn(handles, "appendFile").mockImplementation(async () => {
      appendFileSync(path, '{"seq":4,"t');
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    });
    return handles;
  }

  it("takes back what was written of a line, and goes on with a whole chain when there is room", async () => {
    await written(3);
    const log = await openAuditLog(path);
    await full();
    const { head } = log;
    const refused = await Promise.allSettled([log.append(line("a")), log.append(line("b"))]);
    expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(log.head).toBe(head);
    expect(await verifyAuditLog(path)).toEqual({ ok: true, lines: 3, head });
    vi.restoreAllMocks();
    await log.append(line("c"));
    await log.close();
    expect(await verifyAuditLog(path)).toEqual({ ok: true, lines: 4, head: log.head });
    await written(2);
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 6 });
  });

  it("refuses every later line where it cannot take one back, and is whole again once it is opened anew", async () => {
    await written(3);
    const log = await openAuditLog(path);
    const handles = await full();
    vi.spyOn(handles, "truncate").mockRejectedValue(new Error("read-only"));
    await expect(log.append(line("a"))).rejects.toMatchObject({ code: "ENOSPC" });
    vi.restoreAllMocks();
    await expect(log.append(line("b"))).rejects.toThrow("start again");
    await log.close();
    await written(1);
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 4 });
  });
});

const record = (request: string): AuditRecord => ({ request, route: "/v1/classify", status: 200 });

describe("an audit log that cannot be written", () => {
  /** Writes on a file system of 16 KiB until it is full, makes room, writes on, and says what came of it. */
  const program = `
import { readFileSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { openAuditLog } from ${JSON.stringify(new URL("../src/audit-log.ts", import.meta.url).pathname)};
import { verifyAuditLog } from ${JSON.stringify(new URL("../src/audit-chain.ts", import.meta.url).pathname)};
const folder = process.argv[2]!;
execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]);
const path = folder + "/a.log";
const log = await openAuditLog(path);
const tries = async (n: number) => {
  const all = await Promise.allSettled(Array.from({ length: n }, (_, i) => log.append({ request: "r" + i, route: "/v1/classify", status: 200, images: [{ sha256: "ab".repeat(32), class: "x".repeat(200) }] })));
  return all.filter(({ status }) => status === "fulfilled").length;
};
const before = await tries(60);
const full = await verifyAuditLog(path);
execFileSync("mount", ["-o", "remount,size=64k", folder]);
const after = await tries(5);
const made = await verifyAuditLog(path);
await log.close();
const again = await openAuditLog(path);
await again.append({ request: "again", route: "/v1/classify", status: 200 });
await again.close();
console.log(JSON.stringify({ before, after, full, made, last: await verifyAuditLog(path) }));
`;

  it("because the disk is full, is whole, goes on when there is room, and opens again", async (ctx) => {
    const source = join(folder, "full.ts");
    writeFileSync(source, program);
    const script = await bundleForNode(source, join(folder, "full.mjs"));
    // only what this machine cannot do is skipped: a fault of the program is a failure
    const probe = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], { encoding: "utf8" });
    if (probe.status !== 0) return ctx.skip(`skipped: no mount namespace here (${probe.error?.message ?? probe.stderr.trim()})`);
    const mounted = spawnSync("unshare", ["-rm", process.execPath, script, folder], { encoding: "utf8" });
    expect(mounted.status, mounted.stderr).toBe(0);
    const { before, after, full, made, last } = JSON.parse(mounted.stdout);
    expect(before).toBeGreaterThan(5);
    expect(before).toBeLessThan(60);
    expect(full).toMatchObject({ ok: true, lines: before });
    expect(after).toBe(5);
    expect(made).toMatchObject({ ok: true, lines: before + 5 });
    expect(last).toMatchObject({ ok: true, lines: before + 6 });
  });

  it("because another process writes it, is refused", async () => {
    const first = await openAuditLog(path);
    await expect(openAuditLog(path)).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("another process") });
    await first.close();
    await (await openAuditLog(path)).close();
  });
});

describe("a rotated audit log", () => {
  it("goes on in a new file under its name, and verifies over its files in order", async () => {
    const log = await openAuditLog(path);
    await log.append(record("1"));
    await log.append(record("2"));
    renameSync(path, `${path}.1`);
    await log.append(record("3"));
    await log.append(record("4"));
    await log.close();
    const whole = [`${path}.1`, path];
    expect(await verifyAuditLog(whole)).toEqual({ ok: true, lines: 4, head: log.head });
    expect(await verifyAuditLog(path)).toMatchObject({ ok: false, brokenAt: 1, reason: expect.stringContaining("earlier file") });
    expect((await verifyAuditLog(whole.toReversed())).ok).toBe(false);
    // a restart goes on from the last file alone
    const again = await openAuditLog(path);
    await again.append(record("5"));
    await again.close();
    expect(await verifyAuditLog(whole)).toMatchObject({ ok: true, lines: 5 });
  });

  it("goes on where it was emptied in its place, and says what it goes on from", async () => {
    const log = await openAuditLog(path);
    await log.append(record("1"));
    await log.append(record("2"));
    writeFileSync(`${path}.1`, readFileSync(path));
    truncateSync(path);
    await log.append(record("3"));
    await log.close();
    expect(await verifyAuditLog([`${path}.1`, path])).toEqual({ ok: true, lines: 3, head: log.head });
  });

  it("says nothing more into a file that somebody else wrote to", async () => {
    const log = await openAuditLog(path);
    await log.append(record("1"));
    appendFileSync(path, "theirs\n");
    const found = readFileSync(path, "utf8");
    await expect(log.append(record("2"))).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("somebody else") });
    expect(readFileSync(path, "utf8")).toBe(found);
    await log.close();
  });

  it("does not write into a file that somebody put under its name", async () => {
    const log = await openAuditLog(path);
    await log.append(record("1"));
    renameSync(path, `${path}.1`);
    writeFileSync(path, "mine\n");
    await expect(log.append(record("2"))).rejects.toMatchObject({ code: "conflict" });
    expect(readFileSync(path, "utf8")).toBe("mine\n");
    await log.close();
  });
});

describe("an audit log that was written anew", () => {
  it("is seen by a hash that was kept, as is one whose end was cut off", async () => {
    const kept = await written(5);
    await written(3);
    expect((await verifyAuditLog(path, { head: kept })).ok).toBe(true);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    for (const left of [4, 0]) {
      writeFileSync(
        path,
        lines
          .slice(0, left)
          .map((line) => `${line}\n`)
          .join(""),
      );
      expect((await verifyAuditLog(path)).ok).toBe(true);
      expect(await verifyAuditLog(path, { head: kept })).toMatchObject({ ok: false, reason: expect.stringContaining("cut off") });
    }
  });

  it("is seen by the key that it was written with", async () => {
    const key = Buffer.from("a key of at least sixteen bytes");
    const log = await openAuditLog(path, { key });
    await log.append(record("1"));
    await log.append(record("2"));
    await log.close();
    expect(await verifyAuditLog(path, { key })).toMatchObject({ ok: true, lines: 2 });
    expect((await verifyAuditLog(path)).ok).toBe(false);
    rmSync(path);
    await written(2);
    expect((await verifyAuditLog(path, { key })).ok).toBe(false);
    await expect(openAuditLog(path, { key })).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("an engine on record", () => {
  it("records embeddings, and calls that are refused, by their codes", async () => {
    const log = await openAuditLog(path);
    const source = { model: { name: "m", digest: "sha256:d" }, device: "cpu", core: "simd", fellBack: false, timings: {} };
    const engine = auditingEngine(
      {
        embedImages: async () => ({ data: new Float32Array(1), shape: [1, 1], source }),
        embedTexts: async () => {
          throw Object.assign(new Error("no such model. Name another."), {
            code: "unknown_model",
            package: "engine",
            what: "no such model.",
          });
        },
      } as unknown as Engine,
      log,
    );
    const caller = { request: "r", route: "/v1/embeddings", key: "clinic" };
    await engine.embedImages("m", [Buffer.from("x")], { caller });
    await expect(engine.embedTexts("m", ["y"], { caller })).rejects.toMatchObject({ code: "unknown_model" });
    await log.close();
    const [embedded, refused] = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(embedded).toMatchObject({ ...caller, status: 200, model: "m", images: [{ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }] });
    expect(refused).toMatchObject({ ...caller, error: expect.any(String), status: expect.any(Number) });
    expect(refused.status).toBeGreaterThanOrEqual(400);
  });
});
