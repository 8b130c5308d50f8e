// A folder that a reader can take in: at most 15 files in each folder of model's sources; the fullest folder of every package is said.
import { dirname } from "node:path";
import { projectFiles } from "./workspace.mjs";

/** Files allowed in one folder, by package. */
export const mostFiles = { model: 15 };

/** @param {readonly string[]} paths sources such as packages/model/src/banks/bank.ts */
export function folderCounts(paths) {
  const counts = new Map();
  for (const path of paths) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  return counts;
}

export function folderProblems(paths, limits = mostFiles) {
  return [...folderCounts(paths)].flatMap(([folder, count]) => {
    const most = limits[folder.split("/")[1]];
    return most !== undefined && count > most
      ? [`${folder} holds ${count} files; ${most} are allowed — sort them into rooms by what flows through them.`]
      : [];
  });
}

/** @type {import("./workspace.mjs").Check} */
export const folderSize = {
  name: "folder size",
  async run() {
    const paths = projectFiles().filter((path) => /^packages\/[^/]+\/src\//.test(path));
    const fullest = new Map();
    for (const [folder, count] of folderCounts(paths)) {
      const name = folder.split("/")[1];
      if (count > (fullest.get(name)?.count ?? 0)) fullest.set(name, { folder: folder.replace(/^packages\//, ""), count });
    }
    return {
      problems: folderProblems(paths),
      notes: [`fullest: ${[...fullest.values()].map(({ folder, count }) => `${folder} ${count}`).join(", ")}`],
    };
  },
};
