// One served model: what is known of it while it is not in memory, its host while it is, who uses it now, and what it takes. What is loaded and
// unloaded when, resident-models.ts decides.

import type { Model } from "@biovlm/model";
import type { ModelHost } from "./model-host.js";

/** What stays known of a model that is not in memory. */
export type KnownModel = Pick<Model, "name" | "digest" | "spec">;

export interface PlaceOptions {
  /** as metrics, logs and refusals name it: the first name that it is served under */
  readonly name: string;
  /** bytes that it takes at least: its weights, once for each process; 0 where nobody asks */
  readonly weightBytes: number;
  /** loads the model and makes its encoding, which is not started */
  readonly open: () => Promise<ModelHost>;
  /** what needs an encoder that runs: banks, their classifiers */
  readonly prepare: (host: ModelHost) => Promise<void>;
}

export class ModelPlace {
  readonly options: PlaceOptions;
  /** while it is in memory */
  host: ModelHost | undefined;
  loading = false;
  /** calls that use it, or wait for it */
  users = 0;
  /** when it was last used, on the clock of those that share memory */
  lastUsed = 0;
  /** code of the failure that kept it out of memory */
  failure: string | undefined;
  /** no other try before, milliseconds of `performance.now()` */
  nextTry = 0;
  private knownModel: KnownModel | undefined;
  /** bytes that it took when it was last loaded: what it grew by since is gone with its processes */
  private measured = 0;

  constructor(options: PlaceOptions) {
    this.options = options;
  }

  /** As it was when it was last opened, or looked into. */
  get known(): KnownModel {
    const known = this.host?.model ?? this.knownModel;
    if (known === undefined) throw new RangeError(`model ${this.options.name} — expected to be opened or looked into, got neither.`);
    return known;
  }

  know({ name, digest, spec }: KnownModel): void {
    this.knownModel = { name, digest, spec };
  }

  /** Puts it in memory. */
  enter(host: ModelHost): void {
    this.know(host.model);
    this.host = host;
    this.failure = undefined;
  }

  /** Takes it out: nobody finds it any more. @returns what is to be closed */
  leave(): ModelHost | undefined {
    const { host } = this;
    this.host = undefined;
    return host;
  }

  /** Bytes that it takes now: of its processes, at least its weights; 0 where it is not in memory. */
  bytes(): number {
    return this.host === undefined ? 0 : this.with(this.host.encoding.memory());
  }

  /** Bytes that it is expected to take: what it took before, else its weights. */
  expected(): number {
    return this.measured || this.options.weightBytes;
  }

  /** What was measured counts no more. */
  forget(): void {
    this.measured = 0;
    this.nextTry = 0;
  }

  /** Remembers what it takes, now that it can answer. @returns bytes */
  measure({ encoding }: ModelHost): number {
    this.measured = this.with(encoding.memory());
    return this.measured;
  }

  private with(bytes: number): number {
    return Math.max(this.options.weightBytes, bytes);
  }
}
