// Compiles AssemblyScript in memory: the sources of assembly/, plus any extra source a test brings, to one .wasm binary.
// It writes no file; build-wasm.mjs embeds what comes out.

import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The caller owns all memory (runtime stub, nothing allocates); 65536 pages are wasm32's 4 GiB. */
const FLAGS = ["-O3", "--converge", "--noAssert", "--runtime", "stub", "--initialMemory", "1", "--maximumMemory", "65536"];

/** The wasm features of each build. */
export const BUILDS = { simd: ["simd"], "relaxed-simd": ["simd", "relaxed-simd"] };

/**
 * Compiles `entry` (a name in assembly/, or in `extra`: name → source text) with the features of one build.
 * Throws with the compiler's own messages.
 */
export async function compileAssembly(build, { entry = "index.ts", extra = {} } = {}) {
  const names = (await readdir(join(root, "assembly"))).filter((name) => name.endsWith(".ts"));
  const texts = await Promise.all(names.map(async (name) => [`assembly/${name}`, await readFile(join(root, "assembly", name), "utf8")]));
  const files = new Map([...texts, ...Object.entries(extra).map(([name, text]) => [`assembly/${name}`, text])]);
  const features = BUILDS[build].flatMap((feature) => ["--enable", feature]);
  let binary;
  const { error, stderr } = await asc.main([`assembly/${entry}`, "--outFile", "out.wasm", ...FLAGS, ...features], {
    readFile: (name) => files.get(name.replaceAll("\\", "/")) ?? null,
    writeFile: (name, contents) => {
      if (name === "out.wasm") binary = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`assembly/${entry} does not compile: ${error.message}\n${stderr}`);
  return Buffer.from(binary);
}
