// Listening: an address, or a unix socket that only its owner can use.

import { lookup } from "node:dns/promises";
import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { systemCode } from "@biovlm/files/node";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import type { ServingOptions } from "../options.js";

/** longest path of a unix socket that the system takes whole */
const SOCKET_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/** Listens and says where: "http://127.0.0.1:8080" or "unix:/run/biovlm.sock". @throws ServerError `port_in_use`, `bad_address`, `conflict` where another server answers */
export async function listen(app: FastifyInstance, { host, port, socket }: ServingOptions): Promise<string> {
  if (socket === undefined) {
    const said = await ownAddress(host)
      .then((address) => app.listen({ host: address, port, backlog: 511 }))
      .catch((error: unknown) => {
        throw addressError(error, port);
      });
    // Fastify names loopback for "every address", as if nobody else could ask
    if (host !== "0.0.0.0" && host !== "::") return said;
    const at = new URL(said);
    return `${at.protocol}//${host === "::" ? "[::]" : host}:${at.port}`;
  }
  // the system cuts a longer one without a word, and listens elsewhere
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES) {
    throw new ServerError(
      "bad_address",
      `unix socket — expected a path of at most ${SOCKET_PATH_BYTES} bytes, got ${Buffer.byteLength(socket)}. Name a shorter one.`,
    );
  }
  const folder = await lstat(dirname(socket)).catch(() => undefined);
  if (folder === undefined) throw new ServerError("bad_address", "unix socket — expected a folder that is there, got none. Make it first.");
  await clearStale(socket);
  // nobody else's from the first moment on
  const before = process.umask(0o177);
  try {
    await app.listen({ path: socket });
  } finally {
    process.umask(before);
  }
  return `unix:${socket}`;
}

/**
 * The one address of "localhost", of version 4 where it has one. Given the name, Fastify opens a second server for its other address, which has none of
 * the first's limits, renewed certificates and draining.
 */
async function ownAddress(host: string): Promise<string> {
  if (host !== "localhost") return host;
  const found = await lookup(host, { all: true });
  return (found.find(({ family }) => family === 4) ?? found[0])?.address ?? host;
}

/** What the system says of an address, in words for who named it with these flags; any other error as it is. */
export function addressError(error: unknown, port: number, flags = { port: "port", host: "host" }): unknown {
  const options = { cause: error };
  switch (addressCode(error)) {
    case "EADDRINUSE":
      return new ServerError(
        "port_in_use",
        `port ${port} — expected a free one, got one in use. Name another with --${flags.port}, or 0 for any.`,
        options,
      );
    case "EACCES":
      return new ServerError(
        "bad_address",
        `port ${port} — expected one that this user may take, got a privileged one. Name one from 1024 on with --${flags.port}.`,
        options,
      );
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EINVAL":
      return new ServerError("bad_address", `host — expected an address of this machine, got another. Correct --${flags.host}.`, options);
    default:
      return error;
  }
}

/** The system's code. gRPC's library tells its words alone: of an address "listen EACCES: …", of a name that it did not find, "Name resolution failed …". */
function addressCode(error: unknown): string {
  const code = systemCode(error);
  if (code !== "" || !(error instanceof Error)) return code;
  const { 1: told } = /\b(?:listen|getaddrinfo) (E[A-Z_]+)\b/.exec(error.message) ?? [];
  return told ?? (/^Name resolution failed|^No addresses resolved/.test(error.message) ? "ENOTFOUND" : "");
}

/** Removes a socket that a killed server left. Anything that is no socket, or that answers, stays. */
async function clearStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket())
    throw new ServerError("conflict", "unix socket — expected a free path or a socket, got another kind of file. Name another path.");
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (answers) throw new ServerError("conflict", "unix socket — expected a free path, got one where a server answers. Name another path.");
  await unlink(path);
}
