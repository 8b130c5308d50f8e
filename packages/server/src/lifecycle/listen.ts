// Listening: an address, or a unix socket that only its owner can use.

import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import type { ServingOptions } from "../options.js";

/** Listens and says where: "http://127.0.0.1:8080" or "unix:/run/biovlm.sock". @throws ServerError `conflict` where another server answers */
export async function listen(app: FastifyInstance, { host, port, socket }: ServingOptions): Promise<string> {
  if (socket === undefined) return app.listen({ host, port, backlog: 511 });
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
