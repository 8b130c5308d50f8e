// What an error of ours carries, and where the package's name stands: in the stack, not in what people read.

import { describe, expect, it } from "vitest";
import { BiovlmError, isBiovlmError, sentences } from "../src/index.js";

describe("BiovlmError", () => {
  const cause = new Error("below");
  const error = new BiovlmError("model", "ModelError", "bad_name", 'name — expected 1 to 64 letters, got "a/b". Use another name.', {
    cause,
  });

  it("keeps code, package, what was wrong and what to do as fields", () => {
    expect(error).toMatchObject({
      name: "ModelError",
      code: "bad_name",
      package: "model",
      what: 'name — expected 1 to 64 letters, got "a/b".',
      remedy: "Use another name.",
      message: 'name — expected 1 to 64 letters, got "a/b". Use another name.',
    });
    expect(error.cause).toBe(cause);
    expect(error).toBeInstanceOf(Error);
  });

  it("names its package in the stack alone", () => {
    expect(error.message).not.toContain("[biovlm");
    expect(error.stack).toMatch(/^\[biovlm:model\] ModelError: name — expected/);
  });

  it("takes a remedy that is kept apart from the message", () => {
    const apart = new BiovlmError("cli", "CliError", "bad_usage", "--out — expected a file. Not a folder.", { remedy: "Name a file." });
    expect(apart).toMatchObject({ what: "--out — expected a file. Not a folder.", remedy: "Name a file." });
    expect(apart.message).not.toContain("Name a file");
  });
});

describe("sentences", () => {
  it("cuts after the first sentence, and not at figures or names with dots", () => {
    expect(sentences("x — expected 0.5 to 1.5, got 2.5. Choose less. Then go on.")).toEqual({
      what: "x — expected 0.5 to 1.5, got 2.5.",
      remedy: "Choose less. Then go on.",
    });
    expect(sentences("file a.npz — expected b.")).toEqual({ what: "file a.npz — expected b.", remedy: undefined });
  });
});

describe("isBiovlmError", () => {
  it("knows ours by their fields, whoever made the class", () => {
    expect(isBiovlmError(Object.assign(new Error("x"), { code: "a", package: "core", what: "x" }))).toBe(true);
    expect(isBiovlmError(Object.assign(new Error("x"), { code: "ENOENT" }))).toBe(false);
    expect(isBiovlmError("x")).toBe(false);
  });
});
