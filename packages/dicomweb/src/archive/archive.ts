// An archive over DICOMweb: what a study holds (QIDO-RS), its files (WADO-RS), and storing (STOW-RS). Files come as they are stored, whatever
// their transfer syntax: decoding is ours. Knows no pixels.

import { byCodeUnit, isJsonObject, type Json, parseStrictJson } from "@biovlm/files";
import { DicomwebError } from "../errors.js";
import { checkUid } from "../report/uids.js";
import { boundaryOf, dicomBody, partsOf } from "./multipart.js";
import { REQUEST_LIMITS, type RequestLimits, send } from "./requests.js";

/** Where an archive is and how much may come from it. */
export interface ArchiveOptions extends Partial<RequestLimits> {
  /** root of its DICOMweb service, e.g. http://127.0.0.1:8042/dicom-web */
  readonly url: string;
  /** Authorization header, see `authorizationOf` */
  readonly authorization?: string | undefined;
  /** largest file, in bytes. Default 512 MiB */
  readonly maxInstanceBytes?: number;
  /** most instances of a study. Default 100 000 */
  readonly maxInstances?: number;
  readonly signal?: AbortSignal | undefined;
}

/** One file of an archive, by its UIDs. */
export interface InstanceReference {
  readonly study: string;
  readonly series: string;
  readonly instance: string;
  readonly sopClass: string;
  /** e.g. CT; empty where the archive does not say */
  readonly modality: string;
}

/** An archive. */
export interface Archive {
  /** Files of a study or a series, by series and instance UID. @throws DicomwebError `not_found` where there are none */
  findInstances(study: string, series?: string): Promise<InstanceReference[]>;
  /** Bytes of one file, in the transfer syntax it is stored in. */
  readInstance(reference: InstanceReference): Promise<Uint8Array>;
  /** Stores files; storing one twice is no error. @throws DicomwebError `not_stored` with the archive's failure reason */
  store(files: readonly Uint8Array[]): Promise<void>;
}

const PAGE = 1000;
const MAX_PAGE_BYTES = 64 * 1024 * 1024;

const TAGS = { study: "0020000D", series: "0020000E", instance: "00080018", sopClass: "00080016", modality: "00080060" } as const;

/** First value of a tag in DICOM's JSON model, as text; empty where there is none. */
function textOf(row: Json, tag: string): string {
  const element = isJsonObject(row) ? row[tag] : undefined;
  const values = element !== undefined && isJsonObject(element) ? element["Value"] : undefined;
  const first = Array.isArray(values) ? values[0] : undefined;
  return typeof first === "string" ? first : "";
}

function rootOf(text: string): URL {
  let url: URL;
  try {
    url = new URL(text.endsWith("/") ? text : `${text}/`);
  } catch {
    throw new DicomwebError(
      "bad_argument",
      "archive's address — expected a URL like https://host/dicom-web, got none. Give the root of its DICOMweb service.",
    );
  }
  if (!["http:", "https:"].includes(url.protocol) || url.username !== "" || url.search !== "" || url.hash !== "") {
    throw new DicomwebError(
      "bad_argument",
      "archive's address — expected http or https, without credentials, query or fragment, got another. Credentials go into a file of their own.",
    );
  }
  return url;
}

/** What an archive said no with. */
function refusal(what: string, status: number): DicomwebError {
  if (status === 401 || status === 403) {
    return new DicomwebError("refused", `${what} — expected to be let in, got ${status}. Check the credentials and their rights.`);
  }
  if (status === 404)
    return new DicomwebError("not_found", `${what} — expected it in the archive, got 404. Check the UIDs and the address.`);
  return new DicomwebError("refused", `${what} — expected 200, got ${status}. Check that the address is a DICOMweb root.`);
}

/** What every request of an archive shares. */
interface Connection {
  readonly root: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: RequestLimits;
  readonly signal: AbortSignal | undefined;
}

/** One page of a search, as rows. */
async function searchPage({ root, headers, limits, signal }: Connection, path: string, offset: number): Promise<Json[]> {
  const what = "search for instances";
  const url = new URL(path, root);
  url.searchParams.set("limit", String(PAGE));
  url.searchParams.set("offset", String(offset));
  url.searchParams.set("includefield", TAGS.sopClass);
  const request = { what, url, headers: { accept: "application/dicom+json", ...headers }, maxBytes: MAX_PAGE_BYTES, signal };
  const answer = await send(request, limits);
  if (answer.status === 204) return [];
  if (answer.status !== 200) throw refusal(what, answer.status);
  const expected = (kind: string, cause?: unknown) =>
    new DicomwebError("bad_answer", `${what} — expected ${kind}, got something else. Check that the address is a DICOMweb root.`, {
      cause,
    });
  let rows: Json;
  try {
    rows = parseStrictJson(new TextDecoder().decode(answer.body), what);
  } catch (cause) {
    throw expected("DICOM JSON", cause);
  }
  if (!Array.isArray(rows)) throw expected("a JSON array");
  return rows;
}

/** A row of a search. @throws DicomwebError `bad_answer` for one without UIDs */
function referenceOf(row: Json, study: string, series: string | undefined): InstanceReference {
  const uid = (tag: string, known?: string) => {
    const given = textOf(row, tag);
    try {
      return given === "" && known !== undefined ? known : checkUid(given, "instance");
    } catch {
      throw new DicomwebError(
        "bad_answer",
        "search for instances — expected UIDs of series and instance, got a row without. Look at the archive's log.",
      );
    }
  };
  return {
    study,
    series: uid(TAGS.series, series),
    instance: uid(TAGS.instance),
    sopClass: textOf(row, TAGS.sopClass),
    modality: textOf(row, TAGS.modality),
  };
}

async function findInstances(connection: Connection, maxInstances: number, study: string, series?: string): Promise<InstanceReference[]> {
  checkUid(study, "study");
  if (series !== undefined) checkUid(series, "series");
  const path = series === undefined ? `studies/${study}/instances` : `studies/${study}/series/${series}/instances`;
  const found = new Map<string, InstanceReference>();
  for (let offset = 0; ; offset += PAGE) {
    const rows = await searchPage(connection, path, offset);
    const before = found.size;
    for (const row of rows) {
      const instance = referenceOf(row, study, series);
      found.set(`${instance.series} ${instance.instance}`, instance);
    }
    if (found.size > maxInstances) {
      throw new DicomwebError("too_large", `study — expected at most ${maxInstances} instances, got more. Name a series.`);
    }
    // an archive that does not know offsets gives the first page again
    if (rows.length < PAGE || found.size === before) break;
  }
  if (found.size === 0) throw new DicomwebError("not_found", "study — expected instances in the archive, got none. Check the UIDs.");
  return [...found.entries()].sort(([a], [b]) => byCodeUnit(a, b)).map(([, instance]) => instance);
}

async function readInstance(connection: Connection, maxBytes: number, reference: InstanceReference): Promise<Uint8Array> {
  const what = "an instance";
  const [study, series, instance] = (["study", "series", "instance"] as const).map((part) => checkUid(reference[part], part));
  const url = new URL(`studies/${study}/series/${series}/instances/${instance}`, connection.root);
  const ask = (accept: string) =>
    send({ what, url, headers: { accept, ...connection.headers }, maxBytes, signal: connection.signal }, connection.limits);
  // as stored first: asked for without "*", some archives answer 500 for what they cannot transcode
  let answer = await ask(`multipart/related; type="application/dicom"; transfer-syntax=*`);
  if (answer.status === 400 || answer.status === 406) answer = await ask(`multipart/related; type="application/dicom"`);
  if (answer.status !== 200) throw refusal(what, answer.status);
  if (/^application\/dicom\b/i.test(answer.contentType)) return answer.body;
  const parts = partsOf(answer.body, boundaryOf(answer.contentType));
  const [file] = parts;
  if (file === undefined || parts.length > 1) {
    throw new DicomwebError("bad_answer", `${what} — expected one part, got ${parts.length}. Look at the archive's log.`);
  }
  return file;
}

async function storeFiles(connection: Connection, files: readonly Uint8Array[]): Promise<void> {
  const what = "storing";
  const { body, contentType } = dicomBody(files);
  const headers = { "content-type": contentType, accept: "application/dicom+json", ...connection.headers };
  const url = new URL("studies", connection.root);
  const request = { what, url, method: "POST", headers, body, maxBytes: MAX_PAGE_BYTES, signal: connection.signal } as const;
  const answer = await send(request, connection.limits);
  if (answer.status === 200) return;
  if (answer.status !== 202 && answer.status !== 409) throw refusal(what, answer.status);
  throw new DicomwebError(
    "not_stored",
    `${what} — expected all ${files.length} stored, got ${answer.status}${failureReason(answer.body)}. Look at the archive's log.`,
  );
}

/**
 * Opens an archive; nothing is sent yet.
 * @throws DicomwebError `bad_argument` for an address that cannot be one
 */
export function openArchive(options: ArchiveOptions): Archive {
  const { authorization, maxInstanceBytes = 512 * 1024 * 1024, maxInstances = 100_000, signal } = options;
  const connection: Connection = {
    root: rootOf(options.url),
    headers: authorization === undefined ? {} : { authorization },
    limits: {
      tries: options.tries ?? REQUEST_LIMITS.tries,
      backoffMs: options.backoffMs ?? REQUEST_LIMITS.backoffMs,
      timeoutMs: options.timeoutMs ?? REQUEST_LIMITS.timeoutMs,
      ca: options.ca,
    },
    signal,
  };
  return {
    findInstances: (study, series) => findInstances(connection, maxInstances, study, series),
    readInstance: (reference) => readInstance(connection, maxInstanceBytes, reference),
    store: (files) => storeFiles(connection, files),
  };
}

/** "; failure reason 272", where the archive gives one. */
function failureReason(body: Uint8Array): string {
  try {
    const answer = parseStrictJson(new TextDecoder().decode(body), "answer");
    const sequence = isJsonObject(answer) ? answer["00081198"] : undefined;
    const items = sequence !== undefined && isJsonObject(sequence) ? sequence["Value"] : undefined;
    const reason = Array.isArray(items) && items[0] !== undefined && isJsonObject(items[0]) ? items[0]["00081197"] : undefined;
    const values = reason !== undefined && isJsonObject(reason) ? reason["Value"] : undefined;
    return Array.isArray(values) && typeof values[0] === "number" ? `, failure reason ${values[0]}` : "";
  } catch {
    return "";
  }
}
