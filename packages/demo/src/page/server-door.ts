// The server that the page came from, where it answers images too: what it says of itself, its list of models and banks, and its answers. Nothing is
// asked of it before a person chose it, but whether it answers at all; its key stays in this tab's memory.

import type { ServedBank as ShelfBank } from "@biovlm/engine";
import { counted } from "@biovlm/files";
import { EngineFailure } from "../engine/engine-client.js";

/** What the server takes in one request. */
export interface ServerLimits {
  readonly maxImages: number;
  readonly maxImageBytes: number;
  readonly maxBodyBytes: number;
}

export interface ServerFacts {
  readonly key: boolean;
  readonly limits: ServerLimits;
}

/** Of a bank as the server's shelf tells it, without what only the server needs. */
export interface ServedBank extends Omit<ShelfBank, "openSet" | "modelDigest" | "ultrasoundRegion"> {
  readonly ultrasound_region?: boolean;
  /** answers where no bank is named */
  readonly own: boolean;
}

export interface ServedModel {
  readonly name: string;
  readonly digest: string;
  readonly device: string;
  readonly precision: string;
  /** of the server's program */
  readonly version?: string;
  readonly banks: readonly ServedBank[];
}

/** An image's part of the server's answer, in the shape of the command line's JSON. */
export interface ServerResult {
  readonly predictions?: readonly { readonly class: string; readonly probability: number }[];
  readonly kept?: readonly { readonly prompt: number; readonly entropy: number }[];
  readonly prompts?: readonly {
    readonly index: number;
    readonly name?: string;
    readonly entropy: number;
    readonly kept: boolean;
    readonly probabilities: readonly number[];
  }[];
  readonly error?: { readonly code: string; readonly message: string };
}

export interface ServerAnswer {
  readonly model: { readonly digest: string };
  readonly bank: { readonly digest: string };
  readonly classes: readonly string[];
  readonly prevalence?: readonly number[];
  readonly results: readonly ServerResult[];
}

/** Images, and by whom they are to be answered. */
interface ServerQuestion {
  readonly model: string;
  /** absent for the model's own */
  readonly bank?: string;
  /** whether the images were cropped to the ultrasound region already */
  readonly cropped: boolean;
  readonly images: readonly Uint8Array<ArrayBuffer>[];
}

/** The server does not answer, or refuses: its codes begin with "server_". */
export class ServerRefusal extends EngineFailure {
  /** HTTP's; 0 where there was no answer */
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, status = 0, retryAfterMs?: number) {
    super({ code: `server_${code}`, message });
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** How long a pause that the server asks for is waited for unasked, and how often in a row. */
const LONGEST_WAIT = 90_000;
const WAITS = 3;
/** Until images are sent again to a server that is gone, ms: one that begins anew is back by then. */
const AGAIN: readonly number[] = [3000, 10_000, 30_000];
/** Answers of what stands in front of a server that is gone. */
const IN_FRONT: readonly number[] = [502, 503, 504];
/** What stands in a header; other letters a browser refuses to send. */
const KEY = /^[\x21-\x7e]*$/;

type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

export class ServerDoor {
  /** "clinic.example:8080" */
  readonly host: string;
  /** in memory alone */
  key = "";
  facts: ServerFacts | undefined;
  /** hears of pauses before images are sent again */
  onWait: (text: string) => void = () => {};
  /** hears that a key is asked for, also by a server that had none when the page was opened */
  onKey: () => void = () => {};
  /** until images are sent again to a server that is gone, ms */
  again = AGAIN;
  private readonly base: string;
  private readonly fetch: Fetch;

  /** @param base the page's address */
  constructor(base: string, fetcher: Fetch = (url, init) => fetch(url, init)) {
    this.base = base;
    this.host = new URL(base).host;
    this.fetch = fetcher;
  }

  /** Whether the page's server answers images: the built page says of itself that nobody does. */
  async find(): Promise<ServerFacts | undefined> {
    try {
      const answer = await this.fetch(new URL("server.json", this.base), { cache: "no-store" });
      const said = (await answer.json()) as { readonly answers?: unknown } & ServerFacts;
      if (said.answers === true) this.facts = { key: said.key, limits: said.limits };
    } catch {
      // without a network, or from a plain folder: the page answers by itself
    }
    return this.facts;
  }

  /** Its models, those that have a bank. What it takes may have changed since the page was opened. @throws ServerRefusal */
  async served(): Promise<readonly ServedModel[]> {
    await this.find();
    const { models, version } = (await this.ask("v1/served", { method: "GET" })) as { models?: unknown; version?: unknown };
    if (!Array.isArray(models)) throw this.foreign();
    const of = typeof version === "string" ? { version: version.slice(0, 40) } : {};
    return (models as ServedModel[]).filter(({ banks }) => banks.length > 0).map((model) => ({ ...model, ...of }));
  }

  /**
   * Answers for images, in their order; a pause that the server asks for is waited for.
   * @throws ServerRefusal; EngineFailure `stopped`
   */
  async classify(asked: ServerQuestion, signal?: AbortSignal): Promise<ServerAnswer> {
    for (let waits = 0; ; waits++) {
      try {
        return (await this.ask("v1/classify", {
          method: "POST",
          body: formOf(asked),
          ...(signal === undefined ? {} : { signal }),
        })) as ServerAnswer;
      } catch (error) {
        if (!(error instanceof ServerRefusal) || waits >= WAITS) throw error;
        const gone = error.code === "server_gone";
        const wait = gone ? this.again[waits] : error.retryAfterMs;
        if (wait === undefined || wait > LONGEST_WAIT) throw error;
        const why = gone ? `${this.host} does not answer` : `${this.host} asks to wait`;
        this.onWait(`${why}: going on in ${seconds(wait)}. What is answered stays.`);
        await pause(wait, signal);
        this.onWait("");
      }
    }
  }

  private async ask(path: string, init: RequestInit): Promise<unknown> {
    const { key, host } = this;
    if (!KEY.test(key))
      throw new ServerRefusal(
        "bad_key",
        `A key has Latin letters, digits and signs alone, without spaces. See that it is the key of ${host}.`,
      );
    const headers: Record<string, string> = key === "" ? {} : { Authorization: `Bearer ${key}` };
    let answer: Response;
    try {
      // never to another host, whatever the server says
      answer = await this.fetch(new URL(path, this.base), { ...init, headers, redirect: "error", cache: "no-store" });
    } catch {
      throw this.gone(init);
    }
    if (!answer.ok) throw await this.refusal(answer);
    return answer.json().catch((error: unknown) => {
      throw error instanceof SyntaxError ? this.foreign() : this.gone(init);
    });
  }

  private gone({ signal }: RequestInit = {}): EngineFailure {
    if (signal?.aborted === true) return stopped();
    return new ServerRefusal(
      "gone",
      `${this.host} does not answer. See that it runs and can be reached, then press “Use these classes” again.`,
    );
  }

  /** What no biovlm server says. */
  private foreign(): ServerRefusal {
    return new ServerRefusal(
      "foreign_answer",
      `${this.host} gave an answer that this page cannot read: something else answers in its place, a page to sign in for instance. Load this page anew.`,
    );
  }

  private async refusal(answer: Response): Promise<ServerRefusal> {
    const { status, headers } = answer;
    const said = ((await answer.json().catch(() => ({}))) ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
    const code = typeof said.code === "string" ? said.code : `status_${status}`;
    // a server says why; what stands before one that is gone says nothing
    if (typeof said.code !== "string" && IN_FRONT.includes(status) && !headers.has("Retry-After")) return this.gone() as ServerRefusal;
    if (status === 401) {
      if (this.facts !== undefined) this.facts = { ...this.facts, key: true };
      this.onKey();
    }
    const detail = typeof said.detail === "string" ? said.detail.slice(0, 400) : `status ${status}`;
    const after = Number(headers.get("Retry-After") ?? Number.NaN);
    const wait = (status === 429 || status === 503) && after >= 0 ? after * 1000 : undefined;
    return new ServerRefusal(code, this.words(status, detail, wait), status, wait);
  }

  private words(status: number, detail: string, wait: number | undefined): string {
    const { host } = this;
    if (status === 401)
      return this.key === ""
        ? `${host} wants a key. Ask its operator for one and type it.`
        : `${host} does not know this key. See that it is typed whole, or ask its operator for one.`;
    if (status === 403) return `${host} does not answer with this key or from this page (${detail})`;
    if (status === 413) return `${host} takes less in one request (${detail})`;
    if (wait !== undefined) return `${host} has too much to do or allows fewer requests. Try again in ${seconds(wait)} (${detail})`;
    return `${host} refuses: ${detail}`;
  }
}

function formOf({ model, bank, cropped, images }: ServerQuestion): FormData {
  const body = new FormData();
  body.append("model", model);
  if (bank !== undefined) body.append("bank", bank);
  if (cropped) body.append("cropped", "true");
  body.append("explain", "true");
  // a file's name may be a patient's
  for (const bytes of images) body.append("image", new Blob([bytes]), "image");
  return body;
}

function seconds(ms: number): string {
  const count = Math.max(1, Math.ceil(ms / 1000));
  return `${counted(count, "second")}`;
}

function stopped(): EngineFailure {
  return new EngineFailure({ code: "stopped", message: "stopped" });
}

/** @throws EngineFailure `stopped` */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(stopped());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve();
    }, ms);
    if (signal?.aborted === true) leave();
    else signal?.addEventListener("abort", leave, { once: true });
  });
}
