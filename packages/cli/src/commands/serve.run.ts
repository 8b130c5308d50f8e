// `biovlm serve`: models and banks over HTTP, and the check of the server's audit log.
// The work alone: what it is asked for by is serve.ts.

import { resolve } from "node:path";
import {
  collectLessOften,
  createEngine,
  deferredEngine,
  type EngineOptions,
  ignoreDebugSignal,
  isFolder,
  mainThreadFirst,
  type ServedEntry,
} from "@biovlm/engine";
import { compileBank, writeBank } from "@biovlm/model";
import {
  type AuditLog,
  auditingEngine,
  auditKey,
  createLogger,
  createMetrics,
  createServer,
  type Drain,
  drainable,
  listen,
  openAuditLog,
  pageFiles,
  parseKeys,
  type ServingOptions,
  servingOptions,
  traceRequests,
  verifyAuditLog,
} from "@biovlm/server";
import { checkClassOptions, chooseBank } from "../class-choice.js";
import type { CommandRun, OptionValues } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { readInput, readInputText } from "../input-file.js";
import { openRuntime } from "../opening.js";
import { builtPageFolder } from "../page-server.js";
import { printable } from "../terminal.js";
import { version } from "../version.js";
import type { AUDIT_OPTIONS, SERVE_OPTIONS } from "./serve.js";

const MiB = 2 ** 20;

type Options = OptionValues<typeof SERVE_OPTIONS>;

export const serveModels: CommandRun<typeof SERVE_OPTIONS> = async ({ terminal, signal, cwd, endsWithin, onHangup }, options) => {
  onHangup(() => {});
  const named =
    options.class.length > 0 || options.classesFile !== undefined || options.dataset !== undefined || options.bank !== undefined;
  if (named) checkClassOptions(options);
  collectLessOften();
  ignoreDebugSignal();
  await mainThreadFirst();
  const keys = options.keysFile === undefined ? [] : parseKeys(await readInputText(cwd, options.keysFile, MiB));
  const serving = servingFrom(options, cwd);
  endsWithin(serving.drainDelayMs + serving.drainMs + 5000);
  const metrics = createMetrics();
  const { engine: plain, open } = deferredEngine(async (say) => {
    say("embedding the class texts");
    const bytes = named ? await bankBytes(options, cwd) : undefined;
    say("opening the model");
    return createEngine({ ...engineFrom(options), serve: [served(options, cwd, bytes)], observer: metrics.observer });
  });
  const engine = options.auditLog === undefined ? plain : auditingEngine(plain, await openLog(options, options.auditLog, cwd));
  let stop: Drain["drain"] = async () => {};
  const page = builtPageFolder();
  const app = await createServer({
    engine,
    ...(page === undefined ? {} : { page: await pageFiles(page) }),
    options: serving,
    version: version(),
    keys,
    metrics,
    logger: createLogger(options.logLevel),
    async prepare(app) {
      stop = drainable(app, engine, serving).drain;
      if (options.trace) await traceRequests(app);
    },
  });
  const where = await listen(app, serving);
  terminal.note(`listening on ${printable(where)}; warming up …`);
  try {
    // a device, bank or model that cannot open ends the server
    await Promise.race([open(), aborted(signal)]);
  } catch (error) {
    await stop({ atOnce: true });
    throw error;
  }
  if (!signal.aborted) {
    const bare = named ? "" : " (embeddings only; start with --bank, --dataset or --class, or upload a bank)";
    terminal.note(`ready: ${servedName(options)}${bare}`);
  }
  await aborted(signal);
  // who pressed Ctrl-C is no balancer
  await stop({ atOnce: signal.reason === "SIGINT" });
  return EXIT.ok;
};

/** How it listens and what it takes. */
function servingFrom(options: Options, cwd: string): ServingOptions {
  const path = (given: string | undefined) => (given === undefined ? undefined : resolve(cwd, given));
  return servingOptions({ ...options, socket: path(options.socket), tlsCert: path(options.tlsCert), tlsKey: path(options.tlsKey) });
}

/** Where it computes, and how many images meet or wait. */
function engineFrom({ threads, deterministic, ...options }: Options): Omit<EngineOptions, "serve" | "observer"> {
  const { device, precision, maxCacheBytes, pool, maxBatch, maxQueueDelayMs, maxQueue, maxImageBytes, maxPixels } = options;
  return {
    ...{ device, precision, maxCacheBytes, pool, maxBatch, maxQueueDelayMs, maxQueue, maxImageBytes, maxPixels },
    ...(threads === undefined ? {} : { threads }),
    ...(deterministic ? { deterministic } : {}),
  };
}

function servedName({ name, model }: Options): string {
  return name ?? (isFolder(model) ? "model" : model);
}

/** The one served name, with its bank where there is one. */
function served(options: Options, cwd: string, bytes: Uint8Array | undefined): ServedEntry {
  const model = isFolder(options.model) ? resolve(cwd, options.model) : options.model;
  return { name: servedName(options), model, ...(bytes === undefined ? {} : { bank: { name: "default", bytes } }) };
}

async function bankBytes(options: Options, cwd: string): Promise<Uint8Array> {
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

async function openLog({ auditKeyFile }: Options, path: string, cwd: string): Promise<AuditLog> {
  return openAuditLog(resolve(cwd, path), { key: await keyOf(auditKeyFile, cwd) });
}

async function keyOf(file: string | undefined, cwd: string): Promise<Uint8Array | undefined> {
  return file === undefined ? undefined : auditKey(await readInput(cwd, file, 8192));
}

export const verifyLog: CommandRun<typeof AUDIT_OPTIONS> = async ({ terminal, cwd }, { head, auditKeyFile }, files) => {
  if (files.length === 0) throw usageError("bad_usage", "audit verify — expected a file");
  if (head !== undefined && !/^[0-9a-f]{64}$/.test(head)) {
    throw usageError("bad_value", `--head — expected 64 hex digits, got ${JSON.stringify(head.slice(0, 70))}`);
  }
  const report = await verifyAuditLog(
    files.map((file) => resolve(cwd, file)),
    { key: await keyOf(auditKeyFile, cwd), head },
  );
  if (report.ok) {
    await terminal.line(`${report.lines} records, unbroken; head ${report.head}`);
    return EXIT.ok;
  }
  terminal.error(`error[integrity]: the log breaks at line ${report.brokenAt}: ${printable(report.reason ?? "it is not what it was")}`);
  return EXIT.integrity;
};

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
