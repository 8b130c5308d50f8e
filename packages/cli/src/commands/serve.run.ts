// `biovlm serve`: models and banks over HTTP, and the check of the server's audit log.
// The work alone: what it is asked for by is serve.ts.

import { resolve } from "node:path";
import * as engines from "@biovlm/engine";
import { compileBank, writeBank } from "@biovlm/model";
import * as server from "@biovlm/server";
import { verifyAuditLog } from "@biovlm/server";
import { checkClassOptions, chooseBank } from "../class-choice.js";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { readInput, readInputText } from "../input-file.js";
import { openRuntime } from "../opening.js";
import { builtPageFolder } from "../page-server.js";
import { printable } from "../terminal.js";
import { version } from "../version.js";
import type { SERVE_OPTIONS } from "./serve.js";

export const serveModels: CommandRun<typeof SERVE_OPTIONS> = async ({ terminal, signal, cwd }, options) => {
  const named =
    options.class.length > 0 || options.classesFile !== undefined || options.dataset !== undefined || options.bank !== undefined;
  if (named) checkClassOptions(options);
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
    const runtime = await openRuntime(options, cwd);
    try {
      const { bank, classes } = await chooseBank(options, runtime, cwd);
      return writeBank(classes === undefined ? bank : await compileBank(runtime, bank, classes));
    } finally {
      await runtime.close();
    }
  }
};

export const verifyLog: CommandRun<Record<never, never>> = async ({ terminal, cwd }, _options, [file = ""]) => {
  if (file === "") throw usageError("bad_usage", "audit verify — expected a file");
  const report = await verifyAuditLog(resolve(cwd, file));
  if (report.ok) {
    await terminal.line(`${report.lines} records, unbroken; head ${report.head}`);
    return EXIT.ok;
  }
  terminal.error(`error[integrity]: the log breaks at line ${report.brokenAt}: ${printable(report.reason ?? "it is not what it was")}`);
  return EXIT.integrity;
};

const MiB = 2 ** 20;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
