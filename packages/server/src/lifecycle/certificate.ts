// A server's certificate and key: read together, checked to be a pair, shown over HTTP and gRPC, and read again while it runs.

import { readFile } from "node:fs/promises";
import { createSecureContext, type Server as TlsServer } from "node:tls";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import type { ServingOptions } from "../options.js";

type TlsFiles = Pick<ServingOptions, "tlsCert" | "tlsKey">;

/** What new connections are shown. */
export interface Certificate {
  /** PEM, the chain */
  readonly cert: Buffer;
  /** PEM */
  readonly key: Buffer;
  readonly minVersion: "TLSv1.2";
}

/** Who else shows an app's certificate: each is told of a renewed one. */
export type CertificateTakers = Set<(renewed: Certificate) => void>;

/** The certificate, undefined where no files are named. @throws ServerError `bad_option` where its files cannot be read, or are no pair */
export async function readCertificate({ tlsCert, tlsKey }: TlsFiles): Promise<Certificate | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  try {
    const [cert, key] = await Promise.all([readFile(tlsCert), readFile(tlsKey)]);
    createSecureContext({ cert, key });
    return { cert, key, minVersion: "TLSv1.2" };
  } catch (cause) {
    const why = (cause as Error).message.split("\n")[0];
    throw new ServerError("bad_option", `TLS — expected a PEM certificate chain and its key, got: ${why}. Correct the two files.`, {
      cause,
    });
  }
}

/**
 * Reads the certificate's files again: new connections get it, over HTTP and gRPC; those that are open live on.
 * @throws ServerError `bad_option` as at the start; the old one is then still shown
 */
export async function renewCertificate(app: FastifyInstance, files: TlsFiles): Promise<void> {
  const renewed = await readCertificate(files);
  if (renewed === undefined) return;
  (app.server as unknown as TlsServer).setSecureContext(renewed);
  for (const take of app.certificateTakers) take(renewed);
}
