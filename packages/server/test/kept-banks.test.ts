// The folder of uploaded banks: a start with files that cannot be taken, and uploads that meet.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "@biovlm/engine";
import { afterAll, expect, it } from "vitest";
import { bankKeepingEngine, keptBanks } from "../src/index.js";

const banksDir = mkdtempSync(join(tmpdir(), "biovlm-kept-"));
afterAll(() => rmSync(banksDir, { recursive: true, force: true }));
const file = (name: string) => join(banksDir, `${name}.safetensors`);

it("leaves out a file that cannot be read, and one under the name of the server's own bank, and says so", async () => {
  writeFileSync(file("good"), "1");
  writeFileSync(file("own"), "2");
  mkdirSync(file("folder"));
  const refused: string[] = [];
  const banks = await keptBanks({ banksDir }, ["own"], (name, code) => refused.push(`${name} ${code}`));
  expect(banks.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([["good", "1"]]);
  expect(refused).toHaveLength(2);
  expect(refused[0]).toMatch(/^folder \w+$/);
  expect(refused[1]).toBe("own conflict");
});

it("keeps of uploads under one name that meet the one that is in use", async () => {
  const inUse = new Map<string, string>();
  // the first takes longer to check than the second
  const addBank: Engine["addBank"] = async (name, bytes) => {
    await new Promise((done) => setTimeout(done, bytes.length > 1 ? 40 : 1));
    inUse.set(name, Buffer.from(bytes).toString());
    return { name } as never;
  };
  const engine = bankKeepingEngine({ addBank } as unknown as Engine, { banksDir }, ["default"]);
  await Promise.all([engine.addBank("met", Buffer.from("first")), engine.addBank("met", Buffer.from("2"))]);
  expect([inUse.get("met"), readFileSync(file("met"), "utf8")]).toEqual(["2", "2"]);
});
