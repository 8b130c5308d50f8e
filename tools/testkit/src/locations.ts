// Finds the committed goldens and, where present, the shared data folder ($BIOVLM_SHARED, else ../shared beside the project).
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Path of a committed golden, e.g. golden("tiny_a_io.safetensors"). Fails when it is absent: goldens are part of the project. */
export function golden(name: string): string {
  const path = join(root, "tools/goldens/data", name);
  if (!existsSync(path)) throw new Error(`golden ${name} is missing — expected tools/goldens/data/${name} in the checkout`);
  return path;
}

/** Absolute path below the shared folder, or undefined when that folder is absent on this machine. */
export function sharedPath(relative: string): string | undefined {
  const base = process.env["BIOVLM_SHARED"] ?? resolve(root, "../shared");
  const path = join(base, relative);
  return existsSync(path) ? path : undefined;
}

/**
 * For tests on real data: the path, or undefined after saying "skipped: …".
 * With CI=true and the shared folder present, a missing file is an error instead of a skip.
 */
export function skipUnlessShared(relative: string): string | undefined {
  const path = sharedPath(relative);
  if (path !== undefined) return path;
  const base = process.env["BIOVLM_SHARED"] ?? resolve(root, "../shared");
  if (process.env["CI"] === "true" && existsSync(base)) throw new Error(`CI: ${base} is present but ${relative} is not`);
  console.log(`skipped: shared data absent (${relative}); set BIOVLM_SHARED to a folder that holds it`);
  return undefined;
}
