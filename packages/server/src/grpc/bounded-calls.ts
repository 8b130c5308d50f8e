// What gRPC holds of messages that are still coming: counted piece by piece against the same budget as HTTP's bodies, and hardly anything of callers
// without a key. The library would gather a message whole, in pieces and then joined, keep what it has of a call that is refused for as long as the
// client sends, and inflate whatever it is told to; so messages are gathered and inflated here, and a refused call's stream is reset.

import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { createGunzip, createInflate } from "node:zlib";
import type { Metadata, ServerInterceptingCall, ServerInterceptingCallInterface, ServerInterceptor, status } from "@grpc/grpc-js";
import { ServerError } from "../errors.js";
import { type CallBounds, tooLarge } from "../lifecycle/bytes-in-flight.js";
import { serverError } from "../replies.js";
import { GrowingBytes } from "./growing-bytes.js";

type Library = typeof import("@grpc/grpc-js");
/** What hears of a call, as the library has it. */
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];
type Method = Parameters<ServerInterceptor>[0];

/** Of a caller without a key: what asks for health and names fits well. */
const MAX_UNKNOWN_BYTES = 4096;
/** Of a call that is none for answers: names and settings. */
const MAX_SMALL_BYTES = 65_536;
/** Bytes that one of a message costs: itself, and the body that it becomes, which HTTP's routes hold beside their answer. */
const COST = 3;
/** Before a message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;
/** Messages of a stream that may come before one of them is answered. */
const MAX_AT_ONCE = 64;
const NO_ERROR = 0;
/** Of a message, and of all messages of a connection: what may be on its way while nothing of it was acknowledged. */
const WINDOW_BYTES = 1_048_576;
/** Longest frame: a frame each 16 KiB, as the protocol begins, is work for both ends. */
const FRAME_BYTES = 262_144;
const CREDENTIALS = ["authorization", "x-api-key"] as const;

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

/** The headers of a call that a key may stand in. */
export function credentialsIn(metadata: Metadata): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of CREDENTIALS) {
    const [value] = metadata.get(name);
    if (typeof value === "string") found[name] = value;
  }
  return found;
}

/** The messages of a call, gathered as they come. */
class CallMessages {
  private readonly limit: number;
  private readonly most: number;
  /** as far as it came in pieces */
  private prefix: Uint8Array = new Uint8Array(0);
  private message: GrowingBytes | undefined;
  private length = 0;

  /** @param limit most bytes of a message @param most messages that a piece may end; 1: that the call has */
  constructor(limit: number, most: number) {
    this.limit = limit;
    this.most = most;
  }

  /**
   * @param first most that is reserved for a length that is only a claim yet
   * @returns messages behind their prefixes that are whole now. @throws ServerError `payload_too_large`, `bad_request`
   */
  add(piece: Uint8Array, first: number | undefined): Buffer[] {
    const whole: Buffer[] = [];
    for (let rest = piece; rest.length > 0; ) {
      if (this.message === undefined) {
        if (this.prefix.length > 0) rest = Buffer.concat([this.prefix, rest]);
        if (rest.length < PREFIX_BYTES) {
          this.prefix = new Uint8Array(rest);
          return whole;
        }
        const declared = new DataView(rest.buffer, rest.byteOffset).getUint32(1);
        if (declared > this.limit) throw tooLarge(this.limit, declared);
        this.length = PREFIX_BYTES + declared;
        this.message = new GrowingBytes(this.length, first);
      }
      const missing = this.length - this.message.length;
      if (rest.length > missing && (this.most === 1 || missing === 0)) throw second();
      this.message.add(rest.length > missing ? rest.subarray(0, missing) : rest);
      rest = rest.subarray(missing);
      if (this.message.length < this.length) return whole;
      if (whole.push(this.message.bytes) > this.most) throw tooMany(this.most);
      if (this.most > 1) [this.message, this.prefix] = [undefined, new Uint8Array(0)];
    }
    return whole;
  }
}

function second(): ServerError {
  return new ServerError("bad_request", "call — expected one message, got bytes after it. Send one.");
}

function tooMany(most: number): ServerError {
  return new ServerError("bad_request", `call — expected at most ${most} messages at once, got more. Wait for the answers.`);
}

/** What a compressed message was. @param count hears of each piece before it is kept @throws ServerError */
async function inflated(message: Uint8Array, encoding: string, limit: number, count: (bytes: number) => void): Promise<Buffer> {
  if (encoding !== "gzip" && encoding !== "deflate") {
    throw new ServerError(
      "unsupported_media_type",
      "grpc-encoding — expected gzip, deflate or identity, got another. Send it uncompressed.",
    );
  }
  const inflater = encoding === "gzip" ? createGunzip() : createInflate();
  const out = new GrowingBytes(limit);
  inflater.end(message);
  try {
    for await (const piece of inflater as AsyncIterable<Buffer>) {
      if (out.length + piece.length > limit) throw tooLarge(limit, out.length + piece.length);
      count(piece.length);
      out.add(piece);
    }
  } catch (cause) {
    if (cause instanceof ServerError) throw cause;
    throw new ServerError(
      "bad_request",
      `message — expected ${encoding} as grpc-encoding says, got other or damaged bytes. Send it again.`,
      {
        cause,
      },
    );
  }
  return out.bytes;
}

/**
 * Room for a message to come without waiting for leave to go on: 64 KiB of all calls, as the protocol begins, is less than two images. It is no memory
 * of its own: what comes is counted, read and copied at once.
 */
function widen(session: Http2Session): void {
  session.settings({ initialWindowSize: WINDOW_BYTES, maxFrameSize: FRAME_BYTES });
  session.setLocalWindowSize(WINDOW_BYTES);
}

/** What the calls of a server share. */
interface Bounds extends CallBounds {
  readonly grpc: Library;
  /** most bytes of a message that asks for answers, as it is once inflated */
  readonly maxBytes: number;
  /** connections whose window is wide already */
  readonly widened: WeakSet<Http2Session>;
}

/** One call between the library's transport and its handler: both sides speak to it, without the layers that the library puts around an interceptor. */
class BoundedCall implements ServerInterceptingCallInterface, Listener {
  private readonly bounds: Bounds;
  private readonly limit: number;
  private readonly method: Method;
  private readonly call: ServerInterceptingCallInterface;
  private readonly stream: ServerHttp2Stream;
  private messages: CallMessages | undefined;
  private handler: Listener | undefined;
  private known = false;
  private came = 0;
  private left = false;

  constructor(bounds: Bounds, method: Method, call: ServerInterceptingCallInterface) {
    this.bounds = bounds;
    this.method = method;
    this.limit = method.path.endsWith("/ModelInfer") ? bounds.maxBytes : Math.min(bounds.maxBytes, MAX_SMALL_BYTES);
    this.messages = new CallMessages(this.limit, method.requestStream ? MAX_AT_ONCE : 1);
    this.call = call;
    // no public name leads to these three; grpc.test.ts fails where the library calls them something else
    this.stream = Reflect.get(call, "stream") as ServerHttp2Stream;
    Reflect.set(call, "decoder", { write: (piece: Uint8Array) => this.gather(piece) });
    Reflect.set(call, "decompressMessage", (whole: Buffer, encoding: string) => this.inflate(whole, encoding));
    this.stream.once("close", () => this.end());
    const { session } = this.stream;
    if (session !== undefined && !bounds.widened.has(session)) {
      bounds.widened.add(session);
      widen(session);
    }
  }

  start(handler: Listener): void {
    this.handler = handler;
    this.call.start(this);
  }
  onReceiveMetadata(metadata: Metadata): void {
    this.known = this.bounds.knows(credentialsIn(metadata));
    this.handler?.onReceiveMetadata(metadata);
  }
  onReceiveMessage(message: unknown): void {
    this.handler?.onReceiveMessage(message);
  }
  onReceiveHalfClose(): void {
    // what is held from now on is the request's own
    this.release();
    this.handler?.onReceiveHalfClose();
  }
  onCancel(): void {
    // a stream's status is on its way: a reset would overtake it
    if (this.method.requestStream) setImmediate(() => this.end());
    else this.end();
    this.handler?.onCancel();
  }

  sendMessage(message: unknown, sent: () => void): void {
    const streams = this.method.responseStream;
    this.call.sendMessage(message, streams ? sent : () => {});
    // the library sends the status once the message is written; what follows is known already
    if (!streams) sent();
  }
  sendMetadata(metadata: Metadata): void {
    this.call.sendMetadata(metadata);
  }
  sendStatus(ended: Parameters<ServerInterceptingCallInterface["sendStatus"]>[0]): void {
    this.call.sendStatus(ended);
  }
  startRead(): void {
    this.call.startRead();
  }
  getPeer(): string {
    return this.call.getPeer();
  }
  getDeadline(): ReturnType<ServerInterceptingCallInterface["getDeadline"]> {
    return this.call.getDeadline();
  }
  getHost(): string {
    return this.call.getHost();
  }
  getAuthContext(): ReturnType<ServerInterceptingCallInterface["getAuthContext"]> {
    return this.call.getAuthContext();
  }
  getConnectionInfo(): ReturnType<ServerInterceptingCallInterface["getConnectionInfo"]> {
    return this.call.getConnectionInfo();
  }
  getMetricsRecorder(): ReturnType<ServerInterceptingCallInterface["getMetricsRecorder"]> {
    return this.call.getMetricsRecorder();
  }

  private count(length: number): void {
    this.came += length;
    if (this.left) throw new ServerError("client_closed", "client — expected to wait for the answer, got a cancelled call.");
    if (this.known) this.bounds.bytes.hold(this, length, COST);
    else if (this.came > MAX_UNKNOWN_BYTES)
      throw new ServerError("unauthorized", "API key — expected one before a message of such a size, got none that is known. Send it.");
  }
  /** In place of the library's: a piece as it comes, and the messages that it makes whole. */
  private gather(piece: Uint8Array): Buffer[] {
    try {
      this.count(piece.length);
      const whole = this.messages?.add(piece, this.known ? undefined : MAX_UNKNOWN_BYTES) ?? [];
      // each is small, and answered before more is read
      if (this.method.requestStream && whole.length > 0) this.bounds.bytes.release(this);
      return whole;
    } catch (error) {
      this.call.sendStatus(statusOf(this.bounds.grpc, error));
      this.end();
      return [];
    }
  }
  /** In place of the library's. A rejection is what the call ends with. */
  private async inflate(whole: Buffer, encoding: string): Promise<Buffer> {
    const content = whole.subarray(PREFIX_BYTES);
    if (encoding === "identity") return content;
    const { grpc } = this.bounds;
    try {
      return await inflated(content, encoding, this.limit, (length) => this.count(length));
    } catch (error) {
      setImmediate(() => this.end());
      const ended = statusOf(grpc, error);
      // gRPC's own word for an encoding that is not taken
      throw ended.metadata.get("biovlm-code")[0] === "unsupported_media_type" ? { ...ended, code: grpc.status.UNIMPLEMENTED } : ended;
    }
  }
  private release(): void {
    this.messages = undefined;
    this.bounds.bytes.release(this);
  }
  /** Nothing more of this call is wanted: a client that still sends is told to stop. */
  private end(): void {
    this.left = true;
    this.release();
    if (!this.stream.readableEnded) this.stream.close(NO_ERROR);
  }
}

/**
 * Ends a call whose message does not fit while it comes: RESOURCE_EXHAUSTED, or UNAUTHENTICATED without a key.
 * @param maxBytes of a message that asks for answers, as it is once inflated
 */
export function boundedCalls(grpc: Library, { bytes, knows }: CallBounds, maxBytes: number): ServerInterceptor {
  const bounds: Bounds = { grpc, bytes, knows, maxBytes, widened: new WeakSet() };
  // the library asks a call for what its interface says, whatever class it is of
  return (method, call) => new BoundedCall(bounds, method, call) as unknown as ServerInterceptingCall;
}
