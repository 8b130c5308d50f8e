// The last look at a model before a runtime gets it: everything it refers to is a plain file in its own folder, links followed.

import { lstat, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { fileFailure } from "@biovlm/files/node";
import type { OnnxArtifact } from "../contract/encoder-graphs.js";
import { ModelError } from "../contract/errors.js";
import { checkReferences, externalReferences } from "../towers/artifact-references.js";

/**
 * Refuses a model, in a file or in memory, whose external data lies outside its folder: `..`, absolute paths, URLs, links that lead away.
 * Nothing but the model itself is opened.
 * @throws ModelError `bad_path`, `missing_file`, or as `fileFailure`; GraphError `unsafe_location` and as `parseModel`
 */
export async function checkArtifact(artifact: OnnxArtifact): Promise<void> {
  if (artifact.kind === "bytes") return checkReferences(artifact);
  const { path } = artifact;
  try {
    if (!(await lstat(path)).isFile()) throw refused(path, "the model", "a plain file");
    const folder = await realpath(dirname(path));
    for (const location of externalReferences(await readFile(path))) {
      const real = await realpath(join(folder, ...location.split("/")));
      if (!isInside(folder, real)) throw refused(path, location, "a file inside the model's folder");
      if (!(await stat(real)).isFile()) throw refused(path, location, "a plain file");
    }
  } catch (error) {
    if (error instanceof Error && error.name === "GraphError") throw error;
    throw fileFailure(error, `reading ${path}`);
  }
}

/** Whether a path, links followed, lies below a folder. */
export function isInside(realFolder: string, realPath: string): boolean {
  return realPath.startsWith(realFolder.endsWith(sep) ? realFolder : realFolder + sep);
}

function refused(path: string, what: string, expected: string): ModelError {
  return new ModelError("bad_path", `${path}: ${JSON.stringify(what)} — expected ${expected}, got another. Do not trust this model.`);
}
