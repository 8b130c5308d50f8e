// What a reproduction needs and may not be here: the paper's weights from their hub, official files of data sets. Fetched where that is allowed.

import { resolve } from "node:path";
import { MEDMNIST, medmnistFile } from "@biovlm/datasets";
import { pullDataset } from "@biovlm/datasets/node";
import { BiovlmError } from "@biovlm/files";
import { openModelStore, pullModel } from "@biovlm/model/node";
import type { CommandContext } from "./command.js";
import { reportError } from "./errors.js";

/** The name that the paper's weights have in the store, and where they are published. */
const PAPER_MODEL = { name: "biomedclip", repo: "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224" };

interface PullChoice {
  readonly pull: string;
  readonly model: string;
  readonly data?: string | undefined;
  readonly size: string;
  readonly dataUrl?: string | undefined;
}

/** Pulls the paper's weights where they are asked for and not in the store. Another model must be here. @throws what the hub's loader throws */
export async function missingModel({ terminal, signal }: CommandContext, { model, pull }: PullChoice): Promise<void> {
  if (pull === "never" || model !== PAPER_MODEL.name) return;
  const store = openModelStore();
  if ((await store.list()).some(({ name }) => name === model)) return;
  terminal.note(`fetching ${PAPER_MODEL.repo}`);
  await pullModel(store, PAPER_MODEL.repo, { name: PAPER_MODEL.name, signal });
}

/**
 * Opens a set by `open`; where it is not here and may be fetched, fetches it and opens it again.
 * @returns the code of the reason why it is not there, said on stderr; undefined where it was opened
 * @throws what is no matter of being there: a damaged file, an unknown name, a stop
 */
export async function missingSet(
  { terminal, signal, cwd }: CommandContext,
  { pull, data, size, dataUrl }: PullChoice,
  name: string,
  open: () => Promise<void>,
): Promise<string | undefined> {
  const absent = (error: unknown): string => {
    signal.throwIfAborted();
    if (!(error instanceof BiovlmError) || !ABSENCE.has(error.code)) throw error;
    terminal.warn(`${name} is left out: ${reportError(error).message}`);
    return error.code;
  };
  try {
    await open();
    return undefined;
  } catch (error) {
    const fetchable = pull !== "never" && MEDMNIST.some((facts) => facts.name === name.toLowerCase());
    if (!fetchable || !(error instanceof BiovlmError) || error.code !== "not_found") return absent(error);
  }
  try {
    const side = Number(size) as 28 | 224;
    await pullDataset(name, {
      size: side,
      signal,
      ...(data === undefined ? {} : { root: resolve(cwd, data) }),
      ...(dataUrl === undefined ? {} : { url: `${dataUrl.replace(/\/+$/, "")}/${medmnistFile(name.toLowerCase(), side)}` }),
    });
    await open();
    return undefined;
  } catch (error) {
    return absent(error);
  }
}

/** Codes that say that something is not to be had here. */
const ABSENCE: ReadonlySet<string> = new Set(["not_found", "network", "refused", "hub_protocol"]);
