// Text from outside as it may stand in a message.

const PRINTED = 80;

/** Text from a file as it may stand in a message: JSON-quoted, control characters escaped, cut at 80 characters. */
export function quoted(text: string): string {
  const cut = text.length > PRINTED ? `${text.slice(0, PRINTED)}…` : text;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
