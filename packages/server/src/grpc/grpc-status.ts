// An error as a call of gRPC ends with it.

import type { Metadata, status } from "@grpc/grpc-js";
import { serverError } from "../replies.js";

type Library = typeof import("@grpc/grpc-js");

/** HTTP status → gRPC's. What is not here is a fault of ours. */
const CODES: Readonly<Record<number, keyof typeof status>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "INVALID_ARGUMENT",
  408: "DEADLINE_EXCEEDED",
  409: "FAILED_PRECONDITION",
  413: "RESOURCE_EXHAUSTED",
  415: "INVALID_ARGUMENT",
  422: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  503: "UNAVAILABLE",
  507: "RESOURCE_EXHAUSTED",
};

/** An error as a call ends with it: gRPC's code, the words, and our code as a trailer. */
export function statusOf(grpc: Library, error: unknown): { code: status; details: string; metadata: Metadata } {
  const { status: http, message, code, retryAfter } = serverError(error);
  const metadata = new grpc.Metadata();
  metadata.set("biovlm-code", code);
  if (retryAfter !== undefined) metadata.set("retry-after", String(Math.ceil(retryAfter)));
  return { code: grpc.status[CODES[http] ?? "INTERNAL"], details: message, metadata };
}

/** The same of a message that cannot be inflated: gRPC has a word of its own for an encoding that is not taken. */
export function messageStatus(grpc: Library, error: unknown): ReturnType<typeof statusOf> {
  const ended = statusOf(grpc, error);
  return ended.metadata.get("biovlm-code")[0] === "unsupported_media_type" ? { ...ended, code: grpc.status.UNIMPLEMENTED } : ended;
}
