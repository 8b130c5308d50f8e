// What the file system says, as an error of ours; the cause keeps the system's own.

import { DatasetError } from "../errors.js";

const WHY: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ["a full disk", "Free some space, or choose another folder with BIOVLM_DATA"],
  EDQUOT: ["a used-up quota", "Free some space, or choose another folder with BIOVLM_DATA"],
  EFBIG: ["a file-size limit", "Raise the limit, or choose another file system"],
  EACCES: ["no permission", "Check the folder's owner and mode, or choose another with BIOVLM_DATA"],
  EPERM: ["no permission", "Check the folder's owner and mode, or choose another with BIOVLM_DATA"],
  EROFS: ["a read-only file system", "Choose a writable folder with BIOVLM_DATA"],
  EMFILE: ["too many open files", "Raise the limit (ulimit -n), or run fewer jobs at once"],
};

/** Errors of ours pass through. */
export function storageFailure(error: unknown, what: string): DatasetError {
  if (error instanceof DatasetError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "an error";
  const [why, remedy] = WHY[code] ?? [code, "Check the disk and try again"];
  return new DatasetError("storage", `${what} — expected the file system to allow it, got ${why}. ${remedy}.`, { cause: error });
}
