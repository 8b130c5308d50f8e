// Requests that Node's parser does not make one of: headers beyond their limit, too slow, or no HTTP. No route or hook sees them, so they are answered
// here, in the form of other problems and without a word of what came, and their connection ends.

import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { systemCode } from "@biovlm/files/node";
import { ServerError } from "../errors.js";
import type { Problem } from "../schemas/answer.js";

function problemOf(code: string): ServerError {
  if (code === "HPE_HEADER_OVERFLOW")
    return new ServerError(
      "headers_too_large",
      "request — expected headers and path of at most 16 KiB, got more. Send what is long in a body.",
    );
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new ServerError("deadline_exceeded", "request — expected to come whole in time, got a part of it. Send it again.");
  return new ServerError(
    "bad_request",
    "request — expected HTTP/1.1, got bytes that cannot be read as it. Check the client, or the proxy before this server.",
  );
}

/** For Fastify's `clientErrorHandler`. */
export function answerUnread(error: Error, socket: Socket): void {
  if (systemCode(error) === "ECONNRESET" || socket.destroyed) return;
  const { code, status, message: detail } = problemOf(systemCode(error));
  const problem: Problem = { type: `urn:biovlm:error:${code}`, title: code.replaceAll("_", " "), status, detail, code };
  const body = JSON.stringify(problem);
  // an answer that has begun cannot be taken back; Node's own handler looks at the same
  const begun = (Reflect.get(socket, "_httpMessage") as ServerResponse | null | undefined)?.headersSent === true;
  if (socket.writable && !begun) {
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      "content-type: application/problem+json; charset=utf-8",
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}
