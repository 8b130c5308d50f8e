// grpc.health.v1, as Kubernetes' gRPC probes and balancers ask it, without a key: readiness is /v2/health/ready's own answer, liveness that there is
// one. States, watchers and messages are grpc-health-check's; here they are kept true.

import type {
  Server,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import { statusOf } from "./grpc-status.js";
import { readable, readOf } from "./readable-service.js";

type Library = typeof import("@grpc/grpc-js");
type Watch = ServerWritableStream<object, object>;
type Once = (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) => void;

/** What readiness stands for: the whole server, its protocol, and the name by which probes tell it from the other. */
const READY = ["", "inference.GRPCInferenceService", "readiness"] as const;
const LIVE = "liveness";
/** How often readiness is looked at for those who watch it. */
const WATCH_MS = 1000;
/** Watchers at once; they need no key. */
const MOST_WATCHERS = 100;

/** Adds the service. @returns its definition */
export async function addHealth(grpc: Library, server: Server, app: FastifyInstance): Promise<PackageDefinition> {
  const [{ HealthImplementation, protoPath }, { loadSync }] = await Promise.all([
    import("grpc-health-check"),
    import("@grpc/proto-loader"),
  ]);
  const health = new HealthImplementation({ [LIVE]: "SERVING" });
  let last: boolean | undefined;
  const renew = async () => {
    const ready = await app.inject("/v2/health/ready").then(
      ({ statusCode }) => statusCode === 200,
      // it closes
      () => false,
    );
    if (ready === last) return;
    last = ready;
    for (const name of READY) health.setStatus(name, ready ? "SERVING" : "NOT_SERVING");
  };
  const once =
    (library: Once): Once =>
    (call, done) => {
      const answer = async () => {
        readOf(call.request);
        await renew();
        library(call, done);
      };
      answer().catch((error: unknown) => done(statusOf(grpc, error)));
    };
  const watches = watched(renew, app);
  const watch = (library: (call: Watch) => void) => (call: Watch) => {
    const answer = async () => {
      readOf(call.request);
      watches.add(call);
      await renew();
      library(call);
    };
    answer().catch((error: unknown) => call.emit("error", statusOf(grpc, error)));
  };
  health.addToServer({
    addService(service: object, library: UntypedServiceImplementation) {
      server.addService(readable(service as ServiceDefinition), {
        ...{ check: once(library["check"] as Once), list: once(library["list"] as Once) },
        watch: watch(library["watch"] as (call: Watch) => void),
      });
    },
  });
  return loadSync(protoPath, { keepCase: true });
}

/** Calls that are told of changes until they or the app end. */
function watched(renew: () => Promise<void>, app: FastifyInstance): { add(call: Watch): void } {
  const calls = new Set<Watch>();
  let timer: NodeJS.Timeout | undefined;
  app.addHook("preClose", async () => {
    clearInterval(timer);
    for (const call of calls) call.end();
  });
  return {
    add(call) {
      if (calls.size >= MOST_WATCHERS)
        throw new ServerError("overloaded", `health — expected at most ${MOST_WATCHERS} watchers, got another. Ask Check instead.`);
      calls.add(call);
      timer ??= setInterval(() => void renew(), WATCH_MS).unref();
      call.once("cancelled", () => {
        calls.delete(call);
        if (calls.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      });
    },
  };
}
