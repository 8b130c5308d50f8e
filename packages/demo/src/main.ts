// The page's start: the views are bound to one session, the worker is started, and the page is kept for use without a network.

import { engineClient } from "./engine/engine-client.js";
import type { OfferedModel } from "./engine/protocol.js";
import { notice } from "./page/announcer.js";
import { bindAnswers } from "./page/answers-view.js";
import { bindClasses } from "./page/class-panel.js";
import { byId } from "./page/elements.js";
import { bindEngine } from "./page/engine-bar.js";
import { bindIntake } from "./page/file-intake.js";
import { bindGallery } from "./page/gallery.js";
import { labelFiles } from "./page/label-files.js";
import { bindLearning } from "./page/learn-panel.js";
import { bindProject } from "./page/project.js";
import { ask } from "./page/question.js";
import { bindResult } from "./page/result-view.js";
import { bindRouting } from "./page/routing-view.js";
import { ServerDoor } from "./page/server-door.js";
import { answeredBy } from "./page/server-engine.js";
import { Session } from "./page/session.js";
import { bindTabs } from "./page/tabs.js";
import { bindTheme } from "./page/theme.js";
import { bindUndo } from "./page/undo-buttons.js";

const door = new ServerDoor(document.baseURI);
door.onWait = (text) => notice(text, false);
const session = new Session((onDevice) =>
  answeredBy(
    engineClient(new Worker(new URL("./engine/engine-worker.ts", import.meta.url), { type: "module", name: "engine" }), onDevice),
    door,
  ),
);
session.onNotice = notice;
session.askWhether = ask;

bindTheme(byId("theme-button"));
bindTabs(byId("views"));
bindGallery(session);
bindResult(session);
bindRouting(session);
const classPanel = bindClasses(session, door);
bindUndo(session);
const project = bindProject(session);
bindAnswers(session, project);
const lists = labelFiles(session, classPanel, project);
bindLearning(session, classPanel, lists.root);
bindIntake(session, { bank: classPanel.takeBank, labels: lists.take });

async function offeredModels(): Promise<readonly OfferedModel[]> {
  const answer = await fetch(new URL("models/index.json", document.baseURI));
  if (!answer.ok) throw new Error(`the list of models — expected it at models/index.json, got status ${answer.status}.`);
  return ((await answer.json()) as { readonly models: readonly OfferedModel[] }).models;
}

try {
  const engine = bindEngine(session, await offeredModels(), project);
  await project.restore();
  await engine.start();
} catch (error) {
  notice(String((error as Error).message), true);
}
// the page works without it; it only cannot be opened without a network then
if ("serviceWorker" in navigator) navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI)).catch(() => undefined);
