// The engine with the server's answers in it: while a bank of the server is chosen, images are asked about there; all else stays with the worker.
// What is sent is made by the worker, so that no header of DICOM or a volume leaves the page, and what cannot be read is not sent at all.

import { PLANES } from "@biovlm/imaging";
import type { Classification } from "@biovlm/model";
import { type AskOptions, type EngineClient, EngineFailure } from "../engine/engine-client.js";
import { imageKey } from "../engine/image-key.js";
import type { ClassSource, Failure, ImageAnswer, ImageRef, Prepared, RequestName, Requests } from "../engine/protocol.js";
import { type ServedBank, type ServedModel, type ServerDoor, ServerRefusal, type ServerResult } from "./server-door.js";

/** Answers kept: what was answered is not sent again. */
const MOST_ANSWERS = 20_000;
/** Around an image in a form. */
const PART_BYTES = 1024;
/** Letters of a window or a range. */
const MOST_WORD = 60;

type ServerSource = Extract<ClassSource, { kind: "server" }>;

/** The chosen bank of the server. */
interface Chosen {
  readonly model: ServedModel;
  readonly bank: ServedBank;
  /** what the page knows of it; prompts' names and K as its answers say them */
  readonly prepared: Prepared & { kept: number; readonly prompts: string[] };
}

interface Sending {
  readonly ref: ImageRef;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Wraps the worker's client. */
export function answeredBy(client: EngineClient, door: ServerDoor): EngineClient {
  const answers = new Map<string, Classification>();
  let chosen: Chosen | undefined;

  async function prepare(source: ServerSource): Promise<Prepared> {
    const next = await chosenBank(source, door);
    if (next.bank.digest !== chosen?.bank.digest || next.model.digest !== chosen.model.digest) answers.clear();
    chosen = next;
    return next.prepared;
  }

  async function classify(images: readonly ImageRef[], at: Chosen, signal: AbortSignal | undefined): Promise<ImageAnswer[]> {
    const failures = new Map<string, Failure>();
    const sending: Sending[] = [];
    for (const image of images) {
      if (answers.has(imageKey(image))) continue;
      const { id: _, ...ref } = image;
      try {
        const { bytes } = await client.ask("sendable", ref, { signal });
        const most = door.facts?.limits.maxImageBytes ?? Number.POSITIVE_INFINITY;
        if (bytes.length > most)
          failures.set(imageKey(image), {
            code: "server_payload_too_large",
            message: `${door.host} takes images of at most ${most} bytes, this one has ${bytes.length}.`,
          });
        else sending.push({ ref: image, bytes });
      } catch (error) {
        if (!(error instanceof EngineFailure) || error.code === "stopped" || error.code === "engine_died") throw error;
        failures.set(imageKey(image), error.failure);
      }
    }
    for (const group of groupsOf(sending, door)) {
      const results = await send(group, at, door, signal);
      for (const [i, { ref }] of group.entries()) take(results[i], imageKey(ref), at, answers, failures);
    }
    const said = images.map((image): ImageAnswer => {
      const answer = answers.get(imageKey(image));
      if (answer !== undefined) return { id: image.id, ok: true, answer };
      return { id: image.id, ok: false, error: failures.get(imageKey(image)) ?? { code: "no_answer", message: "no answer" } };
    });
    for (const oldest of answers.keys()) {
      if (answers.size <= MOST_ANSWERS) break;
      answers.delete(oldest);
    }
    return said;
  }

  async function ask<N extends RequestName>(name: N, asked: Requests[N]["ask"], options: AskOptions = {}): Promise<unknown> {
    if (name === "prepare") {
      const { classes } = asked as Requests["prepare"]["ask"];
      if (classes.kind === "server") return prepare(classes);
      const prepared = await client.ask("prepare", { classes }, options);
      // a choice that was refused leaves what was
      chosen = undefined;
      return prepared;
    }
    if (name === "classify" && chosen !== undefined) return classify((asked as Requests["classify"]["ask"]).images, chosen, options.signal);
    return client.ask(name, asked, options);
  }

  // the map of Requests ties name, ask and answer together; the compiler cannot follow it through the union
  return { ask: ask as EngineClient["ask"], end: () => client.end() };
}

/** What is served under the names that were chosen. @throws ServerRefusal */
async function chosenBank(source: ServerSource, door: ServerDoor): Promise<Chosen> {
  const models = await door.served();
  const model = models.find(({ name }) => name === source.model);
  const bank = model?.banks.find(({ name }) => name === source.bank);
  if (model === undefined || bank === undefined)
    throw new ServerRefusal(
      "unknown_bank",
      `${door.host} does not serve this bank any more. Press “Show what it serves” and choose another.`,
    );
  const plane = PLANES.find((name) => name === bank.plane);
  const prepared: Chosen["prepared"] = {
    classes: bank.classes,
    prompts: Array.from({ length: bank.prompts }, (_, n) => `prompt ${n + 1}`),
    kept: Math.max(1, Math.floor(bank.rho * bank.prompts)),
    recipe: bank.recipe,
    digest: bank.digest,
    openSet: false,
    ...(bank.window !== undefined && bank.window.length <= MOST_WORD ? { window: bank.window } : {}),
    ...(plane === undefined ? {} : { plane }),
    ...(bank.range !== undefined && bank.range.length <= MOST_WORD ? { range: bank.range } : {}),
    ...(bank.ultrasound_region === true ? { ultrasoundRegion: true } : {}),
    answerer: {
      host: door.host,
      model: { name: model.name, digest: model.digest },
      bank: bank.name,
      device: model.device,
      precision: model.precision,
      ...(model.version === undefined ? {} : { version: model.version }),
    },
  };
  return { model, bank, prepared };
}

/** Images that go in one request, within what the server takes. */
function groupsOf(sending: readonly Sending[], { facts }: ServerDoor): Sending[][] {
  const { maxImages = 1, maxBodyBytes = 0 } = facts?.limits ?? {};
  const groups: Sending[][] = [];
  let bytes = 0;
  for (const one of sending) {
    const size = one.bytes.length + PART_BYTES;
    const last = groups.at(-1);
    if (last === undefined || last.length >= maxImages || bytes + size > maxBodyBytes - PART_BYTES) {
      groups.push([one]);
      bytes = size;
    } else {
      last.push(one);
      bytes += size;
    }
  }
  return groups;
}

/** Results in the order of the images. @throws ServerRefusal, EngineFailure `stopped` */
async function send(
  group: readonly Sending[],
  { model, bank, prepared }: Chosen,
  door: ServerDoor,
  signal: AbortSignal | undefined,
): Promise<readonly ServerResult[]> {
  try {
    const cropped = prepared.ultrasoundRegion === true;
    const asked = { model: model.name, ...(bank.own ? {} : { bank: bank.name }), cropped, images: group.map(({ bytes }) => bytes) };
    const { results, prevalence, ...by } = await door.classify(asked, signal);
    const same = by.model.digest === model.digest && by.bank.digest === bank.digest && String(by.classes) === String(prepared.classes);
    if (same) {
      if (prevalence !== undefined && prepared.answerer !== undefined) prepared.answerer.prevalence = prevalence;
      return results;
    }
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
    const { code, message, status } = error;
    // something between takes less at once than the server does
    if (status === 413 && group.length > 1) {
      const alone: ServerResult[] = [];
      for (const one of group) alone.push(...(await send([one], { model, bank, prepared }, door, signal)));
      return alone;
    }
    // of a lone image: it could be read here and cannot there, or is too large
    if (group.length === 1 && (status === 413 || status === 415 || status === 422)) return [{ error: { code, message } }];
    throw error;
  }
  throw new ServerRefusal(
    "changed",
    `${door.host} has another model or bank now than the one chosen; answers so far are of the one before. Press “Use these classes” to ask the new one.`,
  );
}

/** A result onto what is known: an answer, or why there is none. */
function take(
  result: ServerResult | undefined,
  key: string,
  { prepared }: Chosen,
  answers: Map<string, Classification>,
  failures: Map<string, Failure>,
): void {
  const { predictions, kept, prompts, error } = result ?? {};
  if (predictions === undefined || kept === undefined) {
    const { code = "no_answer", message = "the server gave no answer" } = error ?? {};
    failures.set(key, { code: code.startsWith("server_") ? code : `server_${code}`, message });
    return;
  }
  prepared.kept = kept.length;
  for (const { index, name } of prompts ?? []) if (name !== undefined && index < prepared.prompts.length) prepared.prompts[index] = name;
  answers.set(key, { predictions, kept, ...(prompts === undefined ? {} : { prompts }) } as Classification);
}
