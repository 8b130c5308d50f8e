// The deployment files name the image of the version that is released: what `changeset version` does not know of. `node tools/checks/deploy-versions.mjs`
// writes it into them (`npm run version` does); as a check it only says where they differ.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packages, projectFiles, read, root } from "./workspace.mjs";

/** Where a file of deploy/ says a version of ours: an image, kustomize's tag of it, the chart's own two. */
const PLACES = /^(\s*(?:(?:- )?image: biovlm:|newTag: |version: |appVersion: ))(\d+\.\d+\.\d+\S*)$/gm;

/** The text with `version` wherever it names one, and the lines that it names another in. */
export function withVersion(text, version) {
  const other = [...text.matchAll(PLACES)].filter(([, , named]) => named !== version).map(([line]) => line.trim());
  return { text: text.replaceAll(PLACES, (_, before) => `${before}${version}`), other };
}

const files = () => projectFiles().filter((path) => /^deploy\/.*\.yaml$/.test(path));
const released = () => packages().find(({ name }) => name === "biovlm").manifest.version;

/** @type {import("./workspace.mjs").Check} */
export const deployVersions = {
  name: "versions of the deployment files",
  async run() {
    const version = released();
    const problems = files().flatMap((path) =>
      withVersion(read(path), version).other.map(
        (line) => `${path}: "${line}", though biovlm is ${version} — run node tools/checks/deploy-versions.mjs.`,
      ),
    );
    return { problems, notes: [`${files().length} files at ${version}`] };
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of files()) {
    const { text, other } = withVersion(read(path), released());
    if (other.length > 0) writeFileSync(join(root, path), text);
  }
}
