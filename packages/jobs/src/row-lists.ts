// Where rows come from: a folder's images, or a list that names them. Streams: what is held does not depend on how many there are. A path of a
// list is a name from outside: it stays below the source's folder, here and again where it is read.

import type { FileHandle } from "node:fs/promises";
import { isJsonObject, parseStrictJson } from "@biovlm/files";
import { openRegular, walkImages } from "@biovlm/files/node";
import { parse } from "csv-parse";
import { JobsError } from "./errors.js";
import { isCount, isDigest, isUriBelow, type PlanRow } from "./job.js";

/** Characters of one line of a list. */
const MAX_LINE = 65_536;
/** Names of the column or member that holds the path, best first. */
const URI_NAMES = ["uri", "path", "file", "image", "filename", "file_name", "image_path"] as const;

/** Stops a listing, and hears what it leaves out. */
export interface ListingOptions {
  readonly signal?: AbortSignal | undefined;
  /** counts what a folder's walk leaves out, by reason */
  readonly leftOut?: Map<string, number>;
}

/** The images below a folder, by code units of their paths. @throws FilesError where the folder cannot be read; the signal's reason */
export async function* folderRows(folder: string, { signal, leftOut = new Map() }: ListingOptions = {}): AsyncGenerator<PlanRow> {
  for await (const uri of walkImages(folder, leftOut, { signal, maxDepth: 256 })) yield { uri };
}

/** Whether a source is a list by its name: .csv, .jsonl or .ndjson. */
export const isRowList = (name: string): boolean => /\.(csv|jsonl|ndjson)$/i.test(name);

/**
 * Rows of a list, in its order: CSV with a header, or a JSON object a line. The path stands under uri, path, file, image, filename, file_name or
 * image_path; size (bytes), etag (of an object in a bucket) and sha256 may stand beside it.
 * @throws JobsError `bad_list`, naming the line; FilesError where the file cannot be read; the signal's reason
 */
export async function* listRows(list: string, { signal }: ListingOptions = {}): AsyncGenerator<PlanRow> {
  const { handle } = await openRegular(list);
  try {
    for await (const [line, row] of /\.csv$/i.test(list) ? csvRows(handle) : jsonRows(handle)) {
      signal?.throwIfAborted();
      yield checkedRow(row, line);
    }
  } finally {
    await handle.close().catch(() => {});
  }
}

type Given = Readonly<Record<string, unknown>>;

async function* csvRows(handle: FileHandle): AsyncGenerator<[line: number, row: Given]> {
  const parser = parse({
    bom: true,
    trim: true,
    info: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE,
    columns: (header: string[]) => header.map((name) => name.toLowerCase()),
  });
  const input = handle.createReadStream({ autoClose: false });
  input.once("error", (error) => parser.destroy(error));
  input.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: Given; info: { lines: number } }>) yield [info.lines, record];
  } catch (cause) {
    const code: unknown = Reflect.get(Object(cause), "code");
    if (typeof code !== "string" || !code.startsWith("CSV_")) throw cause;
    throw badList(
      Number(Reflect.get(Object(cause), "lines")),
      "as many fields as the header has",
      "another number, or quotes that do not match",
      cause,
    );
  } finally {
    input.destroy();
  }
}

async function* jsonRows(handle: FileHandle): AsyncGenerator<[line: number, row: Given]> {
  const decoder = new TextDecoder();
  let rest = "";
  let line = 0;
  const parsed = (text: string): Given => {
    try {
      const row = parseStrictJson(text, "row");
      if (isJsonObject(row)) return row;
    } catch (cause) {
      throw badList(line, "a JSON object", "something else", cause);
    }
    throw badList(line, "a JSON object", "another value");
  };
  const input = handle.createReadStream({ autoClose: false, highWaterMark: MAX_LINE });
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) throw badList(line + lines.length + 1, `at most ${MAX_LINE} characters`, "more");
    for (const text of lines) {
      line++;
      if (text.trim() !== "") yield [line, parsed(text)];
    }
  }
  line++;
  if (rest.trim() !== "") yield [line, parsed(rest)];
}

function checkedRow(row: Given, line: number): PlanRow {
  const name = URI_NAMES.find((candidate) => typeof row[candidate] === "string" && row[candidate] !== "");
  if (name === undefined) throw badList(line, `a path under ${URI_NAMES.join(", ")}`, "none");
  const uri = String(row[name]);
  if (!isUriBelow(uri)) throw badList(line, "a path below the source's folder, without .. and without a slash in front", "another");
  const size = row["size"] === "" || row["size"] === undefined ? undefined : Number(row["size"]);
  if (size !== undefined && !isCount(size)) throw badList(line, "a size in bytes", "something else");
  const digest = row["sha256"] === "" || row["sha256"] === undefined ? undefined : String(row["sha256"]).toLowerCase();
  if (digest !== undefined && !isDigest(digest)) throw badList(line, "a sha256 of 64 hex digits", "something else");
  const etag = row["etag"] === undefined || row["etag"] === "" ? {} : { etag: checkedEtag(row["etag"], line) };
  return { uri, ...(size === undefined ? {} : { size }), ...etag, ...(digest === undefined ? {} : { sha256: digest }) };
}

/** As a header says it, within quotes, which lists often leave out. @throws JobsError `bad_list` */
function checkedEtag(given: unknown, line: number): string {
  const text = String(given).replace(/^"(.*)"$/, "$1");
  // visible characters, since it goes into a header
  if (!/^[\x21\x23-\x7e]{1,256}$/.test(text)) throw badList(line, "an etag of 1 to 256 visible characters", "something else");
  return `"${text}"`;
}

function badList(line: number, expected: string, got: string, cause?: unknown): JobsError {
  return new JobsError(
    "bad_list",
    `list, line ${line} — expected ${expected}, got ${got}. Correct the list.`,
    cause === undefined ? {} : { cause },
  );
}
