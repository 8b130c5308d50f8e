// How a server listens: defaults, limits, and what follows from what was given.

import { filledOptions } from "@biovlm/engine/options";
import { describe, expect, it } from "vitest";
import { isLoopback, ServerError, servingOptions } from "../src/index.js";
import { SERVING_OPTIONS } from "../src/options.js";

const MiB = 2 ** 20;
const refused = (given: Parameters<typeof servingOptions>[0]) => {
  try {
    servingOptions(given);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("serving options", () => {
  it("listen on this machine alone, and leave out what has no default", () => {
    const options = servingOptions();
    expect(options).toMatchObject({ host: "127.0.0.1", port: 8080, insecure: false, maxImages: 64, drainMs: 10_000 });
    expect(Object.keys(options)).not.toContain("socket");
    expect(isLoopback(options.host)).toBe(true);
  });

  it("let a body hold four of the largest images up to 64 MiB together, and one that is larger, unless a size was given", () => {
    expect(servingOptions()).toMatchObject({ maxImageBytes: 64 * MiB, maxBodyBytes: 65 * MiB, maxInFlightBytes: 260 * MiB });
    expect(servingOptions({ maxImageBytes: 16 * MiB }).maxBodyBytes).toBe(65 * MiB);
    expect(servingOptions({ maxImageBytes: 20 * MiB }).maxBodyBytes).toBe(65 * MiB);
    expect(servingOptions({ maxImageBytes: 1000 }).maxBodyBytes).toBe(4000 + MiB);
    expect(servingOptions({ maxImageBytes: 1024 * MiB }).maxBodyBytes).toBe(1025 * MiB);
    expect(servingOptions({ maxBodyBytes: 5000 }).maxBodyBytes).toBe(5000);
  });

  it("are refused with the option's name, what was expected and what came", () => {
    const error = refused({ port: 70_000 });
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({
      code: "bad_option",
      message: "serving options — port: expected a whole number from 0 to 65535, got 70000. Correct the option.",
    });
    expect(refused({ tlsKey: "key.pem" })).toMatchObject({ code: "bad_option", message: expect.stringContaining("Give both or none") });
    expect(refused({ tlsCert: "cert.pem", tlsKey: "key.pem" })).toBeUndefined();
  });

  it("have limits that their own defaults keep, and units in the names of times and sizes", () => {
    expect(() => filledOptions(SERVING_OPTIONS, {}, (what) => new Error(what))).not.toThrow();
    for (const [name, { description }] of Object.entries(SERVING_OPTIONS)) {
      if (/millisecond/.test(description)) expect(name).toMatch(/Ms$/);
      if (/^largest (image|request)/.test(description)) expect(name).toMatch(/Bytes$/);
    }
  });
});

describe("loopback", () => {
  it.each([
    ["127.0.0.1", true],
    ["127.200.3.4", true],
    ["localhost", true],
    ["::1", true],
    ["0.0.0.0", false],
    ["127.0.0.1.example.org", false],
    ["10.0.0.1", false],
    ["::", false],
  ])("%s: %s", (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});
