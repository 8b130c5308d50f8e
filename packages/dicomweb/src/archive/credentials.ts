// Credentials of an archive, from a file's text: a token, or a name and a password. They go into one header and nowhere else.

import { DicomwebError } from "../errors.js";

/**
 * The Authorization header for `text`: "Bearer TOKEN", "TOKEN", or "USER:PASSWORD" (sent as Basic), one line.
 * @throws DicomwebError `bad_argument`, which does not repeat the text
 */
export function authorizationOf(text: string): string {
  const line = text.trim();
  if (line === "" || /[\r\n\0]/.test(line) || line.length > 16_384) {
    throw new DicomwebError(
      "bad_argument",
      "archive's credentials — expected one line, a token or USER:PASSWORD, got none or more. Write it alone into the file.",
    );
  }
  if (/^(bearer|basic) /i.test(line)) return line;
  if (line.includes(":")) return `Basic ${Buffer.from(line, "utf8").toString("base64")}`;
  return `Bearer ${line}`;
}
