// `data pull|ls|verify`: official MedMNIST files fetched or copied into the data folder, listed, and checked by their published MD5.

import { copyFile, mkdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FilesError, nth } from "@biovlm/files";
import { connectionAdvice, digestFile, download, fileFailure, networkFetch, putInPlace, withLock } from "@biovlm/files/node";
import { CATALOGUE } from "../catalogue.js";
import { DatasetError } from "../errors.js";
import { MEDMNIST, medmnistFacts, medmnistFile, medmnistMaxBytes, medmnistUrl } from "../medmnist.js";
import { requireOptions } from "../names.js";
import { dataRoot, firstPlace, MEDMNIST_SIZES, type MedmnistSize, medmnistPlaces } from "./data-root.js";

/** Which MedMNIST file is fetched, and from where. */
export interface PullOptions {
  readonly root?: string;
  /** image side. Default 28 */
  readonly size?: MedmnistSize;
  /** a folder that holds the official file, instead of the network */
  readonly from?: string;
  /** address of the file instead of the official one */
  readonly url?: string;
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number | undefined) => void;
  readonly onWait?: (() => void) | undefined;
}

/** One official file on this machine. */
export interface DataFile {
  readonly dataset: string;
  readonly size: MedmnistSize;
  readonly path: string;
  readonly bytes: number;
}

/** What the data folder holds. */
export interface DataListing {
  readonly root: string;
  readonly files: readonly DataFile[];
  /** known sets that are not MedMNIST and lie here */
  readonly others: readonly { readonly dataset: string; readonly path: string }[];
}

/**
 * Puts an official MedMNIST file into the data folder, checked by its MD5; nothing is done when it is there and right.
 * @throws DatasetError `unknown_dataset`, `bad_option`, `not_found`, `integrity`; FilesError `network`, `refused`, `hub_protocol`, `integrity`,
 * `too_large`, `locked`, or what the file system says; the signal's reason when aborted
 * @example await pullDataset("breastmnist", { size: 224 })
 */
export async function pullDataset(name: string, options: PullOptions = {}): Promise<DataFile & { readonly fresh: boolean }> {
  requireOptions("pullDataset", options, ["root", "size", "from", "url", "fetch", "signal", "onProgress", "onWait"]);
  const facts = medmnistFacts(name);
  const size = options.size ?? 28;
  const md5 = facts.md5[size];
  if (md5 === undefined) {
    throw new DatasetError(
      "bad_option",
      `${facts.name} at ${size} pixels — expected a size with a published MD5 (${Object.keys(facts.md5).join(", ")}), got ${size}. Choose one of them.`,
    );
  }
  const root = dataRoot(options.root);
  const path = join(root, nth(medmnistPlaces(facts.name, size), 0));
  const found = await firstPlace(root, medmnistPlaces(facts.name, size), "file");
  if (found !== undefined && (await digestFile(found, "md5", options.signal)) === md5) {
    return { dataset: facts.name, size, path: found, bytes: await sizeOf(found), fresh: false };
  }
  await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
    throw fileFailure(error, `making ${dirname(path)}`, "BIOVLM_DATA");
  });
  const { signal, onWait } = options;
  const label = medmnistFile(facts.name, size);
  await withLock(
    `${path}.lock`,
    async (lost) => {
      if (found === path) await rm(path, { force: true });
      if (options.from !== undefined) await copyChecked(options.from, facts.name, size, path, md5, lost);
      else {
        await download({
          label,
          target: path,
          expected: { maxBytes: medmnistMaxBytes(facts, size), digest: { kind: "md5", hex: md5 } },
          advice: { space: "choose another folder with BIOVLM_DATA", source: "use --from with a folder that holds the file" },
          signal: lost,
          request: (headers, inner) => request(options, options.url ?? medmnistUrl(facts.name, size), label, headers, inner),
          ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
        });
      }
    },
    { waitMs: LOCK_WAIT_MS, ...(signal === undefined ? {} : { signal }), ...(onWait === undefined ? {} : { onWait: () => onWait() }) },
  );
  return { dataset: facts.name, size, path, bytes: await sizeOf(path), fresh: true };
}

/** How long another process that writes the same file is waited for, in ms. */
const LOCK_WAIT_MS = 600_000;

async function request(
  options: PullOptions,
  url: string,
  label: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  let response: Response;
  try {
    response = await (options.fetch ?? (await networkFetch()))(url, { headers: { "accept-encoding": "identity", ...headers }, signal });
  } catch (cause) {
    // a variable of the proxy or the CA that is wrong says so itself
    if (cause instanceof FilesError) throw cause;
    const { reason, remedy } = connectionAdvice(cause);
    throw new FilesError(
      "network",
      `no answer for ${label} — expected a connection, got none: ${reason}. ${remedy}, or use --from with a folder that holds the file.`,
      { cause },
    );
  }
  const { status } = response;
  // 416 and what may be tried again is judged by the download
  if (status < 400 || status === 416 || status === 408 || status === 429 || status >= 500) return response;
  await response.body?.cancel().catch(() => {});
  throw new FilesError(
    "refused",
    `the server refuses ${label} — expected the file, got status ${status}. The address may have changed; use --from with a folder that holds the file.`,
  );
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

async function copyChecked(from: string, name: string, size: MedmnistSize, path: string, md5: string, signal?: AbortSignal): Promise<void> {
  const source = await firstPlace(from, medmnistPlaces(name, size), "file");
  if (source === undefined) {
    throw new DatasetError(
      "not_found",
      `--from — expected ${medmnistFile(name, size)} in the folder, got none. Name the folder that holds it.`,
    );
  }
  const part = `${path}.part`;
  try {
    await copyFile(source, part);
  } catch (error) {
    await rm(part, { force: true });
    throw fileFailure(error, `writing ${part}`, "BIOVLM_DATA");
  }
  if ((await digestFile(part, "md5", signal)) !== md5) {
    await rm(part, { force: true });
    throw new DatasetError("integrity", `${medmnistFile(name, size)} — expected the published MD5, got another. Get the file again.`);
  }
  await putInPlace(part, path);
}

/** What lies in the data folder. Nothing is read but names and sizes. */
export async function listData(root?: string): Promise<DataListing> {
  const folder = dataRoot(root);
  const files: DataFile[] = [];
  for (const { name } of MEDMNIST) {
    for (const size of MEDMNIST_SIZES) {
      const path = await firstPlace(folder, medmnistPlaces(name, size), "file");
      if (path !== undefined) files.push({ dataset: name, size, path, bytes: await sizeOf(path) });
    }
  }
  const others: { dataset: string; path: string }[] = [];
  for (const { name, form } of CATALOGUE) {
    if (form === "medmnist") continue;
    const path =
      form === "arrays"
        ? await firstPlace(folder, [`pretrain/${name}64.npz`, `${name}64.npz`, `${name}.npz`], "file")
        : await firstPlace(folder, [name], "folder");
    if (path !== undefined) others.push({ dataset: name, path });
  }
  return { root: folder, files, others };
}

/** Checks official files by their published MD5; `ok` undefined where none is published for the size. */
export async function verifyData(
  names: readonly string[],
  root?: string,
  signal?: AbortSignal,
): Promise<readonly (DataFile & { readonly ok: boolean | undefined })[]> {
  const known = names.map((name) => medmnistFacts(name).name);
  const { files } = await listData(root);
  const out: (DataFile & { ok: boolean | undefined })[] = [];
  for (const file of files) {
    if (known.length > 0 && !known.includes(file.dataset)) continue;
    const md5 = medmnistFacts(file.dataset).md5[file.size];
    out.push({ ...file, ok: md5 === undefined ? undefined : (await digestFile(file.path, "md5", signal)) === md5 });
  }
  return out;
}
