// Options of the engine and the server as flags: what the table says is what the flag takes.

import { describe, expect, it } from "vitest";
import { flagsOf } from "../src/schema-flags.js";
import { call, folder, writeClasses } from "./call.js";

const TABLE = {
  maxImageBytes: { type: "integer", minimum: 1, maximum: 2 ** 30, default: 16 * 2 ** 20, description: "largest image file" },
  maxPixels: { type: "integer", minimum: 1, maximum: 1e9, default: 25e6, description: "largest image" },
  waitMs: { type: "number", minimum: 0, maximum: 10, description: "longest wait, milliseconds" },
  mode: { type: "string", enum: ["a", "b"], default: "b", description: "how" },
  file: { type: "string", description: "where" },
  loud: { type: "boolean", default: false, description: "loud" },
} as const;

describe("flags of a table", () => {
  it("have its limits, defaults and words; sizes are written as a person would", () => {
    const flags = flagsOf(TABLE, ["maxImageBytes", "maxPixels", "waitMs", "mode", "file", "loud"], {
      file: { value: "FILE", completes: "file" },
    });
    const setting = true;
    expect(flags).toEqual({
      maxImageBytes: { type: "size", min: 1, max: 2 ** 30, default: "16MiB", setting, description: "largest image file" },
      maxPixels: { type: "size", min: 1, max: 1e9, default: "25M", setting, description: "largest image" },
      waitMs: { type: "number", min: 0, max: 10, setting, description: "longest wait, milliseconds" },
      mode: { type: "choice", choices: ["a", "b"], default: "b", setting, description: "how" },
      file: { type: "text", setting, value: "FILE", completes: "file", description: "where" },
      loud: { type: "flag", setting, description: "loud" },
    });
  });

  it("are those that were named, and no others", () => {
    expect(Object.keys(flagsOf(TABLE, ["mode"]))).toEqual(["mode"]);
  });
});

describe("limits on images", () => {
  const commands = [
    ["train", "scans/", "--shots", "2", "--set", "epochs=1"],
    ["eval", "scans/"],
    ["sweep", "scans/", "--shots", "1", "--seeds", "1", "--method", "zero-shot"],
  ];

  it.each(commands)("%s refuses a file of more bytes or pixels than it was told, and takes what is within", async (...words) => {
    const cwd = folder();
    writeClasses(`${cwd}/scans`, 2, 10, 4);
    const said = async (...more: string[]) => {
      const { code, err } = await call([...words, "--cache", "off", ...more], { cwd });
      return `${code} ${/error\[(\w+)\]/.exec(err)?.[1] ?? "ok"}`;
    };
    expect(await said("--max-image-bytes", "100")).toBe("1 too_large");
    expect(await said("--max-pixels", "100")).toBe("1 too_large");
    expect(await said("--max-image-bytes", "1MiB", "--max-pixels", "576")).toBe("0 ok");
  });
});
