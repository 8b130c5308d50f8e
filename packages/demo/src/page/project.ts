// The saved project: labels, class names and settings stay in this browser, whatever becomes of the tab. Images are known by their content.

import { counted } from "@biovlm/files";
import { PLANES } from "@biovlm/imaging";
import type { ClassSource } from "../engine/protocol.js";
import { notice } from "./announcer.js";
import { byId } from "./elements.js";
import type { ImageItem } from "./image-item.js";
import { keepFields, restoreFields } from "./kept-fields.js";
import type { Identity } from "./label-book.js";
import { openProject, type ProjectStore } from "./project-store.js";
import { isRange } from "./range-control.js";
import type { Session } from "./session.js";

export interface Project {
  /** Fields and classes of the last visit; call it when every field is there and before the model is opened. */
  restore(): Promise<void>;
  /** Resolves when the content of every image is known. */
  identified(): Promise<void>;
  /** Forgets what is kept; what is on the page stays on it. */
  clear(): Promise<void>;
}

/** Keeps what a session's person does. */
export function bindProject(session: Session): Project {
  let store: ProjectStore | undefined;
  let lost: string | undefined;
  const lose = (reason: string) => {
    if (lost === undefined)
      notice(`Labels and settings go with this tab: this browser does not keep them (${reason}). Take the labels along as CSV.`, true);
    lost = reason;
  };
  let classes: Promise<unknown> = Promise.resolve();
  const identify = identifier(session);

  session.book.onWrite = (hash, said) => store?.putLabels(hash, said);
  session.listen((change) => {
    if (change === "images" || change === "labels") void identify();
    const { source } = session;
    // one after another: an older bank must not be written last
    // whether images are sent is chosen anew in each visit
    if (change === "classes" && source !== undefined && source.kind !== "server")
      classes = classes.then(async () => store?.putSetting("classes", await storable(source)));
    if (change === "view") {
      store?.putSetting("window", session.showing.window);
      store?.putSetting("plane", session.showing.plane);
      store?.putSetting("range", session.showing.range);
    }
    if (change === "labels" || change === "images") byId("labels-kept").textContent = keptText(session, lost !== undefined);
  });
  // what is not kept is lost with the tab
  addEventListener("beforeunload", (event) => {
    if (lost !== undefined && session.images.some((image) => image.labelName !== undefined)) event.preventDefault();
  });

  return {
    async restore() {
      try {
        // contents cannot be known without it
        if (globalThis.crypto.subtle === undefined) throw new Error("the page came neither over TLS nor from this computer");
        store = await openProject(lose);
        const [labels, settings] = await Promise.all([store.labels(), store.settings()]);
        session.book.load(labels);
        const source = restorable(settings.get("classes"));
        if (source !== undefined) session.resume(source);
        const window = settings.get("window");
        if (typeof window === "string" && window.length < 60) session.showing.window = window;
        const range = settings.get("range");
        if (typeof range === "string" && isRange(range)) session.showing.range = range;
        session.showing.plane = PLANES.find((name) => name === settings.get("plane"));
        restoreFields(settings);
        // the data sets to choose from are there once a model is open
        let open = false;
        session.listen((change) => {
          if (change !== "device" || session.opened === undefined || open) return;
          open = true;
          restoreFields(new Map([["dataset", settings.get("dataset")]]));
        });
        keepFields((name, value) => store?.putSetting(name, value));
      } catch (error) {
        lose(String((error as Error).message));
      }
      void identify();
    },
    identified: identify,
    async clear() {
      await store?.clear();
    },
  };
}

/** Reads the content of images that are not known yet, those with a label first, a few at a time; a call while it runs waits for its end. */
function identifier(session: Session): () => Promise<void> {
  const unread = new WeakSet<ImageItem>();
  let running: Promise<void> | undefined;
  const taken = new WeakSet<ImageItem>();
  const next = () => {
    const open = (image: ImageItem) => image.identity === undefined && !unread.has(image) && !taken.has(image);
    return session.images.find((image) => open(image) && image.labelName !== undefined) ?? session.images.find(open);
  };
  const lane = async () => {
    for (let image = next(); image !== undefined; image = next()) {
      taken.add(image);
      const identity = await identityOf(image).catch(() => undefined);
      taken.delete(image);
      // a file that went from the disk is said where it is decoded
      if (identity === undefined) unread.add(image);
      else session.identified(image, identity);
    }
  };
  return () => (running ??= Promise.all([lane(), lane(), lane()]).then(() => (running = undefined)));
}

async function identityOf({ file, folder, name }: ImageItem): Promise<Identity> {
  const hash = await digest(await file.arrayBuffer());
  const place = await digest(new TextEncoder().encode(`${hash}\n${folder}/${name}`).buffer as ArrayBuffer);
  return { hash, place: place.slice(0, 16) };
}

async function digest(bytes: ArrayBuffer): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function keptText({ images }: Session, lost: boolean): string {
  const labels = images.filter(({ labelName }) => labelName !== undefined);
  if (labels.length === 0) return "";
  if (lost) return "labels go with this tab";
  const kept = labels.filter(({ identity }) => identity !== undefined).length;
  return kept === labels.length ? `${counted(kept, "label")} kept in this browser` : `keeping labels, ${kept} of ${labels.length}`;
}

/** A choice of classes as it is kept: a bank by its bytes. */
async function storable(source: ClassSource): Promise<unknown> {
  if (source.kind !== "bank") return source;
  const { file, ...rest } = source;
  return { ...rest, bytes: new Uint8Array(await file.arrayBuffer()) };
}

function restorable(kept: unknown): ClassSource | undefined {
  const { kind, names, name, attributes, bytes } = (kept ?? {}) as Readonly<Record<string, unknown>>;
  const texts = (list: unknown): list is string[] => Array.isArray(list) && list.every((text) => typeof text === "string");
  if (kind === "names" && texts(names)) return { kind, names };
  if (kind === "dataset" && typeof name === "string")
    return Array.isArray(attributes) && attributes.every(texts) ? { kind, name, attributes } : { kind, name };
  if (kind !== "bank" || !(bytes instanceof Uint8Array)) return undefined;
  const file = new Blob([bytes as Uint8Array<ArrayBuffer>]);
  return texts(names) ? { kind, file, names } : { kind, file };
}
