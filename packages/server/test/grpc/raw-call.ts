// A call of gRPC without its library: messages that no client would send, and the status that comes back.

import type { ClientHttp2Session } from "node:http2";

/** A message with its head of five bytes. */
export function framed(bytes: Buffer, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Sends bytes to a method, and waits for its status; NaN where none came. */
export function statusOf(
  session: ClientHttp2Session,
  path: string,
  sent: Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  return new Promise((done) => {
    const call = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
    let status: unknown;
    const heard = (said: object) => {
      status = Reflect.get(said, "grpc-status") ?? status;
    };
    call
      .on("response", heard)
      .on("trailers", heard)
      .on("error", () => {})
      .on("close", () => done(Number(status)))
      .resume();
    call.end(sent);
  });
}
