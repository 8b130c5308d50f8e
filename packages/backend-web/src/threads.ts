// How many WASM threads there can be, and why not more: threads need memory shared between workers, which browsers give to isolated pages only.

/** How many threads the wasm runtime may use here, and why they are not more. */
export interface ThreadReport {
  readonly threads: number;
  /** why it is one thread, where more were possible on this machine */
  readonly reason?: string;
}

interface Host {
  readonly crossOriginIsolated?: boolean;
  readonly SharedArrayBuffer?: unknown;
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

/** More threads than this do not pay: the towers' matrices are small. */
const MOST = 8;

/** The threads to use when nobody says how many. Looks at the host it is given, so that it can be tested. */
export function availableThreads(host: Host = globalThis as Host): ThreadReport {
  const cores = host.navigator?.hardwareConcurrency ?? 1;
  if (host.SharedArrayBuffer === undefined) return { threads: 1, reason: "no SharedArrayBuffer: the page is not cross-origin isolated" };
  if (host.crossOriginIsolated === false) {
    return { threads: 1, reason: "the page is not cross-origin isolated: serve it with COOP same-origin and COEP require-corp" };
  }
  return { threads: Math.max(1, Math.min(MOST, cores)) };
}
