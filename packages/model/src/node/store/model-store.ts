// The models on this machine, by name. A model is a folder of plain files with a manifest; it comes in whole (staged, verified, renamed) or not
// at all, is verified before use, and leaves for quarantine when it is not what its manifest says.
// Not a cache of the hub (hf-cache.ts) and not a loader: who loads a model asks `open` for its folder.

import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { BiovlmError, checkName, NAME_PATTERN, nth } from "@biovlm/files";
import {
  type DataFolders,
  dataFolders,
  fileFailure,
  syncFolder,
  systemCode,
  thisPlace,
  withLock,
  writeFileAtomic,
} from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";
import { inspectModel, type StageOptions, stageModel } from "./import-model.js";
import { bundleChunks, isBundle, unpackBundle } from "./model-bundle.js";
import { MANIFEST_FILE } from "./model-files.js";
import { type ManifestFile, type ModelManifest, type ModelSource, printable, readManifest, writeManifest } from "./model-manifest.js";
import { type SourceFiles, sourceFiles } from "./model-source.js";
import { withStaging } from "./model-staging.js";
import { type Damage, findDamage, stampModel, type VerifyOptions } from "./model-verify.js";

/** A model of the store: its name, folder and manifest. */
export interface StoredModel {
  readonly name: string;
  readonly folder: string;
  readonly manifest: ModelManifest;
}

/** A model of the store, or what is wrong with its manifest. */
export type ListedModel = StoredModel | { readonly name: string; readonly folder: string; readonly problem: ModelError };

export interface AdmitOptions extends StageOptions {
  /** Default: made from the file's, folder's or repository's name. */
  readonly name?: string;
  /** Put the model in the place of one of the same name; without it that is `already_exists`. */
  readonly replace?: boolean;
  readonly licence?: string;
}

/** How a folder or bundle comes into the store. */
export interface ImportOptions extends AdmitOptions {
  /** The weights file to take from a folder that holds several. */
  readonly weights?: string;
}

/** Models on disk, each verified against its manifest when it is opened. */
export interface ModelStore {
  readonly folders: DataFolders;
  /** By name; a folder without a readable manifest is listed with its `problem`. */
  list(): Promise<readonly ListedModel[]>;
  /** The manifest, unverified. Rejects with `ModelError`: `bad_name`, `not_found`, `malformed_manifest`. */
  get(name: string): Promise<StoredModel>;
  /**
   * The model, verified for use: every file hashed, but for those above 64 MB whose size, times and inode are as when they were last hashed.
   * Rejects with `ModelError`: as `get`; `integrity` after moving a damaged model to quarantine.
   */
  open(name: string, options?: Omit<VerifyOptions, "full">): Promise<StoredModel>;
  /** As `open`, with every file hashed. */
  verify(name: string, options?: Omit<VerifyOptions, "full">): Promise<StoredModel>;
  /** Rejects with `ModelError`: `bad_name`, `not_found`. */
  remove(name: string): Promise<void>;
  /**
   * Takes in a folder, a weights file with what lies beside it, or a bundle. Rejects with `ModelError`: `already_exists`, `missing_file`,
   * `unsupported_format`, `unsupported_model`, `malformed_*`, `integrity`, `disk_full`, …; the store is then as it was.
   */
  importFrom(path: string, options?: ImportOptions): Promise<StoredModel>;
  /** Takes in files that are already told apart, e.g. a snapshot of the hub's cache. */
  importFiles(files: SourceFiles, source: ModelSource | undefined, options?: AdmitOptions): Promise<StoredModel>;
  /** Writes the model as one file. Rejects as `open` does; `already_exists` unless `replace`. */
  exportBundle(name: string, file: string, options?: { readonly replace?: boolean; readonly signal?: AbortSignal }): Promise<StoredModel>;
}

/** The name of the embedded model, which no stored one may take. */
const RESERVED = ["tiny"];

/**
 * The store of `home`: a folder, or folders as `dataFolders` gives them (default). Nothing is made or touched before it is used.
 * @example const { folder } = await openModelStore().open("biomedclip");
 */
export function openModelStore(home: string | DataFolders = dataFolders()): ModelStore {
  const place = thisPlace();
  const folders = typeof home === "string" ? dataFolders({ ...place, env: { ...place.env, BIOVLM_HOME: home } }) : home;
  return new FolderStore(folders);
}

class FolderStore implements ModelStore {
  readonly folders: DataFolders;

  constructor(folders: DataFolders) {
    this.folders = folders;
  }

  async list(): Promise<readonly ListedModel[]> {
    const names = await readdir(this.folders.models).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return [];
      throw fileFailure(error, `reading ${this.folders.models}`);
    });
    const replaced = await readdir(this.#replaced()).catch(() => []);
    const models: ListedModel[] = [];
    for (const name of [...new Set([...names, ...replaced])].filter((entry) => NAME_PATTERN.test(entry)).sort()) {
      try {
        models.push(await this.get(name));
      } catch (problem) {
        if (!(problem instanceof BiovlmError)) throw problem;
        // a plain file, or a folder that is no model's and holds nothing of ours
        if (problem.code !== "not_found") models.push({ name, folder: this.#folder(name), problem });
      }
    }
    return models;
  }

  async get(name: string): Promise<StoredModel> {
    const folder = this.#folder(name);
    if (!(await exists(folder))) await this.#settle(name);
    if (!(await exists(join(folder, MANIFEST_FILE)))) {
      throw new ModelError(
        "not_found",
        `no model ${name} in ${this.folders.models} — expected one that was pulled or imported. See \`biovlm models ls\`.`,
      );
    }
    return { name, folder, manifest: await readManifest(folder) };
  }

  open(name: string, options: Omit<VerifyOptions, "full"> = {}): Promise<StoredModel> {
    return this.#check(name, options);
  }

  verify(name: string, options: Omit<VerifyOptions, "full"> = {}): Promise<StoredModel> {
    return this.#check(name, { ...options, full: true });
  }

  async remove(name: string): Promise<void> {
    const folder = this.#folder(name);
    await this.#locked(name, async () => {
      await this.#recover(name);
      await withStaging(this.folders.staging, async (staging) => {
        await rename(folder, join(staging, name)).catch((error: unknown) => {
          if (systemCode(error) === "ENOENT") {
            throw new ModelError(
              "not_found",
              `no model ${name} in ${this.folders.models} — expected one to remove. See \`biovlm models ls\`.`,
            );
          }
          throw fileFailure(error, `removing ${folder}`);
        });
        await syncFolder(this.folders.models);
      });
      await rm(this.#stamps(name), { force: true }).catch(() => {});
    });
  }

  async importFrom(path: string, options: ImportOptions = {}): Promise<StoredModel> {
    const info = await stat(path).catch((error: unknown) => {
      throw fileFailure(error, `reading ${path}`);
    });
    if (info.isFile() && (await isBundle(path))) return this.#importBundle(path, options);
    return this.importFiles(await sourceFiles(path, options.weights), undefined, options);
  }

  async importFiles(files: SourceFiles, source: ModelSource | undefined, options: AdmitOptions = {}): Promise<StoredModel> {
    const name = this.#newName(options.name ?? files.name);
    await this.#requireFree(name, options.replace);
    return withStaging(this.folders.staging, async (staging) => {
      const staged = await stageModel(files, staging, options);
      const origin = source ?? { kind: "file" as const, file: printable(basename(files.weights)), sha256: staged.sourceSha256 };
      return this.#admit(staging, name, staged.files, origin, options);
    });
  }

  async exportBundle(
    name: string,
    file: string,
    options: { readonly replace?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<StoredModel> {
    if (options.replace !== true && (await exists(file))) {
      throw new ModelError("already_exists", `${file} is there — expected a new file. Choose another name, or allow to replace it.`);
    }
    const model = await this.verify(name, options);
    await writeFileAtomic(file, bundleChunks(model.folder, model.manifest, options.signal), options);
    return model;
  }

  async #importBundle(path: string, options: AdmitOptions): Promise<StoredModel> {
    return withStaging(this.folders.staging, async (staging) => {
      const manifest = await unpackBundle(path, staging, options);
      const name = this.#newName(options.name ?? manifest.name);
      const licence = options.licence ?? manifest.licence;
      const model = await this.#admit(staging, name, manifest.files, manifest.source, {
        ...options,
        ...(licence === undefined ? {} : { licence }),
        claimed: manifest.digest,
      });
      return model;
    });
  }

  /** Judges the staged files, gives them their manifest and puts them into the store. */
  async #admit(
    staging: string,
    name: string,
    files: readonly ManifestFile[],
    source: ModelSource,
    options: AdmitOptions & { readonly claimed?: string },
  ): Promise<StoredModel> {
    const { signal } = options;
    const { digest } = await inspectModel(staging);
    if (options.claimed !== undefined && options.claimed !== digest) {
      throw new ModelError(
        "integrity",
        `the bundle's manifest lies — expected weights with digest ${options.claimed}, got ${digest}. Do not trust its source.`,
      );
    }
    const manifest: ModelManifest = {
      name,
      digest,
      files: [...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
      source,
      ...(options.licence === undefined ? {} : { licence: printable(options.licence) }),
      created: new Date().toISOString(),
    };
    await writeFileAtomic(join(staging, MANIFEST_FILE), writeManifest(manifest));
    signal?.throwIfAborted();
    const folder = this.#folder(name);
    return this.#locked(
      name,
      async () => {
        await this.#recover(name);
        await mkdir(this.#replaced(), { recursive: true });
        if (await exists(folder)) {
          if (options.replace !== true) throw alreadyThere(name);
          await rm(join(this.#replaced(), name), { recursive: true, force: true });
          await rename(folder, join(this.#replaced(), name));
        }
        await rename(staging, folder);
        await syncFolder(this.folders.models);
        await stampModel(folder, manifest, this.#stamps(name));
        await rm(join(this.#replaced(), name), { recursive: true, force: true }).catch(() => {});
        return { name, folder, manifest };
      },
      signal,
    );
  }

  async #check(name: string, options: VerifyOptions): Promise<StoredModel> {
    for (let attempt = 0; ; attempt++) {
      const found = await this.#sound(name, options);
      if ("manifest" in found) return found;
      const { damage, seen } = found;
      const what = nth(damage, 0);
      const moved = await this.#locked(
        name,
        async () => {
          // another process may have replaced the model while this one read it
          const now = await readManifest(this.#folder(name)).catch(() => undefined);
          if (attempt < 3 && now !== undefined && writeManifest(now) !== seen) return undefined;
          return this.#quarantine(name);
        },
        options.signal,
      ).catch((error: unknown) => (error instanceof BiovlmError && error.code === "not_permitted" ? "" : Promise.reject(error)));
      if (moved === undefined) continue;
      throw new ModelError(
        "integrity",
        `model ${name} is damaged in ${damage.map(({ path }) => path).join(", ")} — ${what.what}. ` +
          `${moved === "" ? "Nothing can be moved in this read-only store" : `It was moved to ${moved}`}; pull or import it again.`,
      );
    }
  }

  async #sound(name: string, options: VerifyOptions): Promise<StoredModel | { readonly damage: readonly Damage[]; readonly seen: string }> {
    let model: StoredModel;
    try {
      model = await this.get(name);
    } catch (error) {
      if (!(error instanceof BiovlmError) || !["malformed_manifest", "bad_path", "bad_digest"].includes(error.code)) throw error;
      return { damage: [{ path: MANIFEST_FILE, what: error.message.replace(/^\[.*?\] /, "").replace(/\.? [^.]*\.$/, "") }], seen: "" };
    }
    const damage = await findDamage(model.folder, model.manifest, this.#stamps(name), options);
    return damage.length === 0 ? model : { damage, seen: writeManifest(model.manifest) };
  }

  async #quarantine(name: string): Promise<string> {
    const place = join(this.folders.quarantine, `${name}-${Date.now().toString(36)}`);
    try {
      await mkdir(this.folders.quarantine, { recursive: true });
      await rename(this.#folder(name), place);
      await rm(this.#stamps(name), { force: true });
      return place;
    } catch (error) {
      throw fileFailure(error, `moving ${name} to quarantine`);
    }
  }

  /** Waits for whoever replaces this model just now, or brings back what a killed process had set aside. */
  async #settle(name: string): Promise<void> {
    if (await exists(join(this.#replaced(), name))) await this.#locked(name, () => this.#recover(name));
  }

  async #recover(name: string): Promise<void> {
    const aside = join(this.#replaced(), name);
    if (!(await exists(aside))) return;
    if (await exists(this.#folder(name))) await rm(aside, { recursive: true, force: true });
    else await rename(aside, this.#folder(name));
  }

  async #requireFree(name: string, replace: boolean | undefined): Promise<void> {
    if (replace !== true && (await exists(this.#folder(name)))) throw alreadyThere(name);
  }

  #newName(name: string): string {
    checkName(name);
    if (!RESERVED.includes(name.toLowerCase())) return name;
    throw new ModelError(
      "bad_name",
      `model name ${name} is taken by the model that comes with biovlm — expected another name. Choose one with --name.`,
    );
  }

  #locked<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return withLock(join(this.folders.locks, `model-${name}.lock`), work, { signal });
  }

  #folder(name: string): string {
    return join(this.folders.models, checkName(name));
  }

  #replaced(): string {
    return join(this.folders.models, ".replaced");
  }

  #stamps(name: string): string {
    return join(this.folders.cache, "stamps", `${name}.json`);
  }
}

function alreadyThere(name: string): ModelError {
  return new ModelError(
    "already_exists",
    `a model ${name} is in the store — expected a new name. Remove it first, choose another name, or replace it.`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return false;
    throw fileFailure(error, `reading ${path}`);
  }
}
