// What a user of the registry gets: packs every package, installs the tarballs in an empty folder (where this workspace's .npmrc does not
// apply), and runs the main job there: once as installed, once with onnxruntime-node removed, as on platforms it has no build for.
// Needs `npm run build` first, and the npm registry for the libraries.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { packages } from "./workspace.mjs";

const run = promisify(execFile);
const minutes = 60_000;
const folder = await mkdtemp(join(tmpdir(), "biovlm-pack-"));
// a clean environment: what npm tells its children about this workspace must not reach the other one
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_(?!config_(cache|registry))|INIT_CWD)/i.test(name)));

async function command(file, args, options = {}) {
  try {
    return await run(file, args, { cwd: folder, env, maxBuffer: 1 << 26, timeout: 10 * minutes, ...options });
  } catch (error) {
    const said = `${error.stdout ?? ""}\n${error.stderr ?? ""}`.trim().split("\n").slice(-30).join("\n");
    throw new Error(`${file} ${args.join(" ")} failed (${error.code ?? error.signal}):\n${said}`);
  }
}

/** The main job, and what it must leave behind and say. */
async function quickstart(label, device) {
  const started = performance.now();
  const out = join(folder, `sheet-${label}.html`);
  const { stdout, stderr } = await command("npx", ["--no-install", "biovlm", "quickstart", "--out", out]);
  if (!existsSync(out)) throw new Error(`quickstart (${label}) wrote no sheet`);
  if (!(await readFile(out, "utf8")).includes("Research use only, not a medical device"))
    throw new Error(`the sheet (${label}) lacks the research-use line`);
  if (!`${stdout}${stderr}`.includes(device))
    throw new Error(`quickstart (${label}) does not say that it ran on ${device}:\n${stdout}${stderr}`);
  console.log(`tarballs: quickstart on ${device} in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

try {
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true }));
  const tarballs = [];
  for (const { path } of packages()) {
    const { stdout } = await command("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder, "--loglevel=error"], {
      cwd: path,
    });
    tarballs.push(join(folder, JSON.parse(stdout)[0].filename));
  }
  // A plain install, as a user types it. onnxruntime-node's own script wants to download CUDA libraries; where it cannot, npm drops the
  // package, which is optional, and the main job must do without.
  const install = ["install", "--no-audit", "--no-fund", "--loglevel=error", ...tarballs];
  await command("npm", install);
  const library = join(folder, "node_modules", "onnxruntime-node");
  if (!existsSync(library)) {
    await quickstart("plain-install", "wasm");
    await command("npm", install, { env: { ...env, ONNXRUNTIME_NODE_INSTALL: "skip" } });
  }
  await quickstart("installed", "cpu");
  await rm(library, { recursive: true, force: true });
  await quickstart("without-onnxruntime-node", "wasm");
} finally {
  await rm(folder, { recursive: true, force: true });
}
