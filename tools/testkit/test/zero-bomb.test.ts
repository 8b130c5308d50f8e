import { inflateRawSync, inflateSync } from "node:zlib";
import { rawZeroBomb, zlibZeroBomb } from "@biovlm/testkit";
import { expect, it } from "vitest";

it("bombs inflate to the zeros that they claim", () => {
  expect(inflateRawSync(rawZeroBomb(3)).equals(Buffer.alloc(3 << 20))).toBe(true);
  expect(inflateSync(zlibZeroBomb(2)).equals(Buffer.alloc(2 << 20))).toBe(true);
  expect(rawZeroBomb(100).length).toBeLessThan(110_000);
});
