// Banks that models are served with: files are on the shelf from the start, those that are made with a model come there when it is loaded.

import type { Core } from "@biovlm/core";
import type { Model } from "@biovlm/model";
import type { BankShelf } from "./banks/bank-shelf.js";
import type { BankParts, OwnBank } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";
import type { ModelHost } from "./model-host.js";
import type { ModelPlace } from "./model-place.js";

/** What is said of a served name's banks. */
interface Owner {
  readonly name: string;
  readonly model: string;
  readonly bank?: OwnBank;
  readonly banks?: readonly OwnBank[];
  readonly prevalence?: string;
  readonly rho?: number;
}

export class OwnBanks {
  private readonly owners: readonly Owner[];
  private readonly core: Core;
  private readonly shelf: BankShelf;

  /** @throws EngineError `bad_option` for a name of two banks */
  constructor(owners: readonly Owner[], core: Core, shelf: BankShelf) {
    this.owners = owners;
    this.core = core;
    this.shelf = shelf;
    const names = owners.flatMap(banksOf).map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined)
      throw new EngineError("bad_option", `banks — expected each name once, got ${JSON.stringify(twice)} twice. Give one another name.`);
  }

  /** Where the model of a bank is. @throws EngineError `unknown_bank` for one that is no served model's own */
  placeOf(name: string, places: ReadonlyMap<string, ModelPlace>): ModelPlace {
    const owner = this.owners.find((one) => banksOf(one).some((bank) => bank.name === name));
    const place = owner === undefined ? undefined : places.get(owner.model);
    if (place !== undefined) return place;
    throw new EngineError("unknown_bank", "bank — expected one that the server was started with, got another name. Correct it.");
  }

  /** Puts those of a model on the shelf that need no encoder. @throws EngineError `bad_bank`, `bad_name` */
  async putFiles(model: string, fits: Pick<Model, "digest" | "spec">): Promise<void> {
    for (const bank of this.of(model)) if (!("make" in bank.bytes)) await this.put(bank, fits, undefined);
  }

  /** With a model at work: its banks that are not on the shelf, and their classifiers. */
  async prepare(model: string, host: ModelHost): Promise<void> {
    for (const bank of this.of(model)) {
      const there = this.shelf.find(bank.name);
      if (there?.bank.modelDigest !== host.model.digest) await this.put(bank, host.model, host);
    }
    const source = { core: this.core, encoder: host.encoding.encoder, model: host.model };
    for (const { model: its, bank, prevalence, rho } of this.owners) {
      if (its !== model || bank === undefined) continue;
      await this.shelf.classifier(source, this.shelf.get(bank.name), {
        ...(prevalence === undefined ? {} : { prevalence }),
        ...(rho === undefined ? {} : { rho }),
      });
    }
  }

  /** Makes a bank again. Without its model, where it needs one, it is made with the next load. @throws EngineError `bad_bank` */
  async renew(name: string, { known, host }: ModelPlace): Promise<void> {
    const bank = this.owners.flatMap(banksOf).find((one) => one.name === name);
    if (bank === undefined) return;
    if (host === undefined && "make" in bank.bytes) this.shelf.remove(name);
    else await this.put(bank, known, host);
  }

  private async put({ name, bytes }: OwnBank, fits: Pick<Model, "digest" | "spec">, host: ModelHost | undefined): Promise<void> {
    let file: Uint8Array;
    if (bytes instanceof Uint8Array) file = bytes;
    else if ("read" in bytes) file = await bytes.read();
    else {
      if (host === undefined) throw new RangeError(`bank ${name} — expected its model at work, got none.`);
      const parts: BankParts = { core: this.core, encoder: await host.sentenceEncoder(), model: host.model };
      file = await bytes.make(parts);
    }
    await this.shelf.put(name, file, [fits]);
  }

  private of(model: string): OwnBank[] {
    return this.owners.flatMap((owner) => (owner.model === model ? banksOf(owner) : []));
  }
}

function banksOf({ bank, banks = [] }: Owner): OwnBank[] {
  return bank === undefined ? [...banks] : [bank, ...banks];
}
