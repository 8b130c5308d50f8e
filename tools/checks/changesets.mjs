// Every change note names packages of ours and a bump, so that `changeset version` will not stumble. Needs no remote.
import { packages, projectFiles, read } from "./workspace.mjs";

export function changesetProblems(path, text, names) {
  const match = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(text);
  if (match === null) return [`${path} has no front matter — write it with "npm run changeset".`];
  const problems = [];
  for (const line of match[1].split("\n").filter((text) => text.trim() !== "")) {
    const entry = /^["']?([^"':]+)["']?:\s*(major|minor|patch)\s*$/.exec(line.trim());
    if (entry === null) problems.push(`${path}: "${line.trim()}" is not "package: major|minor|patch" — correct it.`);
    else if (!names.has(entry[1])) problems.push(`${path} names ${entry[1]}, which is no package here — correct the name.`);
  }
  if (match[2].trim() === "") problems.push(`${path} says nothing — add one sentence for the change log.`);
  return problems;
}

/** @type {import("./workspace.mjs").Check} */
export const changesets = {
  name: "change notes",
  async run() {
    const names = new Set(packages().map(({ name }) => name));
    const files = projectFiles().filter((path) => /^\.changeset\/(?!README)[^/]+\.md$/.test(path));
    return { problems: files.flatMap((path) => changesetProblems(path, read(path), names)), notes: [`${files.length} notes`] };
  },
};
