// ModelStreamInfer's conversation, apart from its bytes: each message is asked of /v2 as a call of its own, several at once, and answers go out in the
// order of the messages, those that are ready together in one piece. A request that is refused is an answer with words, and the stream goes on.

import type { FastifyInstance } from "fastify";
import { askInProcess, type InProcessAnswer } from "../lifecycle/in-process.js";
import { serverError } from "../replies.js";
import type { DecodedRequest, InferAnswer } from "../tensors/infer-codec.js";
import { deadlineHeader, type GrpcCaller, inferPath, json } from "./grpc-callers.js";
import { askedRequest, streamError, streamResponse } from "./grpc-messages.js";
import { inferRequest } from "./infer-request.js";
import { readMessage } from "./readable-service.js";

/** Images that one stream has on their way at once; a request of more goes alone. Pipelines of as many requests of one image are full. */
const MOST_IMAGES = 64;

/** Who has opened a stream. */
export interface StreamCaller extends GrpcCaller {
  /** milliseconds since 1970; Infinity where it named none */
  readonly deadline: number;
  /** the first refusal ends the stream with its status: Triton's `triton_grpc_error` */
  readonly strict: boolean;
}

/** Where a stream's answers go. */
export interface StreamWire {
  /** @param written told once the bytes have left */
  write(bytes: Uint8Array, written: () => void): void;
  /** the stream's status: OK without an error */
  end(error?: unknown): void;
  /** less is on its way than was */
  room(): void;
}

/** A message, until its answer has left. */
interface Asked {
  images: number;
  readonly bytes: number;
  answer: Uint8Array | undefined;
  /** in place of an answer: the stream ends here, with an error or without */
  end: { readonly error?: unknown } | undefined;
  leave: () => void;
}

const NOTHING = () => {};

/** One stream. */
export class InferStream {
  private readonly app: FastifyInstance;
  private readonly caller: StreamCaller;
  private readonly wire: StreamWire;
  private readonly mostBytes: number;
  private readonly asked: Asked[] = [];
  private images = 0;
  private bytes = 0;
  private flushing = false;
  /** nothing more is taken */
  ended = false;

  /** @param mostBytes of messages that are on their way; a larger one goes alone */
  constructor(app: FastifyInstance, caller: StreamCaller, wire: StreamWire, mostBytes: number) {
    this.app = app;
    this.caller = caller;
    this.wire = wire;
    this.mostBytes = mostBytes;
  }

  /** Whether another message may be asked. */
  get hasRoom(): boolean {
    return !this.ended && this.images < MOST_IMAGES && (this.images === 0 || this.bytes < this.mostBytes);
  }

  /** Asks what a message says. */
  take(message: Uint8Array): void {
    this.ask(this.place(1, message.length), message);
  }

  /** The same of a message that is not whole yet. Nothing else is taken meanwhile; what becomes of it is known when it is there. */
  takeLater(bytes: number, message: Promise<Uint8Array>): void {
    const one = this.place(MOST_IMAGES, bytes);
    message.then(
      (whole) => this.ask(one, whole),
      (error: unknown) => this.fail(one, error, ""),
    );
  }

  /** Answers a message that was not taken. */
  refuse(error: unknown): void {
    this.fail(this.place(1, 0), error, "");
  }

  /** The stream ends once what was taken is answered. */
  finish(error?: unknown): void {
    if (this.ended) return;
    const one = this.place(0, 0);
    this.ended = true;
    this.end(one, error);
  }

  /** The client has left: nothing of it goes on. */
  leave(): void {
    this.ended = true;
    for (const { leave } of this.asked.splice(0)) leave();
  }

  private place(images: number, bytes: number): Asked {
    const one: Asked = { images, bytes, answer: undefined, end: undefined, leave: NOTHING };
    this.asked.push(one);
    this.images += images;
    this.bytes += bytes;
    return one;
  }

  private ask(one: Asked, message: Uint8Array): void {
    let id = "";
    try {
      const request = readMessage(() => inferRequest(message));
      id = request.id;
      const url = inferPath(request.model_name, request.model_version);
      this.counted(one, request.inputs[0]?.datatype === "BYTES" ? (request.inputs[0].shape[0] ?? 1) : 1);
      const { headers, remoteAddress, deadline } = this.caller;
      const asking = askInProcess<() => DecodedRequest, InferAnswer>(this.app, {
        ...{ url, remoteAddress, bytes: request.size },
        headers: { ...headers, ...deadlineHeader(deadline) },
        asked: () => askedRequest(request),
      });
      one.leave = asking.leave;
      asking.answer.then(
        (answer) => this.answered(one, id, answer),
        (error: unknown) => this.fail(one, error, id),
      );
    } catch (error) {
      this.fail(one, error, id);
    }
  }

  /** What a request weighs, now that it is read. */
  private counted(one: Asked, images: number): void {
    const grown = Math.min(MOST_IMAGES, Math.max(1, images)) - one.images;
    one.images += grown;
    this.images += grown;
    if (grown < 0) this.wire.room();
  }

  private answered(one: Asked, id: string, { status, made, text }: InProcessAnswer<InferAnswer>): void {
    try {
      one.answer = status === 200 && made !== undefined ? streamResponse(made) : json({ status, text });
      // what was asked hangs on it, and is not needed while the answer waits
      one.leave = NOTHING;
      this.flushSoon();
    } catch (error) {
      this.fail(one, error, id);
    }
  }

  private fail(one: Asked, error: unknown, id: string): void {
    one.leave = NOTHING;
    const known = serverError(error);
    // a key that is none, or no longer, is none for the next message either
    if (this.caller.strict || known.status === 401 || known.status === 403) this.end(one, error);
    else {
      one.answer = streamError(`${known.code}: ${known.message}`, id);
      this.flushSoon();
    }
  }

  private end(one: Asked, error: unknown): void {
    this.ended = true;
    one.end = { error };
    this.flushSoon();
  }

  /** Once for all that becomes ready together. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    process.nextTick(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    let [count, images, bytes] = [0, 0, 0];
    const ready: Uint8Array[] = [];
    for (const one of this.asked) {
      if (one.answer === undefined) break;
      ready.push(one.answer);
      count++;
      images += one.images;
      bytes += one.bytes;
    }
    this.asked.splice(0, count);
    if (count > 0) {
      this.wire.write(ready.length === 1 ? ready[0]! : Buffer.concat(ready), () => {
        this.images -= images;
        this.bytes -= bytes;
        this.wire.room();
      });
    }
    const end = this.asked[0]?.end;
    if (end === undefined) return;
    this.leave();
    this.wire.end(end.error);
  }
}
