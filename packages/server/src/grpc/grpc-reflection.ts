// Server reflection (grpc.reflection.v1 and v1alpha): tools such as grpcurl ask which calls there are and what their messages hold. The answers are
// @grpc/reflection's; each message of a stream is asked of a route of this app as every call is, so that keys, limits and metrics hold for it.

import type { Server, ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import type { FastifyInstance } from "fastify";
import { askInProcess, InProcessBody } from "../lifecycle/in-process.js";
import { described } from "./described-files.js";
import { callerOf, json } from "./grpc-callers.js";
import { statusOf } from "./grpc-status.js";
import { readable, readOf } from "./readable-service.js";

type Library = typeof import("@grpc/grpc-js");
type Stream = ServerDuplexStream<object, object>;

const ROUTE = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/** What a question holds besides its name is nothing. */
const QUESTION_BYTES = 1024;

/** Adds the services that tell of others. @param told what they tell of */
export async function addReflection(grpc: Library, server: Server, app: FastifyInstance, told: PackageDefinition): Promise<void> {
  const { ReflectionService } = await import("@grpc/reflection");
  const open = new Set<Stream>();
  answerReflection(app);
  new ReflectionService(described(told)).addToServer({
    addService(service: ServiceDefinition, { ServerReflectionInfo: library }: UntypedServiceImplementation) {
      const answerTo = (message: object) => answerOf(library as (stream: object) => void, message);
      const handler = (stream: Stream) => {
        open.add(stream);
        const ended = () => open.delete(stream);
        stream.once("cancelled", ended).once("close", ended);
        converse(grpc, app, stream, answerTo);
      };
      server.addService(readable(service), { ServerReflectionInfo: handler });
    },
  });
  // who has a stream open waits for nothing
  app.addHook("preClose", async () => {
    for (const stream of open) stream.end();
  });
}

/** What the library answers to one message: it would answer a whole stream, whether the client reads or not. */
function answerOf(library: (stream: object) => void, message: object): object {
  let answer = {};
  library({
    on: (event: string, heard: (message: object) => void) => event === "data" && heard(message),
    write(made: object) {
      answer = made;
    },
  });
  return answer;
}

/** The route that is asked, in this process alone. */
function answerReflection(app: FastifyInstance): void {
  app.post(ROUTE, { config: { scope: "infer", errors: "protocol", inProcess: true }, schema: { hide: true } }, async (request, reply) => {
    if (!(request.body instanceof InProcessBody)) return reply.callNotFound();
    const body = request.body as InProcessBody<() => object, object>;
    body.made = body.asked();
    return {};
  });
}

/** Answers a stream message by message: the next is read once the answer to the last has gone. */
function converse(grpc: Library, app: FastifyInstance, stream: Stream, answerTo: (message: object) => object): void {
  const { headers, remoteAddress } = callerOf(stream);
  const ask = async (message: object) => {
    const question = readOf(message);
    const asking = askInProcess<() => object, object>(app, {
      ...{ url: ROUTE, headers, remoteAddress, bytes: QUESTION_BYTES },
      asked: () => answerTo(question),
    });
    stream.once("cancelled", asking.leave);
    const { made, ...refused } = await asking.answer;
    stream.off("cancelled", asking.leave);
    return made ?? json<object>(refused);
  };
  stream.on("data", (message: object) => {
    stream.pause();
    ask(message).then(
      (answer) => stream.write(answer, () => stream.resume()),
      (error: unknown) => stream.emit("error", statusOf(grpc, error)),
    );
  });
  stream.on("end", () => stream.end());
}
