// What kustomize and Helm make of the files of deploy/, as manifests.

import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "@biovlm/testkit";
import { type Manifest, readManifests } from "../src/manifest-problems.js";

export const deploy = fileURLToPath(new URL("../../../deploy/", import.meta.url));

/** What a program prints, read strictly. @throws with what it said where it failed */
export function built(program: string, ...words: string[]): Manifest[] {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${words.join(" ")}: ${stderr}`);
  return readManifests(stdout);
}

/** What `kustomize build`, or `kubectl kustomize`, makes of a folder. */
export function kustomized(folder: string): Manifest[] {
  const program = findProgram("kustomize") ?? "";
  return built(program, basename(program) === "kubectl" ? "kustomize" : "build", folder);
}
