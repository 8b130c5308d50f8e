// How our client asks, against a fetch of the test's own: what is sent again and when, what ends a call, and what each failure is called.

import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { ApiError, type ClientOptions, createClient } from "../../src/client/index.js";

let sent: { readonly url: string; readonly headers: Headers }[];
/** answers in order; the last one for all further requests */
let answers: (Response | Error | "never")[];

const busy = (status: number, headers: Record<string, string> = {}) =>
  Response.json({ code: "overloaded", detail: "full" }, { status, headers });
const good = () => Response.json({ banks: [] });

const get = (async (url: string, init: RequestInit) => {
  sent.push({ url, headers: new Headers(init.headers) });
  const now = answers.length > 1 ? answers.shift() : answers[0];
  if (now instanceof Response) return now.clone();
  if (now instanceof Error) throw now;
  return new Promise((_, reject) => init.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
}) as typeof fetch;
const client = (options: Partial<ClientOptions> = {}) => createClient({ baseUrl: "http://a.example/biovlm/", fetch: get, ...options });
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as ApiError,
  );

beforeEach(() => {
  sent = [];
});

describe("a call of the client", () => {
  it("is sent again where the server is busy or gone, as often as it is told, after what the server names", async () => {
    const soon = { "retry-after": "0" };
    answers = [busy(429, soon), busy(503, soon), good()];
    expect(await client().banks()).toEqual([]);
    expect(sent.map(({ url }) => url)).toEqual(Array.from({ length: 3 }, () => "http://a.example/biovlm/v1/banks"));
    answers = [new TypeError("fetch failed"), good()];
    expect(await client().banks()).toEqual([]);
    answers = [new Response("<h1>Bad gateway</h1>", { status: 502, headers: { "retry-after": new Date().toUTCString() } }), good()];
    expect(await client().banks()).toEqual([]);
    sent = [];
    answers = [busy(429, soon)];
    expect(await failed(client().banks())).toMatchObject({ code: "overloaded", status: 429, retryAfter: 0 });
    expect(sent).toHaveLength(3);
    expect(await failed(client({ maxRetries: 0 }).banks())).toMatchObject({ status: 429 });
    expect(await failed(client({ maxRetries: 4 }).banks({ maxRetries: 1 }))).toMatchObject({ status: 429 });
    expect(sent).toHaveLength(6);
  });

  it("is not sent again where that changes nothing, or later than one waits unasked", async () => {
    for (const now of [busy(400), busy(404), busy(408), busy(413), busy(500), busy(503), busy(429, { "retry-after": "600" })]) {
      sent = [];
      answers = [now];
      expect(await failed(client().banks())).toBeInstanceOf(ApiError);
      expect(sent).toHaveLength(1);
    }
    answers = [Response.json({ ready: false, reason: "warming up" }, { status: 503, headers: { "retry-after": "0" } })];
    sent = [];
    expect(await client().ready()).toEqual({ ready: false, reason: "warming up" });
    expect(sent).toHaveLength(1);
  });

  it("ends at its time, or by its signal, also between two tries and while an answer is read", async () => {
    answers = ["never"];
    expect(await failed(client({ timeoutMs: 20 }).banks())).toMatchObject({
      code: "timeout",
      status: 0,
      message: expect.stringContaining("20 ms"),
    });
    answers = [busy(429, { "retry-after": "50" })];
    expect(await failed(client().banks({ timeoutMs: 20 }))).toMatchObject({ code: "timeout" });
    const left = new AbortController();
    const waiting = failed(client().banks({ signal: left.signal }));
    left.abort(new Error("left"));
    expect(await waiting).toMatchObject({ message: "left" });
    sent = [];
    expect(await failed(client().banks({ signal: AbortSignal.abort(new Error("before")) }))).toMatchObject({ message: "before" });
    const body = new ReadableStream({ start: (to) => to.enqueue(new TextEncoder().encode('{"banks"')) });
    const slow = (async (_: string, { signal }: RequestInit) => {
      const answer = new Response(body);
      signal?.addEventListener("abort", () => void answer.body?.cancel().catch(() => undefined));
      return Object.assign(answer, {
        text: () => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
      });
    }) as typeof fetch;
    expect(await failed(client({ fetch: slow, timeoutMs: 20 }).banks())).toMatchObject({ code: "timeout" });
  });

  it("fails by one kind of error: no answer, another's answer, an address or a key that is none", async () => {
    answers = [Object.assign(new TypeError("fetch failed"), { cause: new Error("connect ECONNREFUSED") })];
    const gone = await failed(client({ maxRetries: 0 }).banks());
    expect(gone).toMatchObject({
      code: "unreachable",
      status: 0,
      message: expect.stringContaining("ECONNREFUSED"),
      cause: expect.any(TypeError),
    });
    answers = [new Response("<h1>Sign in</h1>")];
    expect(await failed(client().banks())).toMatchObject({ code: "unexpected_answer" });
    for (const baseUrl of ["127.0.0.1:8080", "file:///etc", ""])
      expect(() => createClient({ baseUrl })).toThrow(expect.objectContaining({ code: "bad_option" }));
    expect(() => client({ apiKey: "two words" })).toThrow(expect.objectContaining({ code: "bad_option" }));
    answers = [good()];
    await client({ apiKey: "k" }).banks({ deadlineMs: 1.5 });
    const { headers } = sent.at(-1) as (typeof sent)[number];
    expect([headers.get("authorization"), headers.get("x-deadline-ms")]).toEqual(["Bearer k", "2"]);
  });
});

describe("the client's module", () => {
  it("runs in browsers: as it is built it imports its own files alone", () => {
    const seen = new Map<string, string>();
    const look = (file: URL) => {
      if (seen.has(file.href)) return;
      const code = readFileSync(file, "utf8");
      seen.set(file.href, code);
      for (const [, from = ""] of code.matchAll(/(?:from|import|import\()\s*"([^"]+)"/g)) {
        expect(from).toMatch(/^\.\/[a-z-]+\.js$/);
        look(new URL(from, file));
      }
    };
    look(new URL("../../dist/client/index.js", import.meta.url));
    expect([...seen.values()].join("")).toContain("x-deadline-ms");
    expect(seen.size).toBe(2);
  });
});
