// What prepares images for a device, without one: files read, hashed by nobody, decoded and resized to [S,S,3] bytes, in batches, on 1 and on 2
// decoder threads, each a process of its own; memory along the way. Where other work runs beside, read the processor milliseconds.
// Usage: BIOVLM_NATIVE=on npm run build && node packages/core-native/bench/feed.mjs [FOLDER] [--size 224] [--batch 32] [--threads 1,2]
// FOLDER of JPEG and PNG is $BIOVLM_SHARED/data/ham10000 or ../shared/data/ham10000 unless given.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { nativeImages } from "@biovlm/core-native";
import { inOrder } from "@biovlm/files";
import { readImageInfo } from "@biovlm/imaging/node";

const text = (value) => ({ type: "string", default: value });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: text("224"), batch: text("32"), threads: text("1,2"), child: { type: "boolean", default: false } },
});
const folder = positionals[0] ?? join(process.env.BIOVLM_SHARED ?? resolve("../shared"), "data/ham10000");

/** Every image once; one line of the table. */
async function feed() {
  const { images, reason } = nativeImages();
  if (images === undefined) throw new Error(reason);
  const files = readdirSync(folder, { recursive: true }).filter((name) => /\.(png|jpe?g)$/i.test(name) && !/_mask/.test(name));
  const [size, batch] = [Number(values.size), Number(values.batch)];
  let declined = 0;
  const prepared = async (name) => {
    const bytes = await readFile(join(folder, name));
    const { format, width, height } = readImageInfo(bytes);
    const rgb = await images.prepare(bytes, { format, width, height }, size);
    if (rgb === undefined) declined++;
    return rgb;
  };
  const rows = new Uint8Array(batch * size * size * 3);
  const memory = [];
  const started = performance.now();
  const before = process.cpuUsage();
  let seen = 0;
  for await (const rgb of inOrder(files, 2 * batch, prepared)) {
    if (rgb !== undefined) rows.set(rgb, (seen % batch) * rgb.length);
    if (++seen % Math.ceil(files.length / 4) === 0 || seen === files.length)
      memory.push(`${(process.memoryUsage().rss / 2 ** 20).toFixed(0)}`);
  }
  const wall = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const each = (user + system) / 1000 / seen;
  const sixteen = (16 * 1000) / each;
  console.log(
    `| ${process.env.UV_THREADPOOL_SIZE} | ${seen} (${declined} declined) | ${(seen / wall).toFixed(0)} | ${each.toFixed(3)} | ${sixteen.toFixed(0)} | ${memory.join(", ")} |`,
  );
}

if (values.child) await feed();
else {
  console.log("| decoder threads | images | images/s | processor ms an image | 16 cores at that, images/s | MiB after each quarter |");
  console.log("|---|---|---|---|---|---|");
  for (const threads of values.threads.split(","))
    spawnSync(process.execPath, [import.meta.filename, folder, "--child", "--size", values.size, "--batch", values.batch], {
      env: { ...process.env, UV_THREADPOOL_SIZE: threads },
      stdio: "inherit",
    });
}
