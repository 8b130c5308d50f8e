// `biovlm serve`: models and banks over HTTP, and the check of the server's audit log.

import { CLASS_OPTIONS } from "../class-options.js";
import { defineCommand, type OptionSpecs } from "../command.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const SERVE_OPTIONS = {
  name: { type: "text", value: "NAME", description: "name it is served under; the model's when absent" },
  ...CLASS_OPTIONS,
  ...RUNTIME_OPTIONS,
  host: { type: "text", value: "ADDRESS", default: "127.0.0.1", setting: true, description: "address to listen on" },
  port: { type: "integer", min: 0, max: 65_535, default: 8080, setting: true, description: "port to listen on; 0 picks a free one" },
  socket: { type: "text", value: "FILE", setting: true, description: "unix socket to listen on instead" },
  tlsCert: { type: "text", value: "FILE", setting: true, completes: "file", description: "certificate chain, PEM" },
  tlsKey: { type: "text", value: "FILE", setting: true, completes: "file", description: "private key, PEM" },
  keysFile: { type: "text", value: "FILE", setting: true, completes: "file", description: "API keys" },
  insecure: { type: "flag", setting: true, description: "allow an address beyond loopback without keys" },
  pool: { type: "integer", min: 0, max: 64, default: 1, setting: true, description: "encoder processes; 0 encodes in the server itself" },
  maxBatch: { type: "integer", min: 1, max: 1024, default: 32, setting: true, description: "images encoded at once" },
  maxQueueDelay: {
    type: "number",
    min: 0,
    max: 10_000,
    default: 0,
    setting: true,
    description: "longest wait for a batch to fill, milliseconds",
  },
  maxQueue: { type: "integer", min: 1, max: 1_000_000, default: 512, setting: true, description: "images that may wait; more get 429" },
  maxImageBytes: { type: "size", min: 1024, max: 2 ** 30, default: "16MiB", setting: true, description: "largest image file" },
  maxImages: { type: "integer", min: 1, max: 4096, default: 64, setting: true, description: "images in one request" },
  requestTimeout: { type: "integer", min: 1, max: 3600, default: 30, setting: true, description: "seconds for a request" },
  rate: {
    type: "integer",
    min: 0,
    max: 1_000_000,
    default: 0,
    setting: true,
    description: "requests a minute for each address; 0 for no limit",
  },
  auditLog: { type: "text", value: "FILE", setting: true, completes: "file", description: "write every answer to a hash-chained log" },
  trace: {
    type: "flag",
    setting: true,
    description: "a span for every request, through the OpenTelemetry SDK that node --import loads",
  },
  logLevel: {
    type: "choice",
    choices: ["silent", "error", "warn", "info", "debug"],
    default: "info",
    setting: true,
    description: "JSON log lines on stdout",
  },
} as const satisfies OptionSpecs;

export const serve = defineCommand({
  name: "serve",
  summary: "answer over HTTP: Open Inference Protocol v2, /v1/classify, /v1/embeddings",
  description: [
    "Listens on 127.0.0.1 unless --host names another address, which then needs API keys (--keys-file). Images are never stored and no address in a request is fetched. The documents are at /docs, the machine-readable ones at /openapi.json.",
    "A keys file is a JSON list of {name, sha256, scopes}: sha256 is that of the key itself (printf %s KEY | sha256sum), scopes are infer and admin.",
    "SIGTERM ends it in order: not ready at once, requests in flight are answered, then exit code 0.",
  ],
  aboutImages: true,
  options: SERVE_OPTIONS,
  examples: [
    { command: "biovlm serve --dataset busi", shows: "the embedded model with a known data set's sentences, on this machine" },
    {
      command: "biovlm serve --model biomedclip --bank bank.safetensors --host 0.0.0.0 --keys-file keys.json",
      shows: "a learned bank, for others",
    },
  ],
});

export const auditVerify = defineCommand({
  name: "audit verify",
  summary: "check that a server's audit log was not changed",
  arguments: [{ name: "file", description: "the log", completes: "file" }],
  options: {},
});
