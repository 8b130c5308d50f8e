import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { TestSpecification, Vitest } from "vitest/node";
import { LONGEST, LongestFirst } from "../src/test-order.js";

const packages = join(import.meta.dirname, "../../../packages");

/** A file as vitest hands it over, with what an order can go by. */
const file = (moduleId: string, isolate: boolean) =>
  ({ moduleId, project: { name: isolate ? "alone" : "together", config: { isolate, sequence: { groupOrder: 0 } } } }) as TestSpecification;
const context = {
  config: { root: "/" },
  cache: { getFileTestResults: () => undefined, getFileStats: () => ({ size: 1 }) },
} as unknown as Vitest;

it("begins with the longest files, and runs those that share a process last and side by side", async () => {
  const [longest = "", second = ""] = LONGEST;
  const files = [
    file("/a/shared.test.ts", false),
    file("/a/short.test.ts", true),
    file(`/packages/${second}.ts`, true),
    file("/b/shared.test.ts", false),
    file(`/packages/${longest}.ts`, true),
  ];
  const order = await new LongestFirst(context).sort(files);
  expect(order.map(({ moduleId }) => moduleId)).toEqual([
    `/packages/${longest}.ts`,
    `/packages/${second}.ts`,
    "/a/short.test.ts",
    "/a/shared.test.ts",
    "/b/shared.test.ts",
  ]);
});

it("names files that are there", () => {
  const there = readdirSync(packages, { withFileTypes: true }).flatMap(({ name }) =>
    readdirSync(join(packages, name, "test"), { recursive: true, encoding: "utf8" }).map((path) => `${name}/test/${path}`),
  );
  for (const part of LONGEST) expect([part, there.filter((path) => path.includes(part)).length]).toEqual([part, 1]);
});
