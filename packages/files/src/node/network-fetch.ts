// fetch as networks of hospitals and companies want it: through the proxy that HTTPS_PROXY names, and trusting the CA that inspects TLS there. Node
// by itself knows neither before version 22.21. Where no such variable is set this is the platform's own fetch and nothing is loaded.

import { rootCertificates } from "node:tls";
import { FilesError } from "../errors.js";
import { readFileWithin } from "./read-file.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** PEM files that tools of this kind read; what they hold is trusted beside the public authorities. */
const CA_VARIABLES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] as const;
/** never asked through a proxy: it would ask itself */
const OWN_MACHINE = ["localhost", "127.0.0.1", "[::1]"];
const MAX_CA_BYTES = 16 * 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const CERTIFICATE_CODES = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
]);

/** A variable in either case, the lower one first as curl does; undefined when empty. */
function either(env: Environment, name: string): string | undefined {
  return env[name.toLowerCase()] || env[name] || undefined;
}

function proxies(env: Environment): { readonly http?: string; readonly https?: string } {
  const all = either(env, "ALL_PROXY");
  const http = either(env, "HTTP_PROXY") ?? all;
  const https = either(env, "HTTPS_PROXY") ?? http;
  return { ...(http === undefined ? {} : { http }), ...(https === undefined ? {} : { https }) };
}

/**
 * The fetch to use for what lies outside this machine. @param env HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY in either case, and {@link CA_VARIABLES}
 * @throws FilesError `bad_argument` for a proxy that is no http(s) address, or a CA file that holds no certificate; what reading it says
 * @example const response = await (await networkFetch())("https://example.org");
 */
export async function networkFetch(env: Environment = process.env): Promise<typeof globalThis.fetch> {
  const { http, https } = proxies(env);
  const ca = await authorities(env);
  if (http === undefined && https === undefined && ca === undefined) return globalThis.fetch;
  for (const proxy of [http, https]) {
    if (proxy === undefined || /^https?:$/.test(URL.canParse(proxy) ? new URL(proxy).protocol : "")) continue;
    throw new FilesError(
      "bad_argument",
      "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY — expected an address such as http://proxy.example:3128, got another text. Correct the variable.",
    );
  }
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: http ?? "",
    httpsProxy: https ?? "",
    noProxy: [either(env, "NO_PROXY") ?? [], OWN_MACHINE].flat().join(","),
    // proxies often let CONNECT pass to port 443 alone
    proxyTunnel: false,
    ...(ca === undefined ? {} : { connect: { ca }, requestTls: { ca }, proxyTls: { ca } }),
  });
  return ((input: string | URL, init?: object) => fetch(input, { ...init, dispatcher })) as unknown as typeof globalThis.fetch;
}

async function authorities(env: Environment): Promise<string[] | undefined> {
  const named = CA_VARIABLES.filter((name) => env[name]);
  // Node reads its own variable by itself where nothing else asks for a list
  if (named.every((name) => name === "NODE_EXTRA_CA_CERTS")) return undefined;
  const paths = new Map(named.map((name) => [env[name] as string, name]));
  const pems = await Promise.all(
    Array.from(paths, async ([path, name]) => {
      const text = new TextDecoder().decode(await readFileWithin(path, MAX_CA_BYTES));
      const found = text.match(CERTIFICATE);
      if (found !== null) return found;
      throw new FilesError("bad_argument", `${name} — expected a PEM file with certificates, got another file. Correct the variable.`);
    }),
  );
  // each once: such files mostly hold the public authorities too, and every connection reads the whole list
  const each = [...rootCertificates, ...pems.flat()].map((pem) => [pem.replaceAll(/\s/g, ""), pem] as const);
  return [...new Map(each).values()];
}

/** The system's own word, and what the innermost error says: fetch wraps both. */
function innermost(error: unknown): { readonly code: string | undefined; readonly message: string } {
  let code: string | undefined;
  let message = String(error);
  let each: unknown = error;
  for (let depth = 0; each instanceof Error && depth < 8; depth++) {
    const own: unknown = Reflect.get(each, "code");
    if (typeof own === "string") code = own;
    message = each.message;
    each = each.cause;
  }
  return { code, message };
}

/**
 * Why no connection came about, and what to do about it on a network with a proxy or a CA of its own.
 * @returns the system's word, and the end of a sentence; neither an address nor a password of the proxy
 */
export function connectionAdvice(error: unknown, env: Environment = process.env): { readonly reason: string; readonly remedy: string } {
  const { code, message } = innermost(error);
  const { http, https } = proxies(env);
  const proxied = http !== undefined || https !== undefined;
  const refused = /Proxy response \((\d{3})\)/.exec(message)?.[1];
  if (code !== undefined && CERTIFICATE_CODES.has(code)) {
    return {
      reason: code,
      remedy: "If this network inspects TLS, name its CA's PEM file with SSL_CERT_FILE (or REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS)",
    };
  }
  if (refused === "407") {
    return { reason: "the proxy wants a name and a password (407)", remedy: "Give them: HTTPS_PROXY=http://name:password@host:port" };
  }
  if (refused !== undefined)
    return { reason: `the proxy refuses it (${refused})`, remedy: "Ask for this host to be allowed, or see NO_PROXY" };
  return {
    reason: code ?? message,
    remedy: proxied ? "Check the proxy that HTTPS_PROXY names, and NO_PROXY" : "Check the connection; behind a proxy set HTTPS_PROXY",
  };
}
