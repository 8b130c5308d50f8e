// How a server listens and what it allows: one table, as engine/src/options is for the engine. Types, defaults, checks, the command line's flags
// and the config file come from it. Light: help reads it.

import { filledOptions, type GivenOptions, IMAGE_LIMITS, type OptionSchemas, type OptionsOf } from "@biovlm/engine/options";
import { ServerError } from "./errors.js";

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** How a server listens and what it allows. */
export const SERVING_OPTIONS = {
  host: { type: "string", default: "127.0.0.1", description: "address to listen on" },
  port: { type: "integer", minimum: 0, maximum: 65_535, default: 8080, description: "port to listen on; 0 picks a free one" },
  grpcPort: {
    type: "integer",
    minimum: 0,
    maximum: 65_535,
    description: "port for the Open Inference Protocol over gRPC, 0 picks a free one; no gRPC when absent",
  },
  socket: { type: "string", description: "unix socket to listen on instead" },
  tlsCert: { type: "string", description: "certificate chain, PEM" },
  tlsKey: { type: "string", description: "private key, PEM" },
  banksDir: {
    type: "string",
    description: "folder that keeps uploaded banks for the next start; without it they last until the server ends",
  },
  insecure: { type: "boolean", default: false, description: "allow an address beyond loopback without keys" },
  allowHost: {
    type: "string",
    description: "host names that a server without keys answers to beside localhost and addresses, joined by commas",
  },
  corsOrigin: {
    type: "string",
    description: "origins whose pages may call, such as https://viewer.example, joined by commas; none when absent",
  },
  admin: { type: "boolean", default: false, description: "open the admin routes of a server without keys" },
  maxImageBytes: IMAGE_LIMITS.maxImageBytes,
  maxImages: { type: "integer", minimum: 1, maximum: 4096, default: 64, description: "images in one request" },
  maxFrames: {
    type: "integer",
    minimum: 1,
    maximum: 100_000,
    default: 1000,
    description: "frames, slices and pages that one request may ask for, with volumes and frame all or every=K",
  },
  maxBodyBytes: {
    type: "integer",
    minimum: 1024,
    maximum: 2 * GiB,
    description: "largest request body; as many of the largest images as fit 64 MiB, at most four and at least one, and 1 MiB when absent",
  },
  maxJsonBytes: {
    type: "integer",
    minimum: 1024,
    maximum: 256 * MiB,
    default: 4 * MiB,
    description: "largest JSON of a tensor request: bigger tensors come in binary",
  },
  maxInFlightBytes: {
    type: "integer",
    minimum: 1024,
    maximum: 64 * GiB,
    description:
      "bytes that request bodies may cost at once over all routes, more are refused with 429: an image its length, a form twice that, JSON and tensors three times, a large answer its length until it is taken; four of the largest bodies when absent",
  },
  requestTimeoutMs: {
    type: "integer",
    minimum: 100,
    maximum: 3_600_000,
    default: 30_000,
    description: "time to receive and to answer a request, milliseconds",
  },
  ratePerMinute: {
    type: "integer",
    minimum: 0,
    maximum: 1_000_000,
    default: 0,
    description: "requests a minute for each key, or address where there is none; 0 for no limit",
  },
  authFailuresPerMinute: {
    type: "integer",
    minimum: 0,
    maximum: 1_000_000,
    default: 60,
    description: "wrong keys a minute from one address that are answered with 401, further ones with 429; 0 for no limit",
  },
  trustProxy: {
    type: "string",
    description: "proxies whose X-Forwarded-For is believed, for limits by address: addresses, networks, or unix, joined by commas",
  },
  metricsPort: {
    type: "integer",
    minimum: 0,
    maximum: 65_535,
    description: "port of its own for /metrics, without a key; 0 picks a free one",
  },
  metricsHost: { type: "string", default: "127.0.0.1", description: "address of the metrics port" },
  drainDelayMs: {
    type: "integer",
    minimum: 0,
    maximum: 600_000,
    default: 5000,
    description: "time that new connections are still answered after SIGTERM, until balancers have seen /readyz say no, milliseconds",
  },
  drainMs: {
    type: "integer",
    minimum: 0,
    maximum: 600_000,
    default: 10_000,
    description: "time for requests in flight when stopping, milliseconds",
  },
} as const satisfies OptionSchemas;

/** How a server listens and what it allows. */
export type ServingOptions = OptionsOf<typeof SERVING_OPTIONS> & { readonly maxBodyBytes: number; readonly maxInFlightBytes: number };

/** Fills defaults in and checks. @throws ServerError `bad_option` for a value out of range, or half of a TLS pair */
export function servingOptions(given: GivenOptions<typeof SERVING_OPTIONS> = {}): ServingOptions {
  const options = filledOptions(
    SERVING_OPTIONS,
    given,
    (what) => new ServerError("bad_option", `serving options — ${what}. Correct the option.`),
  );
  if ((options.tlsCert === undefined) !== (options.tlsKey === undefined)) {
    throw new ServerError("bad_option", "TLS — expected a certificate and a key, got only one of them. Give both or none.");
  }
  if (options.grpcPort !== undefined && options.socket !== undefined) {
    throw new ServerError(
      "bad_option",
      "gRPC — expected an address to listen on, got a unix socket. Leave out the socket or the gRPC port.",
    );
  }
  const maxBodyBytes = options.maxBodyBytes ?? bodyBytesFor(options.maxImageBytes);
  return { ...options, maxBodyBytes, maxInFlightBytes: options.maxInFlightBytes ?? 4 * maxBodyBytes };
}

/** A body of several images where they are small, and of one where it is large: what is held at once hangs on it. */
function bodyBytesFor(maxImageBytes: number): number {
  return Math.min(2 * GiB, Math.max(maxImageBytes, Math.min(4 * maxImageBytes, 64 * MiB)) + MiB);
}

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
