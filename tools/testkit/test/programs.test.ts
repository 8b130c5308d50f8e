import { afterEach, expect, it, vi } from "vitest";

/** The module as a suite's own process has it: nothing looked for yet. */
async function fresh() {
  vi.resetModules();
  return import("../src/programs.js");
}
const said = () => vi.mocked(console.log).mock.calls.flat();
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

it("a program that is not here is said to be, once, with how it comes here", async () => {
  vi.spyOn(console, "log").mockReturnValue();
  vi.stubEnv("BIOVLM_REQUIRE", "");
  vi.stubEnv("PATH", "/nowhere");
  const { findProgram, withoutProgram } = await fresh();
  expect([withoutProgram("promtool"), withoutProgram("promtool"), findProgram("promtool")]).toEqual([true, true, undefined]);
  expect(said()).toEqual(["skipped: no promtool (Debian: prometheus)"]);
});

it("one that BIOVLM_REQUIRE names fails its suite, one that it does not name is skipped", async () => {
  vi.spyOn(console, "log").mockReturnValue();
  vi.stubEnv("BIOVLM_REQUIRE", "openssl,promtool");
  vi.stubEnv("PATH", "/nowhere");
  const { withoutProgram } = await fresh();
  for (let i = 0; i < 2; i++) expect(() => withoutProgram("promtool")).toThrow(/^no promtool, which BIOVLM_REQUIRE asks for \(Debian/);
  expect(withoutProgram("redis-server")).toBe(true);
});

it("one that is here is found on PATH, whether asked for or not", async () => {
  vi.stubEnv("BIOVLM_REQUIRE", "bash");
  const { findProgram } = await fresh();
  expect(findProgram("bash")).toMatch(/^\/.*\/bash$/);
});

it("a name in BIOVLM_REQUIRE that no suite asks for is an error, and not a requirement of nothing", async () => {
  vi.stubEnv("BIOVLM_REQUIRE", "redis");
  const { withoutProgram } = await fresh();
  expect(() => withoutProgram("bash")).toThrow(/expected names of chromium, .*redis-server.*, got redis$/);
});

it("a Chromium that CHROMIUM names and is not there is said, not searched for elsewhere", async () => {
  vi.stubEnv("BIOVLM_REQUIRE", "");
  vi.stubEnv("CHROMIUM", "/nowhere/chromium");
  const { findProgram } = await fresh();
  expect(() => findProgram("chromium")).toThrow(/CHROMIUM=\/nowhere\/chromium is not there/);
});
