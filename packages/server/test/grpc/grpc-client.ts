// grpc-js's client of the protocol, as tests call it: an answer or an error, whichever comes.

import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const proto = fileURLToPath(new URL("../../proto/open-inference.proto", import.meta.url));
const loaded = loadSync(proto, { keepCase: true, longs: String, defaults: true, oneofs: true });
export const service = (
  grpc.loadPackageDefinition(loaded)["inference"] as unknown as { GRPCInferenceService: grpc.ServiceClientConstructor }
).GRPCInferenceService;

/** A client of host:port. */
export const clientOf = (host: string, credentials: grpc.ChannelCredentials): grpc.Client => new service(host, credentials);

/** Metadata with a key, or without where it is "". */
export function metadata(key = "secret"): grpc.Metadata {
  const out = new grpc.Metadata();
  if (key !== "") out.set("authorization", `Bearer ${key}`);
  return out;
}

/** An answer of ModelInfer, or an error: a test knows which it asked for. */
export type Answer = grpc.ServiceError & { readonly outputs: readonly { name: string }[]; readonly raw_output_contents: readonly [Buffer] };

/** An answer of ModelStreamInfer. */
export interface Streamed {
  readonly error_message: string;
  readonly infer_response: {
    readonly id: string;
    readonly parameters: Readonly<Record<string, { readonly bool_param?: boolean }>>;
    readonly outputs: readonly { readonly name: string }[];
    readonly raw_output_contents: readonly Buffer[];
  } | null;
}

/** One call: the answer, or the error as it is. */
export function ask(
  from: grpc.Client,
  name: string,
  request: object,
  { key, deadline }: { key?: string; deadline?: number } = {},
): Promise<Answer> {
  const call = Reflect.get(from, name) as (...args: unknown[]) => void;
  return new Promise((resolve) => {
    const settings = deadline === undefined ? {} : { deadline };
    call.call(from, request, metadata(key), settings, (error: grpc.ServiceError | null, answer: unknown) =>
      resolve((error ?? answer) as Answer),
    );
  });
}
