// The dialog in which model, device, precision and threads are chosen. It only reads the choices; engine-bar.ts opens with them.

import type { DeviceWish, ModelSource, OfferedModel, PrecisionWish } from "../engine/protocol.js";
import { byId, element, visibleText } from "./elements.js";
import { fieldError } from "./field-error.js";
import type { OpenChoices } from "./session.js";

const OWN = "own files";

export interface SettingsDialog {
  /** What to open, or undefined when something is missing: the dialog then says so beside the field. */
  choices(): OpenChoices | undefined;
  /** Threads chosen, as a number of its own for people to read. */
  readonly threads: () => number;
}

/** Binds the dialog of the page's markup. `apply` is called with whole choices only. */
export function bindSettings(offered: readonly OfferedModel[], apply: (choices: OpenChoices) => void): SettingsDialog {
  const dialog = byId<HTMLDialogElement>("settings");
  const device = byId<HTMLSelectElement>("device-choice");
  const precision = byId<HTMLSelectElement>("precision-choice");
  const threads = byId<HTMLSelectElement>("threads-choice");
  const source = modelChoice(offered);
  offerThreads(threads);
  byId("device-badge").addEventListener("click", () => dialog.showModal());
  const choices = (): OpenChoices | undefined => {
    const chosen = source();
    if (chosen === undefined) return undefined;
    return {
      source: chosen,
      device: device.value as DeviceWish,
      precision: precision.value as PrecisionWish,
      threads: Number(threads.value),
      base: document.baseURI,
    };
  };
  byId("apply-settings").addEventListener("click", () => {
    const chosen = choices();
    if (chosen === undefined) return;
    dialog.close();
    apply(chosen);
  });
  return { choices, threads: () => Number(threads.value) };
}

function offerThreads(threads: HTMLSelectElement): void {
  const cores = Math.max(1, Math.min(8, navigator.hardwareConcurrency || 1));
  const most = globalThis.crossOriginIsolated ? cores : 1;
  for (let n = 1; n <= most; n++) threads.append(element("option", { text: String(n), attributes: { value: String(n) } }));
  threads.value = String(most);
}

/** The models that the server offers, and files of a person's own. Gives the source that is chosen, or undefined and says what is missing. */
function modelChoice(offered: readonly OfferedModel[]): () => ModelSource | undefined {
  const model = byId<HTMLSelectElement>("model-choice");
  const input = byId<HTMLInputElement>("model-input");
  const error = fieldError(byId("pick-model"), byId("model-row"));
  let own: OwnFiles = ownFiles([]);
  model.append(
    ...offered.map((m) =>
      element("option", { text: `${visibleText(m.name, 60)}: ${visibleText(m.summary, 100)}`, attributes: { value: m.name } }),
    ),
    element("option", { text: "files from this computer", attributes: { value: OWN } }),
  );
  model.addEventListener("change", () => {
    byId("own-model").hidden = model.value !== OWN;
  });
  byId("pick-model").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    own = ownFiles([...(input.files ?? [])]);
    error(own.source === undefined ? own.said : "");
    byId("model-files").textContent = own.source === undefined ? "none yet" : own.said;
  });
  return () => {
    const chosen = offered.find((m) => m.name === model.value);
    if (chosen !== undefined) return { kind: "offered", model: chosen };
    error(own.source === undefined ? own.said : "");
    return own.source;
  };
}

interface OwnFiles {
  readonly source?: ModelSource;
  /** the weights' name, or what is missing */
  readonly said: string;
}

/** The three files of a model folder among those picked. */
function ownFiles(files: readonly File[]): OwnFiles {
  const weights = files.find((f) => /\.(safetensors|bin|pt)$/i.test(f.name));
  const openClipConfig = files.find((f) => f.name === "open_clip_config.json");
  const tokenizerJson = files.find((f) => f.name === "tokenizer.json");
  if (weights !== undefined && openClipConfig !== undefined && tokenizerJson !== undefined) {
    return { source: { kind: "files", weights, openClipConfig, tokenizerJson }, said: visibleText(weights.name, 60) };
  }
  const wanted = { weights, "open_clip_config.json": openClipConfig, "tokenizer.json": tokenizerJson };
  const missing = Object.entries(wanted).flatMap(([name, file]) => (file === undefined ? [name] : []));
  return { said: `missing: ${missing.join(", ")}. Choose the model's three files together.` };
}
