// Why an image has no row, as a code and a sentence. The code is the one of the package that refused it, or what the system said of its file.

/** Why an image has no row. */
export interface ImageFailure {
  readonly code: string;
  readonly message: string;
}

/** What the system says of a file that cannot be opened. */
const SYSTEM: Readonly<Record<string, string>> = {
  ENOENT: "not_found",
  ENOTDIR: "not_found",
  ELOOP: "not_found",
  ENAMETOOLONG: "name_too_long",
  EACCES: "permission_denied",
  EPERM: "permission_denied",
  EMFILE: "too_many_open_files",
  ENFILE: "too_many_open_files",
};

/** Any thrown value → code and message. `internal_error` for what no package of ours throws. Never throws. */
export function imageFailure(error: unknown): ImageFailure {
  const message = error instanceof Error ? error.message : String(error);
  const given: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  if (typeof given !== "string") return { code: "internal_error", message };
  const code = SYSTEM[given];
  if (code === "not_found") return { code, message: "no such file" };
  if (code !== undefined) {
    const path: unknown = Reflect.get(Object(error), "path");
    const said = message.replace(/^[A-Z]+: /, "").replace(/,.*$/, "");
    return { code, message: typeof path === "string" ? `${said} — ${path}` : message };
  }
  return { code: /^[a-z][a-z0-9_]*$/.test(given) ? given : "internal_error", message };
}
