// What a gRPC caller says beside its message, as the server's own routes understand it (its keys, its deadline, its trace, and where it is), and what a
// route answered, as a call ends with it.

import { NAME_PATTERN } from "@biovlm/files";
import type { Metadata, ServerUnaryCall } from "@grpc/grpc-js";
import { ServerError } from "../errors.js";

const CREDENTIALS = ["authorization", "x-api-key"] as const;
/** What a server without keys asks of callers: a name of this machine. */
const LOCAL = { host: "localhost" } as const;

/** A caller as a route sees one. */
export interface GrpcCaller {
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
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

/** Who calls. Any call has these three, whatever it streams. */
export function callerOf(call: Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getDeadline" | "getPeer">): GrpcCaller {
  const deadline = Number(call.getDeadline());
  const peer = call.getPeer();
  return {
    headers: {
      ...LOCAL,
      ...credentialsIn(call.metadata),
      ...textOf(call.metadata, "traceparent"),
      ...deadlineHeader(deadline),
    },
    remoteAddress: peer.slice(0, peer.lastIndexOf(":")),
  };
}

/** What is left until a deadline, in milliseconds since 1970; nothing where there is none. */
export function deadlineHeader(deadline: number): Readonly<Record<string, string>> {
  if (!Number.isFinite(deadline)) return {};
  return { "x-deadline-ms": String(Math.min(9_999_999, Math.max(0, Math.round(deadline - Date.now())))) };
}

/** A model's path. Names that are none would lead to other routes. @throws ServerError `bad_request` */
export function modelPath(name: string, version: string): string {
  if (!NAME_PATTERN.test(name) || !(version === "" || /^\w{1,64}$/.test(version))) {
    throw new ServerError(
      "bad_request",
      "model — expected a model's name, and a version of letters and digits or none, got another. Correct it.",
    );
  }
  return `/v2/models/${encodeURIComponent(name)}${version === "" ? "" : `/versions/${version}`}`;
}

/** Where a model is asked for answers. @throws as `modelPath` */
export const inferPath = (name: string, version: string) => `${modelPath(name, version)}/infer`;

function textOf(metadata: Metadata, name: string): Readonly<Record<string, string>> {
  const [value] = metadata.get(name);
  return typeof value === "string" ? { [name]: value } : {};
}

/** A route's answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** The JSON of a 200; any other status as the error that it is. */
export function json<T>({ status: http, text }: HttpAnswer): T {
  const said = JSON.parse(text) as { readonly error?: string };
  if (http === 200) return said as T;
  throw refusal(http, said.error);
}

/** `code: what …` of the protocol's error object, as the error it was. */
function refusal(http: number, error = ""): Error {
  const [, code = "", message = "the server — expected an answer, got a refusal."] = /^(\w+): ([\s\S]*)$/.exec(error) ?? [];
  return http === 500 ? new Error(message) : new ServerError(code as ServerError["code"], message);
}
