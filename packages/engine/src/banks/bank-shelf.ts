// Banks by name and by digest, and the classifiers made of them: text embeddings for a bank, classes and ρ are computed once and kept while they
// are used. A bank that does not read or does not fit changes nothing.

import type { Core } from "@biovlm/core";
import { likeOwn } from "@biovlm/datasets";
import { checkName } from "@biovlm/files";
import {
  bankDigest,
  type Classifier,
  checkBankFits,
  compileBank,
  createClassifier,
  type Encoder,
  type Model,
  normalisationOf,
  type PromptBank,
  promptCount,
  readBank,
  writeBank,
} from "@biovlm/model";
import type { ClassifyOptions, ImageChoice, ServedBank } from "../contract/engine.js";
import { EngineError } from "../contract/errors.js";
import { prevalenceShares } from "./prevalence-shares.js";
import { type ShownAs, shownDifferences } from "./shown-as.js";

/** A bank under a name. */
export interface ShelvedBank {
  readonly served: ServedBank;
  readonly bank: PromptBank;
}

/** What a classifier needs beside the bank. */
export interface ClassifierSource {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: Model;
}

/** Names other than the bank's that may be asked for in one call: each is N rows of the text tower. */
const MAX_CLASSES = 256;
const MAX_BANKS = 1024;
const MAX_CLASSIFIERS = 64;

export class BankShelf {
  private readonly byName = new Map<string, ShelvedBank>();
  /** least recently used first */
  private readonly classifiers = new Map<string, Promise<Classifier>>();
  private readonly shown: ShownAs;

  /** @param shown how images are shown to all banks */
  constructor(shown: ShownAs = { window: "file", range: "file", ultrasoundRegion: false }) {
    this.shown = shown;
  }

  list(): ServedBank[] {
    return [...this.byName.values()].map((b) => b.served);
  }

  find(name: string): ShelvedBank | undefined {
    return this.byName.get(name);
  }

  remove(name: string): void {
    this.byName.delete(name);
  }

  get(name: string): ShelvedBank {
    const found = this.byName.get(name);
    if (found === undefined) throw new EngineError("unknown_bank", "bank — expected one of GET /v1/banks, got another name. Correct it.");
    return found;
  }

  /** Reads, checks against the models, then puts it under the name at once for all later calls. @throws EngineError `bad_bank`, `bad_name`, `overloaded` */
  async put(name: string, bytes: Uint8Array, models: readonly Pick<Model, "digest" | "spec">[]): Promise<ShelvedBank> {
    named(name);
    let bank: PromptBank;
    try {
      bank = readBank(bytes);
    } catch (error) {
      throw badBank(error);
    }
    return this.putBank(name, bank, models);
  }

  async putBank(name: string, bank: PromptBank, models: readonly Pick<Model, "digest" | "spec">[]): Promise<ShelvedBank> {
    const model = models.find((m) => m.digest === bank.modelDigest) ?? models[0];
    try {
      if (model !== undefined) checkBankFits(bank, model);
      if (normalisationOf(bank) !== "model")
        throw new EngineError(
          "bad_bank",
          "bank — expected one learned with the model's own mean and std, got one with ImageNet's: the server embeds an image once for all banks. Train with --set normalisation=model, or classify on the command line.",
        );
      const [other] = shownDifferences(bank, this.shown);
      if (other?.name === "ultrasoundRegion")
        throw new EngineError(
          "bad_bank",
          "bank — expected one learned on images shown whole, as they are here, got one with ultrasound cropped to its region. Serve it with --ultrasound-region.",
        );
      if (other !== undefined)
        throw new EngineError(
          "bad_bank",
          `bank — expected one learned with the ${other.name} that images are shown in here, ${other.asked}, got one with ${other.learned}. Serve it with --${other.name} ${other.learned}.`,
        );
    } catch (error) {
      throw badBank(error);
    }
    if (!this.byName.has(name) && this.byName.size >= MAX_BANKS)
      throw new EngineError("bad_bank", `banks — expected at most ${MAX_BANKS}, got another. Reuse a name.`);
    const digest = await bankDigest(bank);
    const { classes, rho, recipe, modelDigest, ctx, options } = bank;
    const { window, plane, range, ultrasoundRegion, volumes } = options;
    const served: ServedBank = {
      ...{ name, digest, classes, prompts: promptCount(bank), rho, recipe, openSet: ctx !== undefined, modelDigest },
      ...(typeof window === "string" ? { window } : {}),
      ...(typeof plane === "string" ? { plane } : {}),
      ...(typeof range === "string" ? { range } : {}),
      ...(ultrasoundRegion === true ? { ultrasoundRegion } : {}),
      ...(volumes === true ? { volumes } : {}),
    };
    const shelved: ShelvedBank = { bank, served };
    this.byName.set(name, shelved);
    return shelved;
  }

  /** Refuses images that are to be shown otherwise than the bank's were. @throws EngineError `shown_otherwise` */
  checkShown({ bank }: ShelvedBank, { window, range, plane }: Pick<ImageChoice, "window" | "range" | "plane">): void {
    const asked = { ...(window && { window }), ...(range && { range }), ...(plane && { plane }) };
    const [other] = shownDifferences(bank, { ...this.shown, ...asked });
    if (other === undefined) return;
    throw new EngineError(
      "shown_otherwise",
      `${other.name} — expected the one that the bank was learned with, ${other.learned}, got ${other.asked}. Leave it out, or ask with another bank.`,
    );
  }

  /** The classifier of a bank on a model; computed once for like questions. */
  async classifier(
    source: ClassifierSource,
    { bank, served }: ShelvedBank,
    { classes: named, rho = bank.rho, prevalence: shares }: Pick<ClassifyOptions, "classes" | "rho" | "prevalence"> = {},
  ): Promise<Classifier> {
    checkAsked(named, rho);
    const classes = named === undefined ? undefined : likeOwn(bank.classes, named);
    const prevalence = prevalenceShares(shares, classes ?? bank.classes);
    const key = `${source.model.digest} ${served.digest} ${rho} ${JSON.stringify([classes ?? [], prevalence ?? []])}`;
    let made = this.classifiers.get(key);
    if (made === undefined) {
      made = createClassifier({
        ...source,
        bank,
        rho,
        ...(classes === undefined ? {} : { classes }),
        ...(prevalence === undefined ? {} : { prevalence }),
      });
      // what failed is tried again by the next call
      made.catch(() => this.classifiers.delete(key));
    } else this.classifiers.delete(key);
    this.classifiers.set(key, made);
    const [oldest] = this.classifiers.keys();
    if (oldest !== undefined && this.classifiers.size > MAX_CLASSIFIERS) this.classifiers.delete(oldest);
    return made;
  }

  /** The bank with text embeddings for classes, as a file. */
  async compiled(source: ClassifierSource, { bank }: ShelvedBank, classes: readonly string[], signal?: AbortSignal): Promise<Uint8Array> {
    checkAsked(classes, bank.rho);
    return writeBank(await compileBank(source, bank, likeOwn(bank.classes, classes), signal === undefined ? {} : { signal }));
  }
}

function checkAsked(classes: readonly string[] | undefined, rho: number): void {
  if (!(rho > 0 && rho <= 1)) throw new EngineError("bad_option", `rho — expected a share above 0 and at most 1, got ${rho}. Correct it.`);
  if (classes !== undefined && classes.length > MAX_CLASSES)
    throw new EngineError("bad_classes", `classes — expected at most ${MAX_CLASSES}, got ${classes.length}. Ask for fewer.`);
}

function named(name: string): void {
  try {
    checkName(name, "bank name");
  } catch (error) {
    throw new EngineError("bad_name", messageOf(error), { cause: error });
  }
}

function badBank(error: unknown): EngineError {
  return new EngineError("bad_bank", messageOf(error), { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
