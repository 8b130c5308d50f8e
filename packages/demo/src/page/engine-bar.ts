// The badge that says which device runs, and the start of the engine with what the dialog chose.

import { counted } from "@biovlm/files";
import type { OfferedModel } from "../engine/protocol.js";
import { announce, notice } from "./announcer.js";
import { byId, element, visibleText } from "./elements.js";
import { bindMemory } from "./memory-line.js";
import type { Project } from "./project.js";
import type { OpenChoices, Session } from "./session.js";
import { bindSettings } from "./settings-dialog.js";

/** Binds badge, dialog and the foot of the page; `start` opens what the dialog stands at. */
export function bindEngine(session: Session, offered: readonly OfferedModel[], project: Project): { start(): Promise<void> } {
  const badge = byId("device-badge");
  const text = byId("device-text");
  let turns = 0;
  const measure = bindMemory(session, project);
  const settings = bindSettings(offered, (choices) => void open(choices));

  async function open(choices: OpenChoices): Promise<void> {
    notice("", false);
    const turn = ++turns;
    badge.dataset["state"] = "busy";
    text.textContent = "opening the model";
    try {
      await session.open(choices, (done, total) => {
        text.textContent = `model ${Math.floor((done / total) * 100)} %`;
      });
      if (session.opened?.memoryOnly !== undefined)
        notice(`This browser keeps nothing after the tab is closed: ${session.opened.memoryOnly}`, false);
    } catch (error) {
      // a later opening took over: how this one ended is nobody's business
      if (turn !== turns) return;
      badge.dataset["state"] = "bad";
      text.textContent = "no model";
      notice(String((error as Error).message), true);
    }
    void measure();
  }

  session.listen((change) => {
    if (change !== "device") return;
    const { device, opened } = session;
    if (device === undefined || opened === undefined) return;
    badge.dataset["state"] = "ready";
    const threads = settings.threads();
    const threaded = device.device === "wasm" ? `, ${counted(threads, "thread")}` : "";
    text.textContent = `${device.device}${threaded}, ${device.precision}`;
    badge.setAttribute("title", `${opened.model.name} on ${device.detail}. Press to change.`);
    drawFacts(session);
    announce(`The model is ready on ${text.textContent}`);
  });

  return {
    async start() {
      const choices = settings.choices();
      if (choices !== undefined) await open(choices);
    },
  };
}

/** What the dialog says of the model and of devices that were not taken. */
function drawFacts({ device, opened }: Session): void {
  if (device === undefined || opened === undefined) return;
  const rows: [string, string][] = [
    ["Model", `${opened.model.name}, ${opened.model.imageSize} × ${opened.model.imageSize} pixels`],
    ["Digest", opened.model.digest],
    ["Runs on", device.detail],
    ...opened.passedOver.map((p): [string, string] => [`Not ${p.name}`, p.reason]),
  ];
  if (!globalThis.crossOriginIsolated) rows.push(["One thread", "the server does not isolate this page (COOP, COEP)"]);
  byId("device-facts").replaceChildren(
    ...rows.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: visibleText(value, 300) })]),
  );
}
