import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { skipUnlessShared, withinLimit } from "../src/index.js";

describe("a measured figure", () => {
  it("is held to its limit where limits are held, and must be a number everywhere", () => {
    expect(() => withinLimit("drain, ms", 5, 10, true)).not.toThrow();
    expect(() => withinLimit("drain, ms", 10, 10, true)).toThrow(/drain, ms — expected less than 10, got 10/);
    expect(() => withinLimit("drain, ms", 99, 10, false)).not.toThrow();
    expect(() => withinLimit("drain, ms", Number.NaN, 10, false)).toThrow(/a measured number/);
  });
});

describe("a test on shared data", () => {
  afterEach(() => vi.unstubAllEnvs());
  const folder = mkdtempSync(join(tmpdir(), "biovlm-shared-"));
  mkdirSync(join(folder, "data"));

  it("skips where the data is absent, and fails in CI where the folder is there without it", () => {
    vi.spyOn(console, "log").mockImplementation(() => {});
    vi.stubEnv("BIOVLM_SHARED", folder);
    vi.stubEnv("CI", "");
    expect(skipUnlessShared("data")).toBe(join(folder, "data"));
    expect(skipUnlessShared("none")).toBeUndefined();
    vi.stubEnv("CI", "true");
    expect(() => skipUnlessShared("none")).toThrow(/CI: .* is present but none is not/);
    vi.stubEnv("BIOVLM_SHARED", join(folder, "nowhere"));
    expect(skipUnlessShared("none")).toBeUndefined();
    rmSync(folder, { recursive: true, force: true });
    vi.restoreAllMocks();
  });
});
