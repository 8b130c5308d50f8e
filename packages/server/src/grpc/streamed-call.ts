// ModelStreamInfer between the library's transport and its conversation. The library would take messages one by one through a queue of its own, and
// write an answer once the last has left; here a message is asked as soon as it is whole, and reading stops where a stream has enough on its way.

import { constants, type ServerHttp2Stream } from "node:http2";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import type { CallBounds } from "../lifecycle/bytes-in-flight.js";
import { askInProcess } from "../lifecycle/in-process.js";
import type { ServingOptions } from "../options.js";
import { CallMessages, COST, checkEncoding, inflated, PREFIX_BYTES } from "./call-messages.js";
import { ClientPatience, SMALL_ANSWER_BYTES } from "./client-patience.js";
import { callerOf, credentialsIn, inferPath, json } from "./grpc-callers.js";
import { messageStatus } from "./grpc-status.js";
import { InferStream, type StreamCaller } from "./infer-stream.js";

type Library = typeof import("@grpc/grpc-js");
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

export const STREAM_PATH = "/inference.GRPCInferenceService/ModelStreamInfer";
const { NGHTTP2_NO_ERROR: NO_ERROR, NGHTTP2_CANCEL: CANCEL } = constants;
/** What a stream that is held back may have on its way to us. */
const WAITING_BYTES = 1_048_576;
const FEWEST_STREAMS = 16;

function gone(): ServerError {
  return new ServerError("client_closed", "client — expected to wait for the answer, got a cancelled call.");
}

function cut(): ServerError {
  return new ServerError("bad_request", "message — expected its whole length, got a stream that ends in it. Send it again.");
}

function unfinished(limitMs: number): ServerError {
  return new ServerError("deadline_exceeded", `message — expected to come whole within ${limitMs} ms, got a part of it. Send it again.`);
}

function closing(): ServerError {
  return new ServerError("not_ready", "the server — expected to be serving, got one that closes. Ask another.");
}

/** The streams of an app. */
export class OpenStreams {
  readonly grpc: Library;
  readonly app: FastifyInstance;
  readonly maxBytes: number;
  /** of one stream's messages that are on their way */
  readonly share: number;
  /** calls whose message is not whole yet */
  readonly unfinished: ClientPatience<{ late(error: ServerError): void }>;
  /** calls whose answer the client has not taken */
  readonly untaken: ClientPatience<{ untaken(): void }>;
  private readonly most: number;
  private readonly open = new Set<StreamedCall>();
  private stopping = false;

  /**
   * Of what requests may cost at once, a stream takes at most a quarter, beside a message that is larger alone; and there are as many streams as half of
   * it could hold of what waits before those that are held back, but at least 16.
   */
  constructor(
    grpc: Library,
    app: FastifyInstance,
    { maxBodyBytes, maxInFlightBytes, requestTimeoutMs }: Pick<ServingOptions, "maxBodyBytes" | "maxInFlightBytes" | "requestTimeoutMs">,
  ) {
    this.grpc = grpc;
    this.app = app;
    this.maxBytes = maxBodyBytes;
    this.unfinished = new ClientPatience(requestTimeoutMs, (call) => call.late(unfinished(requestTimeoutMs)));
    this.untaken = new ClientPatience(requestTimeoutMs, (call) => call.untaken());
    this.share = maxInFlightBytes / 4 / COST;
    this.most = Math.max(FEWEST_STREAMS, Math.floor(maxInFlightBytes / 2 / WAITING_BYTES));
    app.addHook("preClose", async () => {
      this.stopping = true;
      for (const one of this.open) one.stop(closing());
    });
  }

  get bounds(): CallBounds {
    return this.app.callBounds;
  }

  /** @returns why there is no room for it */
  add(one: StreamedCall): ServerError | undefined {
    if (this.stopping) return closing();
    if (this.open.size >= this.most)
      return new ServerError("overloaded", `streams — expected at most ${this.most} at once, got another. Ask ModelInfer instead.`);
    this.open.add(one);
    return undefined;
  }

  delete(one: StreamedCall): void {
    this.open.delete(one);
  }
}

/** One call of ModelStreamInfer. The library's own handler of it is never asked. */
export class StreamedCall implements Listener {
  private readonly streams: OpenStreams;
  private readonly call: ServerInterceptingCallInterface;
  private readonly stream: ServerHttp2Stream;
  private readonly messages: CallMessages;
  private conversation: InferStream | undefined;
  private paused = false;
  private begun = false;
  private over = false;
  private left = false;
  private held = 0;
  private waiting: Uint8Array = new Uint8Array(0);
  /** pieces of answers that the client has not taken */
  private unread = 0;

  constructor(streams: OpenStreams, call: ServerInterceptingCallInterface) {
    this.streams = streams;
    this.call = call;
    this.messages = new CallMessages(streams.maxBytes);
    // as of other calls
    this.stream = Reflect.get(call, "stream") as ServerHttp2Stream;
    Reflect.set(call, "decoder", { write: (piece: Uint8Array) => this.gather(piece) });
    this.stream.once("close", () => this.onCancel());
  }

  start(): void {
    this.call.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    const full = this.streams.add(this);
    if (full !== undefined) {
      this.end(full);
      return;
    }
    const getPeer = () => this.call.getPeer();
    const { headers, remoteAddress } = callerOf({ metadata, getPeer, getDeadline: () => Number.POSITIVE_INFINITY });
    const [strict] = metadata.get("triton_grpc_error");
    const deadline = Number(this.call.getDeadline());
    const caller = { headers, remoteAddress, deadline, strict: strict === "true" };
    const wire = {
      write: (bytes: Uint8Array, written: () => void) => this.write(bytes, written),
      end: (error?: unknown) => this.end(error),
      room: () => this.goOn(),
    };
    this.conversation = new InferStream(this.streams.app, caller, wire, this.streams.share);
    if (this.streams.bounds.knows(credentialsIn(metadata))) this.call.startRead();
    else this.refuse(caller);
  }
  onReceiveMessage(): void {}
  onReceiveHalfClose(): void {
    this.over = true;
    this.goOn();
  }
  onCancel(): void {
    if (this.left) return;
    this.left = true;
    this.conversation?.leave();
    this.release();
    this.streams.unfinished.end(this);
    this.streams.untaken.end(this);
    this.streams.delete(this);
    // a status is on its way: a reset would overtake it
    setImmediate(() => {
      if (!this.stream.readableEnded) this.stream.close(NO_ERROR);
    });
  }

  /** Answers what was taken, and ends. */
  stop(error: ServerError): void {
    this.conversation?.finish(error);
  }

  late(error: ServerError): void {
    this.messages.skip();
    this.release();
    this.stop(error);
  }

  /** A caller whose key is none: the route says so, and counts it, before a message is read. */
  private refuse({ headers, remoteAddress }: StreamCaller): void {
    const asked = () => {
      throw closing();
    };
    const { answer } = askInProcess(this.streams.app, { url: inferPath("none", ""), headers, remoteAddress, bytes: 0, asked });
    answer.then((refused) => json(refused)).catch((error: unknown) => this.end(error));
  }

  /** In place of the library's: nothing of a piece is left to it. */
  private gather(piece: Uint8Array): Uint8Array[] {
    if (!this.left && this.conversation !== undefined) this.look(this.conversation, piece);
    return [];
  }

  /** Asks what is whole, as far as there is room; the rest waits here, and what follows it on the way. */
  private look(conversation: InferStream, piece: Uint8Array): void {
    const { messages } = this;
    this.waiting = piece;
    try {
      while (this.waiting.length > 0 && conversation.hasRoom) {
        const whole = messages.take(this.waiting);
        this.waiting = messages.rest;
        if (whole === undefined) continue;
        this.streams.unfinished.end(this);
        this.took(conversation, whole);
      }
      this.count(conversation);
    } catch (error) {
      // too large, or in no encoding of ours: what comes after it is not looked at
      this.release();
      conversation.finish(error);
    }
    this.await(conversation);
    if (conversation.hasRoom || this.paused) return;
    this.paused = true;
    this.stream.pause();
  }

  /** The rest of a message is waited for while it may come, and not for ever. */
  private await(conversation: InferStream): void {
    if (this.messages.begun && conversation.hasRoom) this.streams.unfinished.begin(this);
    else this.streams.unfinished.end(this);
  }

  private took(conversation: InferStream, whole: Buffer): void {
    const content = whole.subarray(PREFIX_BYTES);
    const encoding = whole[0] === 1 ? (Reflect.get(this.call, "incomingEncoding") as string) : "identity";
    if (encoding === "identity") {
      conversation.take(content);
      return;
    }
    checkEncoding(encoding);
    const { bytes } = this.streams.bounds;
    const owner = {};
    const count = (length: number) => {
      if (this.left) throw gone();
      bytes.hold(owner, length, COST);
    };
    const message = inflated(content, encoding, this.streams.maxBytes, count);
    conversation.takeLater(
      whole.length,
      message.finally(() => bytes.release(owner)),
    );
  }

  /** Holds what there is of a message that is not whole yet; where there is no room for it, it is passed over and refused. */
  private count(conversation: InferStream): void {
    const { bytes } = this.streams.bounds;
    const { pending } = this.messages;
    if (pending < this.held || pending === 0) this.release();
    if (pending === this.held) return;
    try {
      bytes.hold(this, pending - this.held, COST);
      this.held = pending;
    } catch (error) {
      this.release();
      this.messages.skip();
      conversation.refuse(error);
    }
  }

  private release(): void {
    this.held = 0;
    this.streams.bounds.bytes.release(this);
  }

  /** Looks at what waits, now that less is on its way; ends once there is nothing more. */
  private goOn(): void {
    const { conversation } = this;
    if (conversation === undefined || this.left || !conversation.hasRoom) return;
    if (this.waiting.length > 0) this.look(conversation, this.waiting);
    if (!conversation.hasRoom) return;
    if (this.over) conversation.finish(this.messages.begun ? cut() : undefined);
    else if (this.paused) {
      this.paused = false;
      this.await(conversation);
      this.stream.resume();
    }
  }

  private write(bytes: Uint8Array, written: () => void): void {
    if (this.left) return;
    if (!this.begun) this.call.sendMetadata(new this.streams.grpc.Metadata());
    this.begun = true;
    const { untaken, bounds } = this.streams;
    const owner = {};
    try {
      if (bytes.length >= SMALL_ANSWER_BYTES) bounds.bytes.hold(owner, bytes.length);
    } catch (error) {
      this.conversation?.leave();
      this.end(error);
      return;
    }
    this.unread++;
    untaken.begin(this, bytes.length);
    this.stream.write(bytes, () => {
      bounds.bytes.release(owner);
      untaken.end(this);
      if (--this.unread > 0 && !this.left) untaken.begin(this);
      written();
    });
  }

  untaken(): void {
    this.stream.close(CANCEL);
  }

  private end(error?: unknown): void {
    const { grpc, untaken } = this.streams;
    // a status comes behind what the client has leave for, as answers do
    if (!this.left) untaken.begin(this);
    this.call.sendStatus(error === undefined ? { code: grpc.status.OK, details: "OK", metadata: null } : messageStatus(grpc, error));
  }
}
