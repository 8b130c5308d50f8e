// Keeps the page for use without a network: its own files are put aside at the first visit and answered from there. Model weights are not its
// business: the engine keeps them itself, checked, piece by piece.

interface WorkerEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: "install" | "activate", listener: (event: WorkerEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
}
/** Filled in by the build: the page's files, and a digest of them all. */
declare const __PAGE_FILES__: readonly string[];
declare const __PAGE_VERSION__: string;

const scope = globalThis as unknown as Scope;
const name = `biovlm-page-${__PAGE_VERSION__}`;
const base = scope.registration.scope;
const SERVER = new URL("server.json", base).href;

scope.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(name).then((cache) => cache.addAll(__PAGE_FILES__.map((file) => new Request(new URL(file, base), { cache: "no-cache" })))),
  );
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const old of await caches.keys()) if (old.startsWith("biovlm-page-") && old !== name) await caches.delete(old);
      await scope.clients.claim();
    })(),
  );
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== new URL(base).origin || request.headers.has("Range")) return;
  event.respondWith(answer(request, url));
});

async function answer(request: Request, url: URL): Promise<Response> {
  const cache = await caches.open(name);
  // who answers is the network's to say; without one nobody does
  if (url.href === SERVER) return fetch(request).catch(() => Response.json({ answers: false }));
  const [path = ""] = url.href.slice(base.length).split(/[?#]/);
  const kept = await cache.match(request.mode === "navigate" && path === "" ? base : request, { ignoreSearch: true });
  if (kept !== undefined) return kept;
  const fresh = await fetch(request);
  // runtimes of other devices are kept when they are first used
  if (fresh.ok && path.startsWith("ort/")) await cache.put(request, fresh.clone()).catch(() => undefined);
  return fresh;
}
