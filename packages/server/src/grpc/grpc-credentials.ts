// How gRPC's connections are kept: in plain, or under the certificate that HTTP shows as well and that may be renewed while calls run.

import type { ServerCredentials } from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { readCertificate } from "../lifecycle/certificate.js";
import type { ServingOptions } from "../options.js";

type Library = typeof import("@grpc/grpc-js");

/** Credentials of an app's gRPC side; `renewCertificate` of the app renews them. @throws ServerError `bad_option` where TLS files are no pair */
export async function grpcCredentials(grpc: Library, app: FastifyInstance, options: ServingOptions): Promise<ServerCredentials> {
  const first = await readCertificate(options);
  if (first === undefined) return grpc.ServerCredentials.createInsecure();
  // the library's own ones never change
  class Renewed extends grpc.ServerCredentials {
    constructor() {
      super({}, { ...first });
      app.certificateTakers.add((renewed) => this.updateSecureContextOptions({ ...renewed }));
    }
    _equals(other: ServerCredentials): boolean {
      return this === other;
    }
  }
  return new Renewed();
}
