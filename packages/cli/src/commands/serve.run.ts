// `biovlm serve`: models and banks over HTTP, and the check of the server's audit log.
// The work alone: what it is asked for by is serve.ts.

import { resolve } from "node:path";
import { collectLessOften, ignoreDebugSignal, mainThreadFirst } from "@biovlm/engine";
import { counted } from "@biovlm/files";
import {
  type AuditLog,
  auditingEngine,
  auditKey,
  createLogger,
  createMetrics,
  createServer,
  type Drain,
  drainable,
  grpcServer,
  listen,
  listenForMetrics,
  loggedModels,
  logOutput,
  openAuditLog,
  pageFiles,
  refusalsLogged,
  type ServingOptions,
  servingOptions,
  traceRequests,
  verifyAuditLog,
  watchRenewables,
} from "@biovlm/server";
import type { CommandRun } from "../command.js";
import { usageError } from "../errors.js";
import { EXIT } from "../exit-codes.js";
import { readInput } from "../input-file.js";
import { builtPageFolder } from "../page-server.js";
import { type ServeOptions, servedEngine, servedNames } from "../served-engine.js";
import { type Renewed, readKeys, renewablesOf } from "../served-renewals.js";
import { tellManager } from "../service-manager.js";
import { printable } from "../terminal.js";
import { version } from "../version.js";
import type { AUDIT_OPTIONS, SERVE_OPTIONS } from "./serve.js";

export const serveModels: CommandRun<typeof SERVE_OPTIONS> = async (context, options) => {
  const { terminal, signal, cwd, env, endsWithin, onHangup } = context;
  let hangUp = () => {};
  onHangup(() => hangUp());
  const names = servedNames(options, cwd);
  collectLessOften();
  ignoreDebugSignal();
  await mainThreadFirst();
  const serving = servingFrom(options, cwd);
  endsWithin(serving.drainDelayMs + serving.drainMs + 5000);
  const renewed: Renewed = { keys: [] };
  const watching = await watchRenewables(renewablesOf(names, options, serving, cwd, renewed));
  renewed.keys = await readKeys(options, cwd);
  const metrics = createMetrics();
  const output = logOutput();
  metrics.linesLost(() => output.lost);
  const logger = createLogger(options.logLevel, output);
  const observer = refusalsLogged(loggedModels(metrics.observer, logger), logger);
  const { engine: plain, open } = await servedEngine(names, options, serving, observer);
  const engine = options.auditLog === undefined ? plain : auditingEngine(plain, await openLog(options, options.auditLog, cwd));
  let stop: Drain["drain"] = async () => {};
  const page = builtPageFolder();
  const app = await createServer({
    engine,
    ...(page === undefined ? {} : { page: await pageFiles(page) }),
    options: serving,
    version: version(),
    keys: () => renewed.keys,
    metrics,
    logger,
    async prepare(app) {
      stop = drainable(app, engine, serving).drain;
      if (options.trace) await traceRequests(app);
    },
  });
  const scraped = await listenForMetrics(metrics, serving);
  const grpc = serving.grpcPort === undefined ? undefined : await grpcServer(app, serving);
  const where = [await listen(app, serving), ...(grpc === undefined ? [] : [await grpc.listen()])].join(" and ");
  if (scraped !== undefined) terminal.note(`metrics at ${scraped.where}`);
  terminal.note(`listening on ${printable(where)}; warming up …`);
  const opened = open();
  Object.assign(renewed, { app, engine: opened.then(() => engine) });
  renewed.engine?.catch(() => {});
  const reloads = watching({ metrics, logger });
  hangUp = () => void reloads.reload();
  try {
    // a device, bank or model that cannot open ends the server
    await Promise.race([opened, aborted(signal)]);
    if (!signal.aborted) {
      const bare = names.some(({ bank, banks = [] }) => bank !== undefined || banks.length > 0)
        ? ""
        : " (embeddings only; start with --bank, --dataset or --class, or upload a bank)";
      terminal.note(`ready: ${names.map(({ name }) => name).join(", ")}${bare}`);
      await tellManager("ready", env, terminal.warn);
    }
    await aborted(signal);
    return EXIT.ok;
  } finally {
    reloads.stop();
    void tellManager("stopping", env, terminal.warn);
    // neither a failure to open nor a person's Ctrl-C has a balancer to tell
    await stop({ atOnce: signal.reason !== "SIGTERM" });
    await scraped?.close();
  }
};

/** How it listens and what it takes. */
function servingFrom(options: ServeOptions, cwd: string): ServingOptions {
  const path = (given: string | undefined) => (given === undefined ? undefined : resolve(cwd, given));
  const { socket, tlsCert, tlsKey, banksDir } = options;
  const paths = { socket: path(socket), tlsCert: path(tlsCert), tlsKey: path(tlsKey), banksDir: path(banksDir) };
  return servingOptions({ ...options, ...paths });
}

async function openLog({ auditKeyFile }: ServeOptions, path: string, cwd: string): Promise<AuditLog> {
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
    await terminal.line(`${counted(report.lines, "record")}, unbroken; head ${report.head}`);
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
