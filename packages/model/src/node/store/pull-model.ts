// `models pull`: a repository of a hub → the Hugging Face cache, verified → the store. Pulling again what is there already changes nothing.

import { BiovlmError, known } from "@biovlm/files";
import { ModelError } from "../../contract/errors.js";
import { checkRepo } from "../hub/hub-names.js";
import { hubSettings } from "../hub/hub-settings.js";
import { fetchSnapshot, type SnapshotOptions } from "../hub/hub-snapshot.js";
import { SIDE_FILES } from "./model-files.js";
import { nameFrom } from "./model-source.js";
import type { AdmitOptions, ModelStore, StoredModel } from "./model-store.js";

/** How a model is fetched from a hub into the store. */
export interface PullOptions extends Omit<AdmitOptions, "onProgress" | "link">, Partial<Omit<SnapshotOptions, "signal">> {
  /** Told before each file that is copied or converted into the store. */
  readonly onStage?: (file: string) => void;
  /** Copy from the cache instead of sharing its disk blocks. */
  readonly copy?: boolean;
}

/** A model as it lies in the store after a pull. */
export interface PulledModel extends StoredModel {
  /** false when the store had this very model */
  readonly fresh: boolean;
}

/**
 * Pulls a repository ("owner/name"). The lock file defaults to the store's own.
 * Rejects with `ModelError` as `fetchSnapshot` and `ModelStore.importFiles` do; a model of the same name but of other content is
 * `already_exists` unless `replace`.
 * @example await pullModel(openModelStore(), "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224", { name: "biomedclip" });
 */
export async function pullModel(store: ModelStore, repo: string, options: PullOptions = {}): Promise<PulledModel> {
  checkRepo(repo);
  const name = options.name ?? nameFrom(repo.slice(repo.indexOf("/") + 1));
  const { lockFile = store.folders.lockFile, settings = hubSettings(), ...rest } = options;
  const snapshot = await fetchSnapshot(repo, { ...rest, lockFile, settings });
  const cached = new Map(snapshot.files.map((file) => [file.path, file]));
  const weights = cached.get(snapshot.weights);
  if (weights === undefined)
    throw new ModelError("not_found", `${repo} has no ${snapshot.weights} — expected the weights. Check --weights.`);
  const source = { kind: "hub" as const, repo, commit: snapshot.commit, file: snapshot.weights, sha256: weights.sha256 };

  const present = async (): Promise<PulledModel | undefined> => {
    try {
      const { manifest } = await store.get(name);
      const same =
        manifest.source.kind === "hub" &&
        manifest.source.sha256 === source.sha256 &&
        snapshot.files.every(
          (file) => file === weights || manifest.files.some((own) => own.path === file.path && own.sha256 === file.sha256),
        );
      return same ? { ...(await store.open(name, { signal: options.signal })), fresh: false } : undefined;
    } catch (error) {
      // absent, or quarantined just now: it is put together from the cache
      if (error instanceof BiovlmError && ["not_found", "integrity"].includes(error.code)) return undefined;
      throw error;
    }
  };
  const there = await present();
  if (there !== undefined) return there;
  const sides = new Map(SIDE_FILES.flatMap((path) => (cached.has(path) ? [[path, known(cached, path).cached] as const] : [])));
  try {
    const model = await store.importFiles({ name, weights: weights.cached, sides }, source, {
      name,
      link: options.copy !== true,
      ...(options.replace === undefined ? {} : { replace: options.replace }),
      ...(options.licence === undefined ? {} : { licence: options.licence }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onStage === undefined ? {} : { onProgress: options.onStage }),
    });
    return { ...model, fresh: true };
  } catch (error) {
    // another process pulled the same at the same time
    const other = error instanceof BiovlmError && error.code === "already_exists" ? await present() : undefined;
    if (other !== undefined) return other;
    throw error;
  }
}
