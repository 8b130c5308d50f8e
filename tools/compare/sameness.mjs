// Whether two results are the same, byte for byte, once what may differ between two runs is taken out: times, ports, paths. Pure functions.

/** Keys of JSON whose values are times, places or processes; taken out wherever they stand. */
export const passing = new Set([
  "timings",
  "timingsMs",
  "spent",
  "spentMs",
  "seconds",
  "ms",
  "milliseconds",
  "elapsed",
  "time",
  "date",
  "created",
  "started",
  "ended",
  "pid",
  "port",
  "hostname",
  "uptime",
]);

/** Times within text: "3.2 s", "140 ms", "12.5 images/s", "1 min 3 s", with nothing else of the line touched. */
const times = /\b\d+(?:[.,]\d+)? ?(?:images\/s|ms|s|seconds|min|minutes)\b/g;

/** Addresses with a port of this run. */
const addresses = /\b(127\.0\.0\.1|localhost):\d+/g;

/** Text without times, ports, and the folder it was made in. */
export function settledText(text, folder) {
  return text.replaceAll(folder, "<folder>").replace(times, "<time>").replace(addresses, "$1:<port>");
}

/** A JSON value without passing keys, its strings settled. */
export function settledJson(value, folder) {
  if (typeof value === "string") return settledText(value, folder);
  if (Array.isArray(value)) return value.map((item) => settledJson(item, folder));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !passing.has(key))
      .map(([key, item]) => [key, settledJson(item, folder)]),
  );
}

/**
 * A result ready to compare. Bytes stay as they are; text that is JSON, or JSON a line, is compared as JSON.
 * @param {Uint8Array | string} raw
 * @returns {{kind: "json" | "text" | "bytes", value: any}}
 */
export function settled(raw, folder) {
  if (typeof raw !== "string") return { kind: "bytes", value: raw };
  const whole = parsed(raw);
  if (whole !== undefined) return { kind: "json", value: settledJson(whole, folder) };
  const lines = raw.trimEnd().split("\n").map(parsed);
  if (lines.length > 1 && lines.every((line) => typeof line === "object")) return { kind: "json", value: settledJson(lines, folder) };
  return { kind: "text", value: settledText(raw, folder) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @typedef {{path: string, before: string, after: string}} Difference */

/** @returns {Difference[]} at most `most`, in order; empty where both are the same */
export function differences(before, after, most = 200) {
  if (before === undefined || after === undefined)
    return before === after
      ? []
      : [{ path: "", before: before === undefined ? "nothing" : "a result", after: after === undefined ? "nothing" : "a result" }];
  if (before.kind !== after.kind)
    return [{ path: "", before: `${before.kind}: ${short(before.value)}`, after: `${after.kind}: ${short(after.value)}` }];
  if (before.kind === "json") {
    const found = [];
    compareJson(before.value, after.value, "", found, most);
    return found;
  }
  if (before.kind === "text") return differentLines(before.value, after.value, most);
  return differentBytes(before.value, after.value);
}

function compareJson(before, after, path, found, most) {
  if (found.length >= most || Object.is(before, after)) return;
  const both =
    [before, after].every((value) => value !== null && typeof value === "object") && Array.isArray(before) === Array.isArray(after);
  if (!both) return void found.push({ path, before: short(before), after: short(after) });
  const [mine, theirs] = [Object.keys(before), Object.keys(after)];
  for (const key of new Set([...mine, ...theirs])) {
    const place = path === "" ? key : `${path}.${key}`;
    if (!Object.hasOwn(before, key)) found.push({ path: place, before: "nothing", after: short(after[key]) });
    else if (!Object.hasOwn(after, key)) found.push({ path: place, before: short(before[key]), after: "nothing" });
    else compareJson(before[key], after[key], place, found, most);
    if (found.length >= most) return;
  }
  const shared = (keys, others) => keys.filter((key) => others.includes(key)).join();
  if (shared(mine, theirs) !== shared(theirs, mine))
    found.push({ path: `${path} (order of keys)`, before: short(mine.join()), after: short(theirs.join()) });
}

function differentLines(before, after, most) {
  const [mine, theirs] = [before.split("\n"), after.split("\n")];
  const found = [];
  for (let line = 0; line < Math.max(mine.length, theirs.length) && found.length < most; line++)
    if (mine[line] !== theirs[line]) found.push({ path: `line ${line + 1}`, before: short(mine[line]), after: short(theirs[line]) });
  return found;
}

function differentBytes(before, after) {
  const most = Math.min(before.length, after.length);
  let at = 0;
  while (at < most && before[at] === after[at]) at++;
  if (at === most && before.length === after.length) return [];
  const shown = (bytes) => `${bytes.length} bytes, there ${Buffer.from(bytes.subarray(at, at + 8)).toString("hex") || "the end"}`;
  return [{ path: `byte ${at}`, before: shown(before), after: shown(after) }];
}

function short(value) {
  const text = value === undefined ? "nothing" : typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 140 ? `${text.slice(0, 137)}…` : text;
}

/**
 * Takes out what is meant to differ.
 * @param {{at: string, path?: string, why: string}[]} exceptions regular expressions on the result's name and on the difference's path
 * @returns {{left: Difference[], excused: Set<number>}} excused: numbers of the exceptions that were used
 */
export function excusing(name, found, exceptions) {
  const excused = new Set();
  const left = found.filter(({ path }) => {
    const number = exceptions.findIndex(
      (item) => new RegExp(item.at).test(name) && (item.path === undefined || new RegExp(item.path).test(path)),
    );
    if (number >= 0) excused.add(number);
    return number < 0;
  });
  return { left, excused };
}
