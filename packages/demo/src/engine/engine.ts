// The engine behind the page: a model on a device, a bank, and what they say about images. One object a worker; it knows nothing of messages.

import { clearStore, openPageStore, type PageStore, storageRoom } from "@biovlm/backend-web";
import { keptCount } from "@biovlm/core";
import { attributeSentences, attributeSet } from "@biovlm/datasets";
import { imageReader } from "@biovlm/engine/images";
import { PLANES, parseRange, parseWindow } from "@biovlm/imaging";
import {
  attributeBank,
  type Classifier,
  createClassifier,
  type PromptBank,
  promptCount,
  promptNames,
  readBank,
  templateBank,
} from "@biovlm/model";
import { type Call, refuse } from "./call.js";
import { ImageAnswers, lookedAt } from "./image-answers.js";
import { ImageDecoding } from "./image-decoding.js";
import { learn } from "./learning.js";
import { occlusionMap } from "./occlusion.js";
import { type DeviceListener, type OpenModel, openModel } from "./opening.js";
import type { ClassSource, HowShown, ImageRef, Memory, Prepared, Requests } from "./protocol.js";

export type Engine = { readonly [N in keyof Requests]: (ask: Requests[N]["ask"], call: Call) => Promise<Requests[N]["answer"]> };

/** Makes the engine. `onDevice` hears of a device that was lost and of what took its place. */
export function createEngine(onDevice: DeviceListener): Engine {
  let open: OpenModel | undefined;
  let images: ImageDecoding | undefined;
  let classifier: Classifier | undefined;
  let pageStore: Promise<PageStore> | undefined;
  const answers = new ImageAnswers();
  const store = () => (pageStore ??= openPageStore());
  const needOpen = () =>
    open === undefined || images === undefined ? refuse("not_open", "no model is open — choose a model first.") : { ...open, images };
  const needClassifier = () => classifier ?? refuse("no_classes", "no classes are chosen — name what an image may show first.");

  return {
    async open(ask, call) {
      images = new ImageDecoding(ask.base);
      open = await openModel(ask, store, onDevice, call);
      answers.clear();
      classifier = undefined;
      return open.opened;
    },

    async prepare({ classes }, { signal }) {
      const { core, encoder, model } = needOpen();
      const { bank, names, sentences } = await bankOf(classes, { core, encoder, model }, signal);
      const next = await createClassifier({ core, encoder, model, bank, ...(names === undefined ? {} : { classes: names }) });
      // a bank that was learned with other pixels cannot use the embeddings made so far
      if (classifier !== undefined && String(classifier.pixels.mean) !== String(next.pixels.mean)) answers.clear();
      classifier = next;
      return { ...described(bank, classifier), ...(sentences === undefined ? {} : { sentences }) };
    },

    async classify({ images: asked }, call) {
      return answers.classify(asked, { ...needOpen(), classifier: needClassifier() }, call);
    },

    async places({ files }) {
      // nothing of a model is needed for it
      return new ImageDecoding("").places(files);
    },

    async look(ref) {
      return lookedAt(ref, needOpen());
    },

    async sendable(ref) {
      return needOpen().images.sendable(ref);
    },

    async view(ref) {
      return needOpen().images.view(ref);
    },

    async occlude({ className, grid, ...ref }, { signal, tell }) {
      const parts = needOpen();
      const { core, encoder, model } = parts;
      const { rgb } = await lookedAt(ref, parts);
      const onProgress = (done: number, total: number) => tell({ kind: "cells", done, total });
      return occlusionMap(rgb, { core, encoder, spec: model.spec, classifier: needClassifier(), className, grid, signal, onProgress });
    },

    async learn(choices, { signal, tell }) {
      const { core, exact, images: decoding } = needOpen();
      const { model, encoder } = await exact();
      return learn({ core, model, encoder, store: (await store()).store, read: imagesOnce(decoding), signal, tell }, choices);
    },

    async memory(): Promise<Memory> {
      const { used, free, persistent } = await storageRoom();
      return { persistent, ...(used === undefined ? {} : { stored: used }), ...(free === undefined ? {} : { free }) };
    },

    async clear() {
      return { cleared: await clearStore((await store()).store) };
    },
  };
}

async function bankOf(
  source: ClassSource,
  context: Pick<OpenModel, "core" | "encoder" | "model">,
  signal: AbortSignal,
): Promise<{ readonly bank: PromptBank; readonly names?: readonly string[]; readonly sentences?: readonly (readonly string[])[] }> {
  if (source.kind === "server") return refuse("not_here", "the server's bank is asked there, not in this page — choose the classes again.");
  if (source.kind === "names") return { bank: await templateBank(context, source.names, { signal }) };
  if (source.kind === "bank") {
    const bank = readBank(new Uint8Array(await source.file.arrayBuffer()));
    return source.names === undefined ? { bank } : { bank, names: source.names };
  }
  const { classes, ...set } = attributeSet(source.name);
  const names = classes.map(({ name }) => name);
  // a kept choice may be of a set that has other classes by now
  const own = source.attributes?.length === classes.length ? source.attributes : undefined;
  const sentences = attributeSentences({
    ...set,
    classes: classes.map((entry, c) => ({ ...entry, attributes: [...(own?.[c] ?? entry.attributes)] })),
  });
  return { bank: await attributeBank(context, names, sentences, { signal }), sentences };
}

function described(bank: PromptBank, classifier: Classifier): Prepared {
  const N = promptCount(bank);
  const names = promptNames(bank) ?? Array.from({ length: N }, (_, n) => `prompt ${n + 1}`);
  const kept = keptCount(bank.rho, N);
  return {
    classes: classifier.classes,
    prompts: names,
    kept,
    recipe: bank.recipe,
    digest: classifier.bankDigest,
    openSet: bank.ctx !== undefined,
    ...keptShowing(bank),
  };
}

/** A bank from outside may say anything. */
function keptShowing({ options }: PromptBank): HowShown {
  const { window, plane, range, ultrasoundRegion } = options;
  const cut = PLANES.find((name) => name === plane);
  return {
    ...(typeof window === "string" && isRead(parseWindow, window) ? { window } : {}),
    ...(cut === undefined ? {} : { plane: cut }),
    ...(typeof range === "string" && isRead(parseRange, range) ? { range } : {}),
    ...(ultrasoundRegion === true ? { ultrasoundRegion } : {}),
  };
}

function isRead(read: (text: string) => unknown, text: string): boolean {
  try {
    read(text);
    return true;
  } catch {
    return false;
  }
}

/** Images to learn from and to measure on: each read and decoded once. */
function imagesOnce(decoding: ImageDecoding) {
  // how an image is shown makes another of it: a reader for each way
  const readers = new Map<string, ReturnType<typeof imageReader>>();
  return ({ file, frame, window, plane, range, ultrasoundRegion }: Omit<ImageRef, "id">) => {
    const variant = [
      frame === undefined ? "" : `frame ${frame + 1}`,
      plane === undefined ? "" : `plane ${plane}`,
      window === undefined ? "" : `window ${window}`,
      range === undefined ? "" : `range ${range}`,
      ultrasoundRegion === undefined ? "" : "ultrasound region",
    ]
      .filter((part) => part !== "")
      .join(", ");
    const shown = {
      ...(frame === undefined ? {} : { frame }),
      ...(window === undefined ? {} : { window }),
      ...(plane === undefined ? {} : { plane }),
      ...(range === undefined ? {} : { range }),
      ...(ultrasoundRegion === undefined ? {} : { ultrasoundRegion }),
    };
    const read = readers.get(variant) ?? imageReader({ decode: (bytes) => decoding.ofBytes(bytes, shown), variant });
    readers.set(variant, read);
    return read({ name: "image", open: async () => ({ kind: "file", bytes: new Uint8Array(await file.arrayBuffer()) }) });
  };
}
