// `biovlm serve`: models and banks over HTTP, and the check of the server's audit log.

import { resolve } from "node:path";
import { CLASS_OPTIONS, checkClassOptions, chooseBank } from "../class-choice.js";
import { defineCommand } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { readInput, readInputText } from "../input-file.js";
import { openRuntime, RUNTIME_OPTIONS } from "../opening.js";
import { builtPageFolder } from "../page-server.js";
import { printable } from "../terminal.js";
import { version } from "../version.js";

const MiB = 2 ** 20;

export const serve = defineCommand({
  name: "serve",
  summary: "answer over HTTP: Open Inference Protocol v2, /v1/classify, /v1/embeddings",
  description: [
    "Listens on 127.0.0.1 unless --host names another address, which then needs API keys (--keys-file). Images are never stored and no address in a request is fetched. The documents are at /docs, the machine-readable ones at /openapi.json.",
    "A keys file is a JSON list of {name, sha256, scopes}: sha256 is that of the key itself (printf %s KEY | sha256sum), scopes are infer and admin.",
    "SIGTERM ends it in order: not ready at once, requests in flight are answered, then exit code 0.",
  ],
  aboutImages: true,
  options: {
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
  },
  examples: [
    { command: "biovlm serve --dataset busi", shows: "the embedded model with a known data set's sentences, on this machine" },
    {
      command: "biovlm serve --model biomedclip --bank bank.safetensors --host 0.0.0.0 --keys-file keys.json",
      shows: "a learned bank, for others",
    },
  ],
  async run({ terminal, signal, cwd }, options) {
    const named =
      options.class.length > 0 || options.classesFile !== undefined || options.dataset !== undefined || options.bank !== undefined;
    if (named) await checkClassOptions(options);
    const [server, engines] = await Promise.all([import("@biovlm/server"), import("@biovlm/engine")]);
    engines.collectLessOften();
    await engines.mainThreadFirst();
    const keys = options.keysFile === undefined ? [] : server.parseKeys(await readInputText(cwd, options.keysFile, MiB));
    const serving = server.servingOptions({
      host: options.host,
      port: options.port,
      socket: options.socket === undefined ? undefined : resolve(cwd, options.socket),
      tlsCert: options.tlsCert === undefined ? undefined : resolve(cwd, options.tlsCert),
      tlsKey: options.tlsKey === undefined ? undefined : resolve(cwd, options.tlsKey),
      insecure: options.insecure,
      maxImageBytes: options.maxImageBytes,
      maxImages: options.maxImages,
      maxBodyBytes: Math.min(2 ** 31, options.maxImageBytes * 4 + MiB),
      requestTimeoutMs: options.requestTimeout * 1000,
      ratePerMinute: options.rate,
    });
    const bytes = named ? await bankBytes() : undefined;
    const folder = engines.isFolder(options.model);
    const name = options.name ?? (folder ? "model" : options.model);
    const metrics = server.createMetrics();
    const { engine: plain, ready } = await engines.createEngine({
      serve: [
        {
          name,
          model: folder ? resolve(cwd, options.model) : options.model,
          ...(bytes === undefined ? {} : { bank: { name: "default", bytes } }),
        },
      ],
      device: options.device as "auto",
      precision: options.precision as "fp32",
      pool: options.pool,
      maxBatch: options.maxBatch,
      maxQueueDelayMs: options.maxQueueDelay,
      maxQueue: options.maxQueue,
      maxImageBytes: options.maxImageBytes,
      observer: metrics.observer,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      ...(options.deterministic ? { deterministic: true } : {}),
    });
    const engine =
      options.auditLog === undefined ? plain : server.auditingEngine(plain, await server.openAuditLog(resolve(cwd, options.auditLog)));
    const logger = server.createLogger(options.logLevel as "info");
    let stop = async () => {};
    const page = builtPageFolder();
    const app = await server.createServer({
      engine,
      ...(page === undefined ? {} : { page: await server.pageFiles(page) }),
      options: serving,
      version: version(),
      keys,
      metrics,
      logger,
      async prepare(app) {
        const { drain } = server.drainable(app, engine, serving.drainMs);
        stop = drain;
        if (options.trace) await server.traceRequests(app);
      },
    });
    const where = await server.listen(app, serving);
    terminal.note(`listening on ${printable(where)}; warming up …`);
    // a device or model that cannot open ends the server, before anyone relies on it
    await Promise.race([ready, aborted(signal)]);
    if (!signal.aborted)
      terminal.note(
        `ready: ${name}${bytes === undefined ? " (embeddings only; upload a bank, or start with --bank, --dataset or --class)" : ""}`,
      );
    await aborted(signal);
    await stop();
    return EXIT.ok;

    async function bankBytes(): Promise<Uint8Array> {
      if (options.bank !== undefined && options.class.length === 0 && options.classesFile === undefined && options.dataset === undefined) {
        return readInput(cwd, options.bank, 512 * MiB);
      }
      const { compileBank, writeBank } = await import("@biovlm/model");
      const runtime = await openRuntime(options, cwd);
      try {
        const { bank, classes } = await chooseBank(options, runtime, cwd);
        return writeBank(classes === undefined ? bank : await compileBank(runtime, bank, classes));
      } finally {
        await runtime.close();
      }
    }
  },
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

export const auditVerify = defineCommand({
  name: "audit verify",
  summary: "check that a server's audit log was not changed",
  arguments: [{ name: "file", description: "the log", completes: "file" }],
  options: {},
  async run({ terminal, cwd }, _options, [file = ""]) {
    if (file === "") throw usageError("bad_usage", "audit verify — expected a file");
    const { verifyAuditLog } = await import("@biovlm/server");
    const report = await verifyAuditLog(resolve(cwd, file));
    if (report.ok) {
      await terminal.line(`${report.lines} records, unbroken; head ${report.head}`);
      return EXIT.ok;
    }
    terminal.error(`error[integrity]: the log breaks at line ${report.brokenAt}: ${printable(report.reason ?? "it is not what it was")}`);
    return EXIT.integrity;
  },
});
