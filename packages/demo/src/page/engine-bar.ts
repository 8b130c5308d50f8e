// The badge of device and threads, the dialog that changes them, memory, and what is kept in this browser.

import type { DeviceWish, ModelSource, OfferedModel, PrecisionWish } from "../engine/protocol.js";
import { announce, notice } from "./announcer.js";
import { byId, byteCount, element, visibleText } from "./elements.js";
import type { Session } from "./session.js";

const OWN = "own files";

export function bindEngine(session: Session, offered: readonly OfferedModel[]): { start(): Promise<void> } {
  const badge = byId("device-badge");
  const text = byId("device-text");
  const settings = byId<HTMLDialogElement>("settings");
  const model = byId<HTMLSelectElement>("model-choice");
  const device = byId<HTMLSelectElement>("device-choice");
  const precision = byId<HTMLSelectElement>("precision-choice");
  const threads = byId<HTMLSelectElement>("threads-choice");
  const modelInput = byId<HTMLInputElement>("model-input");
  const facts = byId("device-facts");
  const cores = Math.max(1, Math.min(8, navigator.hardwareConcurrency || 1));
  const mostThreads = globalThis.crossOriginIsolated ? cores : 1;
  let own: ModelSource | undefined;

  model.append(
    ...offered.map((m) =>
      element("option", { text: `${visibleText(m.name, 60)}: ${visibleText(m.summary, 100)}`, attributes: { value: m.name } }),
    ),
    element("option", { text: "files from this computer", attributes: { value: OWN } }),
  );
  for (let n = 1; n <= mostThreads; n++) threads.append(element("option", { text: String(n), attributes: { value: String(n) } }));
  threads.value = String(mostThreads);
  model.addEventListener("change", () => {
    byId("own-model").hidden = model.value !== OWN;
  });
  badge.addEventListener("click", () => settings.showModal());

  byId("pick-model").addEventListener("click", () => modelInput.click());
  modelInput.addEventListener("change", () => {
    const files = [...(modelInput.files ?? [])];
    const weights = files.find((f) => /\.(safetensors|bin|pt)$/i.test(f.name));
    const openClipConfig = files.find((f) => f.name === "open_clip_config.json");
    const tokenizerJson = files.find((f) => f.name === "tokenizer.json");
    const missing = [
      ...(weights === undefined ? ["weights"] : []),
      ...(openClipConfig === undefined ? ["open_clip_config.json"] : []),
      ...(tokenizerJson === undefined ? ["tokenizer.json"] : []),
    ];
    const whole = weights !== undefined && openClipConfig !== undefined && tokenizerJson !== undefined;
    own = whole ? { kind: "files", weights, openClipConfig, tokenizerJson } : undefined;
    byId("model-files").textContent = missing.length === 0 ? visibleText(weights!.name, 60) : `missing: ${missing.join(", ")}`;
  });

  async function start(): Promise<void> {
    const chosen = offered.find((m) => m.name === model.value);
    const source: ModelSource | undefined = chosen === undefined ? own : { kind: "offered", model: chosen };
    if (source === undefined) return notice("Choose the model's three files first.", true);
    notice("", false);
    badge.dataset["state"] = "busy";
    text.textContent = "opening the model";
    try {
      await session.open(
        {
          source,
          device: device.value as DeviceWish,
          precision: precision.value as PrecisionWish,
          threads: Number(threads.value),
          base: document.baseURI,
        },
        (done, total) => {
          text.textContent = `model ${Math.floor((done / total) * 100)} %`;
        },
      );
      if (session.opened?.memoryOnly !== undefined)
        notice(`This browser keeps nothing after the tab is closed: ${session.opened.memoryOnly}`, false);
    } catch (error) {
      badge.dataset["state"] = "bad";
      text.textContent = "no model";
      notice(String((error as Error).message), true);
    }
    void measure();
  }

  byId("apply-settings").addEventListener("click", () => {
    settings.close();
    void start();
  });
  byId("clear-kept").addEventListener("click", async () => {
    try {
      const { cleared } = await session.engine.ask("clear", {});
      for (const name of await caches.keys()) await caches.delete(name);
      announce(`${cleared} kept pieces cleared`);
      byId("kept-text").textContent = "kept here: nothing";
    } catch (error) {
      notice(String((error as Error).message), true);
    }
  });

  function drawDevice(): void {
    const { device: state, opened } = session;
    if (state === undefined || opened === undefined) return;
    badge.dataset["state"] = "ready";
    const threaded = state.device === "wasm" ? `, ${threads.value} thread${threads.value === "1" ? "" : "s"}` : "";
    text.textContent = `${state.device}${threaded}, ${state.precision}`;
    badge.setAttribute("title", `${opened.model.name} on ${state.detail}. Press to change.`);
    const rows: [string, string][] = [
      ["Model", `${opened.model.name}, ${opened.model.imageSize} × ${opened.model.imageSize} pixels`],
      ["Digest", opened.model.digest],
      ["Runs on", state.detail],
      ...opened.passedOver.map((p): [string, string] => [`Not ${p.name}`, p.reason]),
      ...(globalThis.crossOriginIsolated
        ? []
        : ([["One thread", "the server does not isolate this page (COOP, COEP)"]] as [string, string][])),
    ];
    facts.replaceChildren(
      ...rows.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: visibleText(value, 300) })]),
    );
    announce(`The model is ready on ${text.textContent}`);
  }

  /** Memory of page and workers where the browser tells it, and what is kept on the disk. */
  async function measure(): Promise<void> {
    const host = performance as { measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }>; memory?: { usedJSHeapSize: number } };
    const kept = session.opened === undefined ? undefined : await session.engine.ask("memory", {}).catch(() => undefined);
    if (kept?.stored !== undefined) byId("kept-text").textContent = `kept here: ${byteCount(kept.stored)}`;
    const say = (used: number | undefined) => {
      byId("memory-text").textContent = used === undefined ? "memory: this browser does not say" : `memory: ${byteCount(used)}`;
    };
    say(host.memory?.usedJSHeapSize);
    // takes its time: it waits for the browser to collect garbage
    const bytes = await host.measureUserAgentSpecificMemory?.().then(
      (r) => r.bytes,
      () => undefined,
    );
    if (bytes !== undefined) say(bytes);
  }
  setInterval(() => void measure(), 30_000);

  session.listen((change) => {
    if (change === "device") drawDevice();
  });
  return { start };
}
