// The name and password of one machine in a netrc file, as curl, git and Python's requests read it: for mirrors (Nexus, Artifactory) that want them.

import { readFile } from "node:fs/promises";

/** `Basic …` for a host, or undefined where the file has none for it or cannot be read. The file's `default` entry is for no host of ours. */
export async function netrcAuthorization(path: string, host: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  // a macro goes on to the next empty line; a comment to the end of its own
  const words = text
    .replace(/^\s*macdef\b[\s\S]*?(\n\s*\n|(?![\s\S]))/gm, "\n")
    .replace(/(^|\s)#.*$/gm, "")
    .split(/\s+/)
    .filter((word) => word !== "");
  let inside = false;
  let [login, password]: (string | undefined)[] = [undefined, undefined];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === "machine" || word === "default") {
      if (inside) break;
      inside = word === "machine" && words[++i]?.toLowerCase() === host.toLowerCase();
    } else if (inside && word === "login") login = words[++i];
    else if (inside && word === "password") password = words[++i];
    else i++;
  }
  return password === undefined ? undefined : `Basic ${Buffer.from(`${login ?? ""}:${password}`).toString("base64")}`;
}
