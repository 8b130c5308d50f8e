// What our routes add to Fastify's own types: who may call a route and which form its errors take; titles for the documents.

import type { Scope } from "./auth.js";
import type { CallBounds } from "./lifecycle/bytes-in-flight.js";
import type { CertificateTakers } from "./lifecycle/certificate.js";
import type { ErrorForm } from "./replies.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** absent: open to everyone */
    scope?: Scope;
    errors?: ErrorForm;
    /** what /openapi.json says of a body that the route itself reads and checks */
    documentedBody?: object;
    /** answered without a body as well, and /openapi.json says so */
    bodyOptional?: boolean;
    /** asked within this process alone: over HTTP there is no such path */
    inProcess?: boolean;
  }
  interface FastifyInstance {
    callBounds: CallBounds;
    certificateTakers: CertificateTakers;
  }
  interface FastifyRequest {
    /** name of the API key it came with */
    keyName: string | undefined;
    /** code of the error that it was answered with */
    errorCode: string | undefined;
  }
  interface FastifySchema {
    summary?: string;
    /** what generated clients call the operation */
    operationId?: string;
    tags?: readonly string[];
    hide?: boolean;
  }
}
