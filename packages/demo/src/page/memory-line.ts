// The foot of the page: memory of page and workers where the browser tells it, what is kept in this browser, and the button that clears it.

import { counted } from "@biovlm/files";
import { announce, notice } from "./announcer.js";
import { byId, byteCount } from "./elements.js";
import type { Project } from "./project.js";
import { ask } from "./question.js";
import type { Session } from "./session.js";

/** Milliseconds between two looks. */
const EVERY = 30_000;

/** Binds the line; what comes back measures at once. */
export function bindMemory(session: Session, project: Project): () => Promise<void> {
  const measure = async () => {
    const kept = session.opened === undefined ? undefined : await session.engine.ask("memory", {}).catch(() => undefined);
    if (kept?.stored !== undefined) byId("kept-text").textContent = `kept here: ${byteCount(kept.stored)}`;
    const host = performance as { measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }>; memory?: { usedJSHeapSize: number } };
    say(host.memory?.usedJSHeapSize);
    // takes its time: it waits for the browser to collect garbage
    const bytes = await host.measureUserAgentSpecificMemory?.().then(
      (r) => r.bytes,
      () => undefined,
    );
    if (bytes !== undefined) say(bytes);
  };
  byId("clear-kept").addEventListener("click", () =>
    clear(session, project).catch((error: unknown) => notice(String((error as Error).message), true)),
  );
  setInterval(() => void measure(), EVERY);
  return measure;
}

function say(used: number | undefined): void {
  byId("memory-text").textContent = used === undefined ? "memory: this browser does not say" : `memory: ${byteCount(used)}`;
}

async function clear(session: Session, project: Project): Promise<void> {
  const count = session.book.size;
  const labels = `Labels of ${counted(count, "image")}, class names and settings are kept in this browser. Clear them with the model's files?`;
  if (count > 0 && !(await ask(labels, "Clear all of it", "Keep all of it"))) return;
  const { cleared } = await session.engine.ask("clear", {});
  await project.clear();
  for (const name of await caches.keys()) await caches.delete(name);
  announce(`${cleared} kept pieces cleared`);
  byId("kept-text").textContent = "kept here: nothing";
}
