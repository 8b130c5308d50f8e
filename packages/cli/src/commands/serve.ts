// `biovlm serve`: models and banks over HTTP, and the check of the server's audit log.

import { SERVING_LIMITS } from "@biovlm/engine/options";
import { SERVING_OPTIONS } from "@biovlm/server/options";
import { CLASS_OPTIONS, PREVALENCE_OPTION } from "../class-options.js";
import { defineCommand, type OptionSpecs } from "../command.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";
import { flagsOf } from "../schema-flags.js";

export const SERVE_OPTIONS = {
  name: { type: "text", value: "NAME", description: "name it is served under; the model's when absent" },
  ...CLASS_OPTIONS,
  bank: {
    ...CLASS_OPTIONS.bank,
    many: true,
    value: "[MODEL[/NAME]=]FILE",
    description: "a prompt bank, learned or compiled; of several models each with its MODEL, more than one of a model each with a NAME",
  },
  prevalence: PREVALENCE_OPTION,
  ...RUNTIME_OPTIONS,
  model: { ...RUNTIME_OPTIONS.model, many: true, value: "[NAME=]MODEL" },
  ...flagsOf(
    SERVING_OPTIONS,
    ["host", "port", "grpcPort", "socket", "tlsCert", "tlsKey", "banksDir", "insecure", "allowHost", "admin", "corsOrigin"],
    {
      corsOrigin: { value: "ORIGINS" },
      host: { value: "ADDRESS" },
      allowHost: { value: "NAMES" },
      socket: { value: "FILE" },
      banksDir: { value: "DIR", completes: "folder" },
      tlsCert: { value: "FILE", completes: "file" },
      tlsKey: { value: "FILE", completes: "file" },
    },
  ),
  keysFile: { type: "text", value: "FILE", setting: true, completes: "file", description: "API keys" },
  ...flagsOf(SERVING_LIMITS, [
    "pool",
    "maxBatch",
    "maxQueueDelayMs",
    "maxQueue",
    "maxModelBytes",
    "maxImageBytes",
    "maxPixels",
    "plane",
    "window",
    "range",
    "ultrasoundRegion",
  ]),
  ...flagsOf(
    SERVING_OPTIONS,
    [
      "maxImages",
      "maxFrames",
      "maxBodyBytes",
      "maxJsonBytes",
      "maxInFlightBytes",
      "requestTimeoutMs",
      "ratePerMinute",
      "authFailuresPerMinute",
      "trustProxy",
      "metricsPort",
      "metricsHost",
      "drainDelayMs",
      "drainMs",
    ],
    { trustProxy: { value: "NETWORKS" }, metricsHost: { value: "ADDRESS" } },
  ),
  auditLog: { type: "text", value: "FILE", setting: true, completes: "file", description: "write every answer to a hash-chained log" },
  auditKeyFile: {
    type: "text",
    value: "FILE",
    setting: true,
    completes: "file",
    description: "key for the log's hashes: without it nobody can write the log anew",
  },
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
    "Listens on 127.0.0.1 unless --host names another address, which then needs API keys (--keys-file). Without keys it answers to addresses, localhost and --allow-host alone, never to another site's page, and its admin routes are closed unless --admin opens them. Images are never stored and no address in a request is fetched. The documents are at /docs, the machine-readable ones at /openapi.json.",
    "A keys file is a JSON list of {name, sha256, scopes}: sha256 is that of the key itself (printf %s KEY | sha256sum), scopes are infer and admin.",
    "SIGTERM ends it in order: not ready at once, new connections are still answered for --drain-delay-ms, so that balancers can look elsewhere first, then what is in flight is answered for up to --drain-ms, then exit code 0. Ctrl-C (SIGINT) leaves the first wait out.",
    "The keys file, the certificate and its key, and the files of --bank and --classes-file are read again when they change (they are looked at every two seconds) and at SIGHUP: a key that is gone is refused from then on, new connections get the new certificate, answers come from the new bank. A file that does not read or does not fit changes nothing; the log and /metrics say so.",
  ],
  aboutImages: true,
  options: SERVE_OPTIONS,
  examples: [
    { command: "biovlm serve --dataset busi", shows: "the embedded model with a known data set's sentences, on this machine" },
    {
      command: "biovlm serve --model tiny --model chest=./chest-model --bank chest=chest.safetensors --max-model-bytes 6GiB",
      shows: "two models, each by its name, as far as memory allows; see docs/deploy.md",
    },
    {
      command: "biovlm serve --model biomedclip --bank bank.safetensors --host 0.0.0.0 --keys-file keys.json",
      shows: "a learned bank, for others",
    },
  ],
});

export const AUDIT_OPTIONS = {
  head: { type: "text", value: "HASH", description: "a hash that was kept: it must be one of the log's" },
  auditKeyFile: { type: "text", value: "FILE", completes: "file", description: "the key that the log was written with" },
} as const satisfies OptionSpecs;

export const auditVerify = defineCommand({
  name: "audit verify",
  summary: "check that a server's audit log was not changed",
  description: [
    "Prints the number of records and the hash of the last one. Keep that hash elsewhere: --head shows later that no end was cut off and that the log was not written anew.",
  ],
  arguments: [
    { name: "file", description: "the log; of one that was rotated, its files from the oldest on", many: true, completes: "file" },
  ],
  options: AUDIT_OPTIONS,
});
