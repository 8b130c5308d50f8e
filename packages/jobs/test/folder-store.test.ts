// What a store in a folder says of a file system that lacks what it rests on.

import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import * as files from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkCreates, folderStore, workAll } from "../src/index.js";
import { place, planned } from "./made-up-job.js";
import { MADE_UP } from "./made-up-work.js";

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof files>();
  return { ...real, link: vi.fn(real.link) };
});
const refusing = (code: string) => vi.mocked(files.link).mockRejectedValue(Object.assign(new Error(code), { code }));
afterEach(() => void vi.mocked(files.link).mockReset());

describe("a store in a folder", () => {
  it.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])(
    "without hard links (%s) is told before the work, with what to use instead",
    async (code) => {
      const folder = place();
      refusing(code);
      await expect(checkCreates(folderStore(folder))).rejects.toMatchObject({
        code: "store_failed",
        message: expect.stringMatching(/hard links.*bucket/),
      });
      expect(readdirSync(join(folder, "begun"))).toEqual([]);
    },
  );

  it.each([
    ["EROFS", "not_permitted"],
    ["ENOSPC", "disk_full"],
  ])("that takes nothing (%s) is told so", async (code, ours) => {
    refusing(code);
    await expect(checkCreates(folderStore(place()))).rejects.toMatchObject({ code: ours });
  });

  it("is worked on no further where it refuses one shard: it would refuse every one", async () => {
    const store = folderStore(place());
    const job = await planned(store, 50);
    let asked = 0;
    const join: typeof MADE_UP.join = (...words) => {
      asked++;
      return MADE_UP.join(...words);
    };
    refusing("EROFS");
    const work = async () => {
      for await (const one of workAll(store, job, { ...MADE_UP, chunkRows: 100, join })) expect(one).toBe("nothing");
    };
    await expect(work()).rejects.toMatchObject({ code: "not_permitted" });
    expect(asked).toBe(1);
  });

  it("says that a file stands where its folder should, and not that another worker was first", async () => {
    const folder = place();
    mkdirSync(folder);
    writeFileSync(join(folder, "commits"), "");
    await expect(folderStore(folder).create("commits/00000.json", new Uint8Array(1))).rejects.toThrow(/making/);
  });
});
