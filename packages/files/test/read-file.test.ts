// Files from outside are read within a limit; what is no file is refused without waiting for it. System errors get our words and codes.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FilesError, fileFailure, isFileFailure } from "../src/index.js";
import { openRegular, readFileWithin } from "../src/node/index.js";

const root = mkdtempSync(join(tmpdir(), "biovlm-read-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("readFileWithin", () => {
  it("gives a file's bytes up to the limit, and refuses one byte more", async () => {
    writeFileSync(join(root, "f"), Uint8Array.of(1, 2, 3));
    expect(await readFileWithin(join(root, "f"), 3)).toEqual(Uint8Array.of(1, 2, 3));
    await expect(readFileWithin(join(root, "f"), 2)).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringMatching(/at most 2 bytes, got 3/),
    });
  });

  it("holds the limit for files that say 0 bytes and have more", async () => {
    await expect(readFileWithin("/proc/self/status", 100)).rejects.toMatchObject({ code: "too_large" });
    const status = await readFileWithin("/proc/self/status", 2 ** 20);
    expect(new TextDecoder().decode(status)).toMatch(/^Name:[\s\S]*nonvoluntary_ctxt_switches:\t\d+\n$/);
  });

  it("gives every byte of files of any size, and leaves none of them open", async () => {
    // of this test's files: the runtime opens and closes its own
    const open = () =>
      readdirSync("/proc/self/fd").filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root);
        } catch {
          return false;
        }
      });
    for (const size of [0, 1, 2, 511, 65_535, 65_536, 65_537, 300_001]) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) ^ (i >> 8));
      writeFileSync(join(root, "sized"), bytes);
      expect(Buffer.compare(await readFileWithin(join(root, "sized"), 300_001), bytes)).toBe(0);
      if (size > 0) await expect(readFileWithin(join(root, "sized"), size - 1)).rejects.toMatchObject({ code: "too_large" });
      await expect(readFileWithin(root, size)).rejects.toMatchObject({ code: "not_a_file" });
    }
    expect(open()).toEqual([]);
  });

  it("refuses folders, pipes and devices at once", async () => {
    mkdirSync(join(root, "folder"));
    execFileSync("mkfifo", [join(root, "pipe")]);
    for (const path of [join(root, "folder"), join(root, "pipe"), "/dev/zero"])
      await expect(readFileWithin(path, 10)).rejects.toMatchObject({ code: "not_a_file" });
  });

  it("refuses a path with a zero byte as one", async () => {
    await expect(readFileWithin("a\0b", 10, "the file")).rejects.toMatchObject({ code: "bad_path" });
    expect(isFileFailure(Object.assign(new TypeError("of another kind"), { code: "ERR_INVALID_ARG_VALUE" }))).toBe(false);
  });

  it("names what is read as it was told to, and not by its path", async () => {
    const failed = openRegular(join(root, "patient-17.png"), "image 3");
    await expect(failed).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(/^reading image 3 failed — there is no such file/),
    });
    await expect(failed).rejects.not.toThrow(/patient/);
  });
});

describe("fileFailure", () => {
  const system = (code: string) => Object.assign(new Error(`${code}: words of the system`), { code });

  it.each([
    ["ENOSPC", "disk_full"],
    ["EDQUOT", "disk_full"],
    ["EACCES", "not_permitted"],
    ["EROFS", "not_permitted"],
    ["EMFILE", "too_many_files"],
    ["ENOENT", "not_found"],
    ["EISDIR", "io_error"],
    ["EUNKNOWN", "io_error"],
  ])("gives %s the code %s and keeps the system's own error", (code, ours) => {
    const error = fileFailure(system(code), "writing /a/b") as FilesError;
    expect(error).toBeInstanceOf(FilesError);
    expect([error.code, error.package, (error.cause as { code: string }).code]).toEqual([ours, "files", code]);
    expect(error.message).toMatch(new RegExp(`^writing /a/b failed — .*\\(${code}\\)\\. .+\\.$`));
    expect(isFileFailure(system(code))).toBe(code !== "EUNKNOWN");
  });

  it("names the setting that chooses the folder, where there is one", () => {
    expect(fileFailure(system("ENOSPC"), "writing x", "BIOVLM_DATA").message).toContain("choose another folder with BIOVLM_DATA.");
    expect(fileFailure(system("ENOSPC"), "writing x").message).toContain("choose another folder.");
    expect(fileFailure(system("ENOENT"), "reading x", "BIOVLM_DATA").message).not.toContain("BIOVLM_DATA");
  });

  it("lets errors of ours and aborts pass", () => {
    const ours = new FilesError("locked", "held. Wait.");
    const abort = new DOMException("stop", "AbortError");
    expect(fileFailure(ours, "x")).toBe(ours);
    expect(fileFailure(abort, "x")).toBe(abort);
    expect(isFileFailure("ENOENT")).toBe(false);
  });
});
