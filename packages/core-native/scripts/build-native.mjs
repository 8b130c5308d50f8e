// Builds the native kernels where they are asked for (BIOVLM_NATIVE=on) and cargo is found: dist/biovlm-core.node. Where it is not, or they do
// not build, it says so and ends well: WASM serves then. BIOVLM_NATIVE=require makes a failure one. Not built unasked: a cold build takes
// minutes.

import { spawnSync } from "node:child_process";
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const workspace = join(root, "../..");
const LIBRARIES = { darwin: "libbiovlm_core_native.dylib", win32: "biovlm_core_native.dll" };
const wanted = process.env.BIOVLM_NATIVE ?? "off";

function cargo(args) {
  return spawnSync("cargo", args, { cwd: workspace, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 900_000 });
}

/** PNG alone, or JPEG too: libjpeg-turbo is C, and without its assembler (nasm, on x86-64) it is slower than sharp's. */
function imageFeatures() {
  const tools = process.arch === "x64" ? ["cmake", "nasm"] : ["cmake"];
  const missing = tools.filter((tool) => spawnSync(tool, ["--version"], { stdio: "ignore" }).status !== 0);
  if (missing.length === 0) return "jpeg";
  console.log(`core-native: without ${missing.join(" and ")} there is no libjpeg-turbo; sharp reads JPEG`);
  return "images";
}

async function build() {
  if (wanted === "off") return "BIOVLM_NATIVE=on builds it";
  if (cargo(["--version"]).status !== 0) return "cargo was not found";
  const features = imageFeatures();
  const make = (extra) => cargo(["build", "--release", "--locked", "-p", "biovlm-core-native", ...extra]);
  let { status, stderr } = make(["--features", features]);
  if (status !== 0 && features === "jpeg") {
    console.log("core-native: libjpeg-turbo does not build here; without it sharp reads JPEG");
    ({ status, stderr } = make(["--features", "images"]));
  }
  if (status !== 0) return `cargo build failed: ${(stderr ?? "").trim().split("\n").slice(-3).join(" | ")}`;
  const folder = join(process.env.CARGO_TARGET_DIR ?? join(workspace, "target"), "release");
  const to = join(root, "dist", "biovlm-core.node");
  await mkdir(dirname(to), { recursive: true });
  // beside it, then renamed: a process that has the old one loaded keeps it
  await copyFile(join(folder, LIBRARIES[process.platform] ?? "libbiovlm_core_native.so"), `${to}.new`);
  await rename(`${to}.new`, to);
  return undefined;
}

const reason = await build();
if (reason === undefined) console.log("core-native: built for this machine");
else {
  await rm(join(root, "dist", "biovlm-core.node"), { force: true });
  console.log(`core-native: not built (${reason}); WASM serves`);
  if (wanted === "require") process.exitCode = 1;
}
