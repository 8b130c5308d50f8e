// Names as a hub spells them, checked before they become part of an address or a path. Pure.

import { quoted } from "@biovlm/files";
import { ModelError } from "../../contract/errors.js";

/** Returns "owner/name"; throws `ModelError` (`bad_name`) for anything else. */
export function checkRepo(repo: unknown): string {
  if (
    typeof repo !== "string" ||
    !/^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/.test(repo) ||
    /\.\.|--|\.git$/.test(repo)
  ) {
    throw new ModelError(
      "bad_name",
      `repository refused — expected owner/name as the hub spells it, got ${show(repo)}. Check the spelling.`,
    );
  }
  return repo;
}

/** Returns a branch, tag or commit; throws `ModelError` (`bad_name`) for anything else. */
export function checkRevision(revision: unknown): string {
  if (
    typeof revision !== "string" ||
    !/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/.test(revision) ||
    revision.length > 200 ||
    revision.includes("..")
  ) {
    throw new ModelError("bad_name", `revision refused — expected a branch, a tag or a commit, got ${show(revision)}. Check the spelling.`);
  }
  return revision;
}

function show(value: unknown): string {
  return typeof value === "string" ? quoted(value) : typeof value;
}
