// The audit log: whole after any crash, and a change of any byte is seen.

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases, seeded } from "@biovlm/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openAuditLog, verifyAuditLog } from "../src/audit-log.js";

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
    await expect(log.append(line("b"))).rejects.toThrow("Restart");
    await log.close();
    await written(1);
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 4 });
  });
});
