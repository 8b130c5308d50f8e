// Loaded into the program by tests that kill it (node --import): counts the file operations whose path holds a text, and at the n-th ends
// the process by SIGKILL, before or after it, or in the middle of a write. KILL_AT is JSON { part, n, when }; KILL_COUNT is JSON
// { parts, file }: at the end the file gets how many operations each part saw.

import { writeFileSync, writeSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const target = JSON.parse(process.env.KILL_AT ?? "null");
const count = JSON.parse(process.env.KILL_COUNT ?? "null");
const seen = Object.fromEntries((count?.parts ?? []).map((part) => [part, 0]));
let matched = 0;
const die = () => process.kill(process.pid, "SIGKILL");

/** Runs one operation on a path; `half` does a part of it. */
async function operation(path, whole, half) {
  for (const part of Object.keys(seen)) if (path.includes(part)) seen[part]++;
  if (target === null || !path.includes(target.part) || ++matched !== target.n) return whole();
  if (target.when === "before") die();
  if (target.when === "within") half?.();
  else await whole();
  die();
  return new Promise(() => {});
}

const { open } = promises;
promises.open = async (path, ...rest) => {
  const name = String(path);
  const handle = await operation(name, () => open(path, ...rest));
  const { write, sync, close } = handle;
  handle.write = (bytes, from, length, ...others) =>
    operation(
      name,
      () => write.call(handle, bytes, from, length, ...others),
      () => writeSync(handle.fd, bytes, from, Math.floor(length / 2)),
    );
  handle.sync = () => operation(name, () => sync.call(handle));
  handle.close = () => operation(name, () => close.call(handle));
  return handle;
};
for (const [name, at] of [
  ["rename", 1],
  ["rm", 0],
  ["mkdir", 0],
]) {
  const original = promises[name];
  promises[name] = (...given) => operation(String(given[at]), () => original(...given));
}
syncBuiltinESMExports();
if (count !== null) process.on("exit", () => writeFileSync(count.file, JSON.stringify(seen)));
