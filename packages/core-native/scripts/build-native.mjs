// Builds the native kernels where they are asked for (BIOVLM_NATIVE=on) and cargo is found: dist/biovlm-core.node, by napi-rs's command line. Where
// cargo is not, or they do not build, it says so and ends well: WASM serves then. BIOVLM_NATIVE=require makes a failure one. Not built unasked: a
// cold build takes minutes. napi-rs's command line (napi/, with a lock file of its own) is installed at the first build, so that who builds nothing
// native installs nothing for it.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const napi = join(root, "napi/node_modules/@napi-rs/cli/dist/cli.js");
const wanted = process.env.BIOVLM_NATIVE ?? "off";

function run(program, args, options) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...{ cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 900_000 },
    ...options,
  });
  const said = [error?.message, stderr, stdout].map((text) => text?.trim()).find((text) => text) ?? "";
  return { ok: status === 0, said: said.split("\n").slice(-3).join(" | ") };
}

/** PNG alone, or JPEG too: libjpeg-turbo is C, and without its assembler (nasm, on x86-64) it is slower than sharp's. */
function imageFeatures() {
  const tools = process.arch === "x64" ? ["cmake", "nasm"] : ["cmake"];
  const missing = tools.filter((tool) => !run(tool, ["--version"]).ok);
  if (missing.length === 0) return "jpeg";
  console.log(`core-native: without ${missing.join(" and ")} there is no libjpeg-turbo; sharp reads JPEG`);
  return "images";
}

async function build() {
  if (wanted === "off") return "BIOVLM_NATIVE=on builds it";
  if (!run("cargo", ["--version"]).ok) return "cargo was not found";
  if (!existsSync(napi)) {
    const installed = run("npm", ["ci", "--workspaces=false", "--loglevel=error"], {
      cwd: join(root, "napi"),
      shell: process.platform === "win32",
    });
    if (!installed.ok) return `napi-rs's command line could not be installed: ${installed.said}`;
  }
  const features = imageFeatures();
  // beside what is there, then renamed: a process that has the old library loaded keeps it
  const made = await mkdtemp(join(root, ".native-"));
  try {
    const make = (feature) =>
      run(process.execPath, [
        ...[napi, "build", "--release", "--manifest-path", "binding/Cargo.toml", "--package-json-path", "package.json"],
        ...["--output-dir", made, "--features", feature, "--", "--locked"],
      ]);
    let built = make(features);
    if (!built.ok && features === "jpeg") {
      console.log("core-native: libjpeg-turbo does not build here; without it sharp reads JPEG");
      built = make("images");
    }
    if (!built.ok) return `napi build failed: ${built.said}`;
    await mkdir(join(root, "dist"), { recursive: true });
    await rename(join(made, "biovlm-core.node"), join(root, "dist/biovlm-core.node"));
    return undefined;
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

const reason = await build();
if (reason === undefined) console.log("core-native: built for this machine");
else {
  await rm(join(root, "dist/biovlm-core.node"), { force: true });
  console.log(`core-native: not built (${reason}); WASM serves`);
  if (wanted === "require") process.exitCode = 1;
}
