// Answers that are not taken. What was asked in a few bytes may be answered with many, and they are held until the client has read them: so they count
// with the bodies, and a connection whose reader is slower than any network ends.

import type { FastifyInstance } from "fastify";
import type {} from "../fastify-types.js";
import type { BytesInFlight } from "./bytes-in-flight.js";

/** Smaller ones fit the buffers of a connection. */
const SMALL_BYTES = 64 * 1024;
/** What a reader takes at least, beside the time that any answer has. */
const BYTES_PER_SECOND = 16 * 1024;

/**
 * Holds what answers of an app take until they are read; where there is no room a large one becomes `overloaded` (429). Routes that need no key give the
 * same to everyone, and count for nobody.
 * @param patienceMs time that any answer has, milliseconds
 */
export function boundAnswers(app: FastifyInstance, bytes: BytesInFlight, patienceMs: number, bytesPerSecond = BYTES_PER_SECOND): void {
  app.addHook("onSend", async (request, reply, payload) => {
    const { raw } = reply;
    const length = typeof payload === "string" ? Buffer.byteLength(payload) : payload instanceof Uint8Array ? payload.length : 0;
    if (length < SMALL_BYTES || raw.destroyed) return payload;
    const late = setTimeout(() => request.raw.socket.destroy(), patienceMs + (length / bytesPerSecond) * 1000);
    late.unref();
    raw.once("close", () => {
      clearTimeout(late);
      bytes.end(request);
    });
    if (request.routeOptions.config.scope === undefined) return payload;
    try {
      bytes.hold(request, length);
    } catch (error) {
      clearTimeout(late);
      // of the answer that is not sent
      reply.removeHeader("inference-header-content-length");
      throw error;
    }
    return payload;
  });
}
