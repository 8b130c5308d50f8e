// What gRPC holds of messages that are still coming: counted piece by piece against the same budget as HTTP's bodies, and hardly anything of callers
// without a key. The library would gather a message whole, in pieces and then joined, keep what it has of a call that is refused for as long as the
// client sends, and inflate whatever it is told to; so messages are gathered and inflated here, and a refused call's stream is reset.

import { constants, type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { Metadata, ServerInterceptingCall, ServerInterceptingCallInterface, ServerInterceptor } from "@grpc/grpc-js";
import { ServerError } from "../errors.js";
import type { CallBounds } from "../lifecycle/bytes-in-flight.js";
import { CallMessages, COST, inflated, PREFIX_BYTES } from "./call-messages.js";
import { SMALL_ANSWER_BYTES } from "./client-patience.js";
import type { ConnectionAges } from "./connection-age.js";
import { credentialsIn } from "./grpc-callers.js";
import { messageStatus, statusOf } from "./grpc-status.js";
import { type OpenStreams, STREAM_PATH, StreamedCall } from "./streamed-call.js";

type Library = typeof import("@grpc/grpc-js");
/** What hears of a call, as the library has it. */
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];
type Method = Parameters<ServerInterceptor>[0];

/** Of a caller without a key: what asks for health and names fits well. */
const MAX_UNKNOWN_BYTES = 4096;
/** Of a call that is none for answers: names and settings. */
const MAX_SMALL_BYTES = 65_536;
/** Messages of a stream that may come before one of them is answered. */
const MAX_AT_ONCE = 64;
const { NGHTTP2_NO_ERROR: NO_ERROR, NGHTTP2_CANCEL: CANCEL } = constants;
/** Of a message, and of all messages of a connection: what may be on its way while nothing of it was acknowledged. */
const WINDOW_BYTES = 1_048_576;
/** Longest frame: a frame each 16 KiB, as the protocol begins, is work for both ends. */
const FRAME_BYTES = 262_144;

/**
 * Room for a message to come without waiting for leave to go on: 64 KiB of all calls, as the protocol begins, is less than two images. It is no memory
 * of its own: what comes is counted, read and copied at once.
 */
function widen(session: Http2Session): void {
  session.settings({ initialWindowSize: WINDOW_BYTES, maxFrameSize: FRAME_BYTES });
  session.setLocalWindowSize(WINDOW_BYTES);
}

function second(): ServerError {
  return new ServerError("bad_request", "call — expected one message, got bytes after it. Send one.");
}

function tooMany(most: number): ServerError {
  return new ServerError("bad_request", `call — expected at most ${most} messages at once, got more. Wait for the answers.`);
}

/** What the calls of a server share. */
interface Bounds extends CallBounds {
  readonly grpc: Library;
  /** most bytes of a message that asks for answers, as it is once inflated */
  readonly maxBytes: number;
  readonly unfinished: OpenStreams["unfinished"];
  readonly untaken: OpenStreams["untaken"];
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
  private whole = 0;
  private left = false;

  constructor(bounds: Bounds, method: Method, call: ServerInterceptingCallInterface) {
    this.bounds = bounds;
    this.method = method;
    this.limit = method.path.endsWith("/ModelInfer") ? bounds.maxBytes : Math.min(bounds.maxBytes, MAX_SMALL_BYTES);
    this.messages = new CallMessages(this.limit);
    this.call = call;
    // no public name leads to these three; grpc.test.ts fails where the library calls them something else
    this.stream = Reflect.get(call, "stream") as ServerHttp2Stream;
    Reflect.set(call, "decoder", { write: (piece: Uint8Array) => this.gather(piece) });
    Reflect.set(call, "decompressMessage", (whole: Buffer, encoding: string) => this.inflate(whole, encoding));
    this.stream.once("close", () => this.end());
  }

  start(handler: Listener): void {
    this.handler = handler;
    if (!this.method.requestStream) this.bounds.unfinished.begin(this);
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
    this.bounds.unfinished.end(this);
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
    if (!streams && !this.holds(message instanceof Uint8Array ? message.length : 0)) return;
    this.call.sendMessage(message, streams ? sent : () => {});
    // the library sends the status once the message is written; what follows is known already
    if (!streams) sent();
  }
  sendMetadata(metadata: Metadata): void {
    this.call.sendMetadata(metadata);
  }
  sendStatus(ended: Parameters<ServerInterceptingCallInterface["sendStatus"]>[0]): void {
    // it comes behind what the client has leave for, as answers do
    if (!this.left) this.bounds.untaken.begin(this);
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

  /** Whether there is room for an answer until the client has taken it; where there is none the call ends. */
  private holds(bytes: number): boolean {
    if (this.left) return true;
    try {
      if (bytes >= SMALL_ANSWER_BYTES) this.bounds.bytes.hold(this, bytes);
    } catch (error) {
      this.call.sendStatus(statusOf(this.bounds.grpc, error));
      return false;
    }
    this.bounds.untaken.begin(this, bytes);
    return true;
  }
  untaken(): void {
    this.stream.close(CANCEL);
  }

  late(error: ServerError): void {
    this.call.sendStatus(statusOf(this.bounds.grpc, error));
    this.end();
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
      const whole = this.wholeOf(piece);
      // each is small, and answered before more is read
      if (this.method.requestStream && whole.length > 0) this.bounds.bytes.release(this);
      return whole;
    } catch (error) {
      this.call.sendStatus(statusOf(this.bounds.grpc, error));
      this.end();
      return [];
    }
  }
  private wholeOf(piece: Uint8Array): Buffer[] {
    const { messages } = this;
    if (messages === undefined) return [];
    const whole: Buffer[] = [];
    const most = this.method.requestStream ? MAX_AT_ONCE : 1;
    for (let rest = piece; rest.length > 0; rest = messages.rest) {
      if (this.whole === 1 && most === 1) throw second();
      const one = messages.take(rest, this.known ? undefined : MAX_UNKNOWN_BYTES);
      if (one === undefined) return whole;
      this.whole++;
      if (whole.push(one) > most) throw tooMany(most);
    }
    return whole;
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
      throw messageStatus(grpc, error);
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
    this.bounds.unfinished.end(this);
    this.bounds.untaken.end(this);
    if (!this.stream.readableEnded) this.stream.close(NO_ERROR);
  }
}

/**
 * Ends a call whose message does not fit while it comes: RESOURCE_EXHAUSTED, or UNAUTHENTICATED without a key. Streams of requests have ways of their own.
 * @param maxBytes of a message that asks for answers, as it is once inflated
 * @param ages hear of each call's connection
 */
export function boundedCalls(grpc: Library, streams: OpenStreams, maxBytes: number, ages: ConnectionAges): ServerInterceptor {
  const bounds: Bounds = { grpc, ...streams.bounds, maxBytes, unfinished: streams.unfinished, untaken: streams.untaken };
  /** connections whose window is wide already */
  const widened = new WeakSet<Http2Session>();
  return (method, call) => {
    const { session } = Reflect.get(call, "stream") as ServerHttp2Stream;
    if (session !== undefined && !widened.has(session)) {
      widened.add(session);
      widen(session);
    }
    if (session !== undefined) ages.seen(session);
    const ours = method.path === STREAM_PATH ? new StreamedCall(streams, call) : new BoundedCall(bounds, method, call);
    // the library asks a call for what its interface says, whatever class it is of
    return ours as unknown as ServerInterceptingCall;
  };
}
