// A request that comes from this process: another protocol asks a route without a socket between them, so that hooks, keys, limits and records are the
// same for it. What is asked and answered are values; no bytes are written for somebody who would read them again at once. An app's own `inject` makes
// streams of both, which costs more than the rest of a route.

import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";

/** The media type of what is asked in this process. Who names it over HTTP is refused as for any type that is not taken. */
export const IN_PROCESS_TYPE = "application/vnd.biovlm.in-process";

/** What is asked, as the body that a route finds. */
export class InProcessBody<Asked = unknown, Made = unknown> {
  readonly asked: Asked;
  /** a route's answer; absent where it refused */
  made: Made | undefined;

  constructor(asked: Asked) {
    this.asked = asked;
  }
}

/** What a caller says beside its request. */
export interface InProcessCall<Asked> {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly asked: Asked;
  /** bytes that the request holds, which count against the budget of bodies */
  readonly bytes: number;
}

export interface InProcessAnswer<Made> {
  readonly status: number;
  readonly made: Made | undefined;
  /** of a refusal */
  readonly text: string;
}

/** A route's request: as much of Node's as Fastify and our hooks look at. */
class Asking extends EventEmitter {
  readonly method = "POST";
  readonly httpVersion = "2.0";
  readonly httpVersionMajor = 2;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly socket: { readonly remoteAddress: string };
  readonly body: InProcessBody;
  aborted = false;

  constructor(url: string, headers: Record<string, string>, remoteAddress: string, body: InProcessBody) {
    super();
    this.url = url;
    this.headers = headers;
    this.socket = { remoteAddress };
    this.body = body;
  }
}

/** A route's response, likewise. */
class Answering extends EventEmitter {
  statusCode = 200;
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  private readonly headers: Record<string, unknown> = {};
  private readonly ended: (status: number, text: string) => void;

  constructor(ended: (status: number, text: string) => void) {
    super();
    this.ended = ended;
  }
  getHeader(name: string): unknown {
    return this.headers[name.toLowerCase()];
  }
  getHeaders(): Record<string, unknown> {
    return this.headers;
  }
  hasHeader(name: string): boolean {
    return Object.hasOwn(this.headers, name.toLowerCase());
  }
  setHeader(name: string, value: unknown): void {
    this.headers[name.toLowerCase()] = value;
  }
  removeHeader(name: string): void {
    delete this.headers[name.toLowerCase()];
  }
  writeHead(status: number): this {
    this.statusCode = status;
    this.headersSent = true;
    return this;
  }
  end(payload?: string | Uint8Array | null): this {
    if (this.writableEnded || this.destroyed) return this;
    this.writableEnded = true;
    // as with a socket, whoever ends it goes on first
    queueMicrotask(() => {
      this.writableFinished = true;
      this.ended(this.statusCode, typeof payload === "string" ? payload : Buffer.from(payload ?? "").toString("utf8"));
      this.emit("finish");
      this.destroy();
    });
    return this;
  }
  /** A response that fails, or whose caller has left. */
  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.emit("close");
    return this;
  }
}

/** Lets routes find what is asked of them in this process. */
export function takeInProcess(app: FastifyInstance): void {
  app.addContentTypeParser(IN_PROCESS_TYPE, (request, _payload, done) => {
    const raw: object = request.raw;
    if (raw instanceof Asking) return done(null, raw.body);
    // the code by which Fastify refuses a type that nobody takes
    done(Object.assign(new Error("media type"), { code: "FST_ERR_CTP_INVALID_MEDIA_TYPE", statusCode: 415 }));
  });
}

/** A request that is on its way. */
export interface InProcessAsking<Made> {
  /** what the route made, or its refusal; rejects with `client_closed` once the caller has left */
  readonly answer: Promise<InProcessAnswer<Made>>;
  /** The caller waits no longer; without effect after the answer. */
  leave(): void;
}

/** Asks a POST route of an app that is ready. */
export function askInProcess<Asked, Made>(
  app: FastifyInstance,
  { url, headers, remoteAddress, asked, bytes }: InProcessCall<Asked>,
): InProcessAsking<Made> {
  const body = new InProcessBody<Asked, Made>(asked);
  const request = new Asking(url, { ...headers, "content-type": IN_PROCESS_TYPE, "content-length": String(bytes) }, remoteAddress, body);
  let leave = () => {};
  const answer = new Promise<InProcessAnswer<Made>>((resolve, reject) => {
    const response = new Answering((status, text) => resolve({ status, made: body.made, text }));
    leave = () => {
      if (response.destroyed) return;
      reject(new ServerError("client_closed", "client — expected to wait for the answer, got a cancelled call."));
      request.aborted = true;
      request.emit("close");
      response.destroy();
    };
    app.routing(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  });
  return { answer, leave };
}
