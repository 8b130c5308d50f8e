// How a server listens and what it allows. One schema: the command line's flags, the config file and the documents come from it.

import { type Static, Type } from "typebox";
import { Check, Errors } from "typebox/value";
import { ServerError } from "./errors.js";

const MiB = 1024 * 1024;

/** Options of serving, with their defaults, limits and words: flags, settings and checks are made from this schema. */
export const ServingOptions = Type.Object(
  {
    host: Type.String({ default: "127.0.0.1", description: "address to listen on" }),
    port: Type.Integer({ default: 8080, minimum: 0, maximum: 65535, description: "port to listen on; 0 picks a free one" }),
    socket: Type.Optional(Type.String({ description: "unix socket to listen on instead of an address" })),
    tlsCert: Type.Optional(Type.String({ description: "certificate chain, a PEM file" })),
    tlsKey: Type.Optional(Type.String({ description: "private key, a PEM file" })),
    insecure: Type.Boolean({ default: false, description: "allow an address beyond loopback without a key" }),
    maxImageBytes: Type.Integer({ default: 16 * MiB, minimum: 1024, maximum: 1024 * MiB, description: "largest image file" }),
    maxImages: Type.Integer({ default: 64, minimum: 1, maximum: 4096, description: "images in one request" }),
    maxBodyBytes: Type.Integer({ default: 64 * MiB, minimum: 1024, maximum: 2048 * MiB, description: "largest request body" }),
    requestTimeoutMs: Type.Integer({
      default: 30_000,
      minimum: 100,
      maximum: 3_600_000,
      description: "time to receive and to answer a request",
    }),
    ratePerMinute: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_000_000,
      description: "requests a minute for each key or address; 0 for no limit",
    }),
    drainMs: Type.Integer({ default: 10_000, minimum: 0, maximum: 600_000, description: "time for requests in flight when stopping" }),
  },
  { additionalProperties: false },
);
/** Values of the schema {@link ServingOptions}. */
export type ServingOptions = Static<typeof ServingOptions>;

/** Fills defaults in and checks. Throws ServerError `bad_option`. */
export function servingOptions(given: { readonly [K in keyof ServingOptions]?: ServingOptions[K] | undefined } = {}): ServingOptions {
  const defaults = Object.fromEntries(
    Object.entries(ServingOptions.properties).flatMap(([name, schema]) => ("default" in schema ? [[name, schema.default]] : [])),
  );
  const options = { ...defaults, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
  if (!Check(ServingOptions, options)) {
    const error = Errors(ServingOptions, options).at(-1);
    throw new ServerError("bad_option", `serving options — ${error?.instancePath ?? ""} ${error?.message ?? "are wrong"}. Correct them.`);
  }
  if ((options.tlsCert === undefined) !== (options.tlsKey === undefined)) {
    throw new ServerError("bad_option", "TLS — expected a certificate and a key, got only one of them. Give both or none.");
  }
  return options;
}

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
