// Routes asked in this process: their hooks run as for a socket, whoever leaves is noticed, and nobody reaches this from outside.

import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askInProcess, IN_PROCESS_TYPE, InProcessBody, takeInProcess } from "../../src/lifecycle/in-process.js";

let app: FastifyInstance;
let seen: string[];
let hold: Promise<void> | undefined;

beforeEach(async () => {
  seen = [];
  hold = undefined;
  app = Fastify() as unknown as FastifyInstance;
  takeInProcess(app);
  app.addHook("onRequest", async (request, reply) => {
    seen.push(`from ${request.ip}`);
    reply.raw.once("close", () => seen.push(`closed, ${reply.raw.writableFinished ? "answered" : "left"}`));
    if (request.headers["x-key"] === "wrong") return reply.code(401).send({ error: "unauthorized: no" });
    return undefined;
  });
  app.addHook("onResponse", async (_request, reply) => void seen.push(`response ${reply.statusCode}`));
  app.addHook("onRequestAbort", async (_request) => void seen.push("abort"));
  app.post<{ Params: { name: string } }>("/echo/:name", async (request, reply) => {
    await hold;
    if (!(request.body instanceof InProcessBody)) return { body: "of another kind" };
    request.body.made = `${request.params.name}: ${request.body.asked} of ${request.headers["content-length"]}`;
    return reply.send("");
  });
  await app.ready();
});
afterEach(async () => {
  await app.close();
});

const ask = (url: string, headers: Record<string, string> = {}) =>
  askInProcess<string, string>(app, { url, headers, remoteAddress: "192.0.2.7", asked: "a value", bytes: 12 });
const call = (url: string, headers: Record<string, string> = {}) => ask(url, headers).answer;

describe("a route asked in this process", () => {
  it("finds the value and answers with one, between the hooks of any request", async () => {
    expect(await call("/echo/x")).toEqual({ status: 200, made: "x: a value of 12", text: "" });
    await new Promise(setImmediate);
    expect(seen).toEqual(["from 192.0.2.7", "response 200", "closed, answered"]);
  });

  it("gives refusals as they are over HTTP, of hooks and of the router", async () => {
    expect(await call("/echo/x", { "x-key": "wrong" })).toEqual({ status: 401, made: undefined, text: '{"error":"unauthorized: no"}' });
    expect(await call("/other")).toMatchObject({ status: 404, made: undefined });
  });

  it("ends for whoever leaves at once, and the route hears of it", async () => {
    let go: () => void = () => {};
    hold = new Promise((done) => {
      go = done;
    });
    const { answer, leave } = ask("/echo/x");
    await new Promise(setImmediate);
    leave();
    await expect(answer).rejects.toMatchObject({ code: "client_closed" });
    expect(seen).toEqual(["from 192.0.2.7", "abort", "closed, left"]);
    go();
    await new Promise(setImmediate);
    leave();
    expect(seen).toHaveLength(3);
  });

  it("is not to be had from outside, whatever type a body names", async () => {
    const answer = await app.inject({ method: "POST", url: "/echo/x", headers: { "content-type": IN_PROCESS_TYPE }, payload: "a value" });
    expect(answer.statusCode).toBe(415);
  });
});
