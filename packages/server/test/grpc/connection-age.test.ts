// A connection of gRPC does not live for ever: behind a balancer of connections its client would never meet another server.

import type { Engine } from "@biovlm/engine";
import * as grpc from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { createServer, grpcServer, servingOptions } from "../../src/index.js";
import { ask, clientOf } from "./grpc-client.js";

it("ends when its client has been told, and no call of many is lost", async () => {
  const engine = { models: () => [], banks: () => [], readiness: () => ({ ready: true }) } as unknown as Engine;
  const options = servingOptions({ grpcPort: 0, drainMs: 1000 });
  const app = await createServer({ engine, options, version: "0.1.0" });
  const server = await grpcServer(app, options, { connectionMs: 50 });
  await app.ready();
  const client = clientOf((await server.listen()).replace("grpc://", ""), grpc.credentials.createInsecure());
  const channel = client.getChannel();
  let ends = 0;
  const watch = (state: grpc.connectivityState) =>
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, (error) => {
      if (error !== undefined) return;
      const now = channel.getConnectivityState(false);
      if (state === grpc.connectivityState.READY) ends++;
      if (now !== grpc.connectivityState.SHUTDOWN) watch(now);
    });
  try {
    expect(await ask(client, "ServerLive", {})).toEqual({ live: true });
    watch(channel.getConnectivityState(false));
    const caller = async () => {
      for (let call = 0; call < 500 && ends < 2; call++) {
        expect(await ask(client, "ServerLive", {})).toEqual({ live: true });
        await new Promise((done) => setTimeout(done, 5));
      }
    };
    await Promise.all(Array.from({ length: 4 }, caller));
    expect(ends).toBeGreaterThanOrEqual(2);
  } finally {
    client.close();
    await app.close();
  }
});
