// What gRPC holds of messages that are still coming: counted piece by piece against the same budget as HTTP's bodies, and hardly anything of callers
// without a key. The library gathers a message whole before anyone is asked about it, and has no word for how much of it has come.

import type { Readable } from "node:stream";
import type { Metadata, ServerInterceptor } from "@grpc/grpc-js";
import { ServerError } from "../errors.js";
import type { CallBounds } from "../lifecycle/bytes-in-flight.js";

type Library = typeof import("@grpc/grpc-js");

/** Of a caller without a key: what asks for health and names fits well. */
const MAX_UNKNOWN_BYTES = 4096;
/** Bytes that one of a message costs: its pieces, the message of them, and the body that it becomes. */
const COST = 3;
const CREDENTIALS = ["authorization", "x-api-key"] as const;

/** The headers of a call that a key may stand in. */
export function credentialsIn(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(
    CREDENTIALS.flatMap((name) => {
      const [value] = metadata.get(name);
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}

/** Ends a call whose message does not fit while it comes: RESOURCE_EXHAUSTED, or UNAUTHENTICATED without a key. */
export function boundedCalls(grpc: Library, { bytes, knows }: CallBounds): ServerInterceptor {
  return (_, call) => {
    const owner = {};
    let known = false;
    let length = 0;
    // no public name leads to it; grpc.test.ts fails where the library calls it something else
    const stream = Reflect.get(call, "stream") as Readable | undefined;
    const take = (piece: Uint8Array) => {
      length += piece.length;
      try {
        if (known) bytes.hold(owner, piece.length, COST);
        else if (length > MAX_UNKNOWN_BYTES)
          throw new ServerError("unauthorized", "API key — expected one before a message of such a size, got none that is known. Send it.");
      } catch (error) {
        release();
        const { code, message } = error as ServerError;
        const metadata = new grpc.Metadata();
        metadata.set("biovlm-code", code);
        const status = code === "unauthorized" ? grpc.status.UNAUTHENTICATED : grpc.status.RESOURCE_EXHAUSTED;
        // what still comes is thrown away from here on
        call.sendStatus({ code: status, details: message, metadata });
      }
    };
    const release = () => {
      stream?.off("data", take);
      bytes.release(owner);
    };
    stream?.on("data", take);
    // whole: what is held from now on is the request's own
    stream?.once("end", release).once("close", release);
    return new grpc.ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, pass) {
            known = knows(credentialsIn(metadata));
            pass(metadata);
          },
        }),
    });
  };
}
