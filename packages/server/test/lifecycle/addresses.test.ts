// Addresses that cannot be listened on are the operator's to correct, and are told so.

import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, expect, it } from "vitest";
import { addressError, listen } from "../../src/lifecycle/listen.js";
import { type ServingOptions, servingOptions } from "../../src/options.js";

const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});
function listening(given: Partial<ServingOptions>): Promise<string> {
  const app = Fastify();
  apps.push(app);
  return listen(app, servingOptions({ port: 0, ...given }));
}

it("names a port that another server holds, and what to do", async () => {
  const port = Number(new URL(await listening({})).port);
  await expect(listening({ port })).rejects.toMatchObject({
    code: "port_in_use",
    message: expect.stringContaining(`port ${port} — expected a free one, got one in use. Name another with --port`),
  });
});

it.each(["192.0.2.1", "no-such-host.invalid"])("names %s as no address of this machine", async (host) => {
  await expect(listening({ host })).rejects.toMatchObject({ code: "bad_address", message: expect.stringContaining("--host") });
});

it("refuses a socket whose path the system would cut, and one in a folder that is not there", async () => {
  const long = join(tmpdir(), "a".repeat(120));
  await expect(listening({ socket: long })).rejects.toMatchObject({ code: "bad_address", message: expect.stringContaining("bytes") });
  const homeless = join(tmpdir(), "biovlm-no-folder", "x.sock");
  await expect(listening({ socket: homeless })).rejects.toMatchObject({ code: "bad_address", message: expect.stringContaining("folder") });
});

it("knows what gRPC's library tells in words alone, and leaves any other error as it is", () => {
  const told = (why: string) => new Error(`No address added out of total 1 resolved errors: [listen ${why} 127.0.0.1:80]`);
  const flags = { port: "grpc-port", host: "host" };
  expect(addressError(told("EACCES: permission denied"), 80, flags)).toMatchObject({
    code: "bad_address",
    message: expect.stringContaining("Name one from 1024 on with --grpc-port"),
  });
  expect(addressError(told("EADDRINUSE: address already in use"), 80, flags)).toMatchObject({ code: "port_in_use" });
  const other = new Error("listening is not what one does now");
  expect(addressError(other, 80, flags)).toBe(other);
});
