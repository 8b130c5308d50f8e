// Who may call a server that has no keys. A web page can make a browser send requests here: under a name of its own that resolves to this machine
// (DNS rebinding), or across sites as a form. Browsers say both, in Host, Origin and Sec-Fetch-Site; other programs send none of it and pass.

import { isIP } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiKey } from "../auth.js";
import { ServerError } from "../errors.js";
import type {} from "../fastify-types.js";
import { isLoopback, type ServingOptions } from "../options.js";

/**
 * Refuses with `forbidden`, before a body is read: names that are not ours, requests that another site made, and admin routes without `admin`.
 * Origins of --cors-origin pass as our own pages do. With keys nothing is refused here: a page knows none. Probes and what needs no key under it stay open to navigation from anywhere.
 */
export function checkCallers(
  app: FastifyInstance,
  options: ServingOptions,
  keys: readonly ApiKey[],
  origins: readonly string[] = [],
): void {
  if (keys.length > 0) return;
  const names = new Set(["localhost", ...namesOf(options.allowHost)]);
  // no browser reaches a unix socket, and where --insecure opened an address the gateway's names are its own
  const reachable = options.socket === undefined && (isLoopback(options.host) || options.allowHost !== undefined);
  app.addHook("onRequest", async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) return;
    if (reachable) checkHost(request.headers.host, names);
    if (!origins.includes(request.headers.origin ?? "")) checkSite(request);
    if (scope === "admin" && !options.admin) {
      throw new ServerError(
        "forbidden",
        "admin routes — expected a server with API keys or --admin, got one with neither. Start it with one.",
      );
    }
  });
}

/** "a.example, b.example" → names, lower case. @throws ServerError `bad_option` for what is no host name */
function namesOf(list: string | undefined): string[] {
  const names = (list ?? "").split(",").map((name) => name.trim().toLowerCase());
  const wrong = list === undefined ? undefined : names.find((name) => !/^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name));
  if (wrong !== undefined) {
    throw new ServerError("bad_option", "allowHost — expected host names without ports, joined by commas, got another text. Correct it.");
  }
  return names.filter((name) => name !== "");
}

/** Whether a Host header is an address, or one of the names: no name that a page could have chosen. */
export function isOwnHost(header: string | undefined, names: ReadonlySet<string> = new Set(["localhost"])): boolean {
  const host = (header ?? "").toLowerCase().replace(/:\d{1,5}$/, "");
  const address = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return isIP(address) !== 0 || names.has(host);
}

function checkHost(header: string | undefined, names: ReadonlySet<string>): void {
  if (isOwnHost(header, names)) return;
  throw new ServerError(
    "forbidden",
    "Host — expected an IP address, localhost or a name of --allow-host, got another name. Allow it, or use keys.",
  );
}

/** What another site's page made a browser send; a page of this server's own, and an address typed in, pass. */
function checkSite({ headers }: FastifyRequest): void {
  const site = headers["sec-fetch-site"];
  const { origin } = headers;
  if (site === "same-origin" || site === "none") return;
  const own = origin === undefined || originHost(origin) === headers.host?.toLowerCase();
  if (site !== "cross-site" && own) return;
  throw new ServerError("forbidden", "Origin — expected this server's own pages, got a request that another site made. Use keys for that.");
}

/** "https://a.example:8443" → "a.example:8443"; undefined for "null" and for what is none. */
function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
