// The first line of a commit message fits a line of a log: at most 72 characters, for every commit since the rule was made.
import { execFileSync } from "node:child_process";
import { root } from "./workspace.mjs";

/** The last commit before the rule was held; some before it are longer. */
const since = "b79f1705";

/** Characters allowed in a subject. */
export const mostCharacters = 72;

/** @param {string} log lines "HASH SUBJECT" */
export function subjectProblems(log, most = mostCharacters) {
  return log
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const [, hash, subject] = /^(\S+) (.*)$/.exec(line) ?? [];
      const length = [...subject].length;
      return length > most
        ? [`commit ${hash} has a subject of ${length} characters; ${most} are allowed — say one thing, and the rest in the body.`]
        : [];
    });
}

/** @type {import("./workspace.mjs").Check} */
export const commitSubjects = {
  name: "commit subjects",
  async run() {
    const git = (...words) =>
      execFileSync("git", words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 });
    try {
      git("cat-file", "-e", `${since}^{commit}`);
    } catch {
      return { problems: [], skipped: "no git history here" };
    }
    const log = git("log", "--no-merges", "--format=%h %s", `${since}..HEAD`);
    return { problems: subjectProblems(log), notes: [`${log.split("\n").length - 1} commits`] };
  },
};
