// The server's answers among the engine's, against a server and a worker of the test's own: what goes in one request, what is sent again, and what
// is said where the server does not answer.

import { beforeEach, describe, expect, it } from "vitest";
import { type EngineClient, EngineFailure } from "../../src/engine/engine-client.js";
import type { ImageRef } from "../../src/engine/protocol.js";
import { ServerDoor, ServerRefusal } from "../../src/page/server-door.js";
import { answeredBy } from "../../src/page/server-engine.js";

const BANK = { name: "kinds", digest: "sha256:b", classes: ["a", "b"], prompts: 4, rho: 0.5, recipe: "r", own: true };
const OTHER = { ...BANK, name: "other", digest: "sha256:o", own: false, window: "lung", plane: "coronal", range: "bits=12" };
const MODEL = { name: "tiny", digest: "sha256:m", device: "cpu", precision: "fp32", banks: [BANK, OTHER] };
const LIMITS = { maxImages: 3, maxImageBytes: 5000, maxBodyBytes: 12_000 };

let asked: {
  readonly path: string;
  readonly key: string | null;
  readonly images: number;
  readonly bank: string | null;
  readonly redirect: unknown;
}[];
let worker: string[];
/** answers of POST /v1/classify that come before those below */
let first: (Response | Error)[];
let digest: string;

const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json({ code, detail: `${code} — in detail` }, { status, headers });

async function server(url: URL, init: RequestInit): Promise<Response> {
  if (url.pathname === "/at/server.json") return Response.json({ answers: true, key: false, limits: LIMITS });
  const form = init.body instanceof FormData ? init.body : new FormData();
  const images = form.getAll("image") as File[];
  asked.push({
    path: url.pathname,
    key: new Headers(init.headers).get("Authorization"),
    images: images.length,
    bank: form.get("bank") as string | null,
    redirect: init.redirect,
  });
  if (url.pathname === "/at/v1/served") return Response.json({ models: [MODEL, { ...MODEL, name: "bare", banks: [] }] });
  const [now] = first.splice(0, 1);
  if (now instanceof Error) throw now;
  if (now !== undefined) return now;
  const results = await Promise.all(
    images.map(async (image) => {
      const text = await image.text();
      if (text.startsWith("torn")) return { error: { code: "unreadable_image", message: "it is torn" } };
      const prompts = [0, 1, 2, 3].map((index) => ({
        index,
        name: `p${index}`,
        entropy: index,
        kept: index === 3,
        probabilities: [0.25, 0.75],
      }));
      return {
        predictions: [
          { class: "b", probability: 0.75 },
          { class: "a", probability: 0.25 },
        ],
        kept: [{ prompt: 3, entropy: 3 }],
        prompts,
      };
    }),
  );
  return Response.json({ model: { digest: "sha256:m" }, bank: { digest }, classes: ["a", "b"], results });
}

/** A worker that may send files as they are; "broken" ones cannot be read. */
const client: EngineClient = {
  async ask(name, ask) {
    worker.push(name);
    if (name === "prepare" && JSON.stringify(ask).includes("refused")) throw new EngineFailure({ code: "bad_classes", message: "no" });
    if (name !== "sendable") return { classes: ["here"] } as never;
    const text = await (ask as ImageRef).file.text();
    if (text === "broken") throw new EngineFailure({ code: "corrupt", message: "no image" });
    return { bytes: new TextEncoder().encode(text), pixelsOnly: false } as never;
  },
  end() {},
};

const image = (id: number, text = `image ${id}`): ImageRef => ({ id, file: new Blob([text]) });
const images = (n: number) => Array.from({ length: n }, (_, i) => image(i + 1));
const SOURCE = { kind: "server", model: "tiny", bank: "kinds" } as const;

async function chosen(source: { kind: "server"; model: string; bank: string } = SOURCE) {
  const door = new ServerDoor("http://clinic.example:81/at/", server);
  await door.find();
  const engine = answeredBy(client, door);
  const prepared = await engine.ask("prepare", { classes: source });
  const classify = (list: ImageRef[], signal?: AbortSignal) => engine.ask("classify", { images: list }, { signal });
  return { door, engine, prepared, classify };
}

beforeEach(() => {
  asked = [];
  worker = [];
  first = [];
  digest = BANK.digest;
});

describe("the server's bank", () => {
  it("is described by its server, with the window, the plane and the range it keeps; prompts' names and K are those of its answers", async () => {
    const { prepared, classify } = await chosen();
    expect(prepared).toMatchObject({
      classes: ["a", "b"],
      kept: 2,
      digest: "sha256:b",
      prompts: ["prompt 1", "prompt 2", "prompt 3", "prompt 4"],
    });
    expect(prepared.answerer).toMatchObject({
      host: "clinic.example:81",
      model: { name: "tiny", digest: "sha256:m" },
      bank: "kinds",
      device: "cpu",
    });
    await classify(images(1));
    expect([prepared.kept, prepared.prompts]).toEqual([1, ["p0", "p1", "p2", "p3"]]);
    const other = await chosen({ ...SOURCE, bank: "other" });
    expect(other.prepared).toMatchObject({ window: "lung", plane: "coronal", range: "bits=12" });
  });

  it("is asked in requests that the server takes, to its own address alone, and not twice for one image; its own bank goes unnamed", async () => {
    const { classify, door } = await chosen();
    door.key = "k";
    const answers = await classify(images(7));
    expect(answers.map((a) => [a.id, a.ok && a.answer.predictions[0]?.class])).toEqual(images(7).map(({ id }) => [id, "b"]));
    expect(asked.slice(1)).toEqual(
      [3, 3, 1].map((count) => ({ path: "/at/v1/classify", key: "Bearer k", images: count, bank: null, redirect: "error" })),
    );
    await classify([...images(7), image(8)]);
    expect(asked.slice(4).map((a) => a.images)).toEqual([1]);
    // 4 + 4 + 4 kB and what is around them are more than a body may have
    await classify([21, 22, 23].map((id) => image(id, "x".repeat(4000))));
    expect(asked.slice(5).map((a) => a.images)).toEqual([2, 1]);
    const other = await chosen({ ...SOURCE, bank: "other" });
    digest = OTHER.digest;
    await other.classify(images(1));
    expect(asked.at(-1)).toMatchObject({ bank: "other" });
  });

  it("is not sent what cannot be read here or is too large for it; what it cannot read is a failure of that image", async () => {
    const { classify } = await chosen();
    const said = await classify([image(1, "broken"), image(2, "x".repeat(5001)), image(3, "torn"), image(4)]);
    expect(said.map((a) => (a.ok ? "ok" : a.error.code))).toEqual(["corrupt", "server_payload_too_large", "server_unreadable_image", "ok"]);
    expect(asked.slice(1).map((a) => a.images)).toEqual([2]);
    first = [problem(422, "unreadable_image")];
    expect(await classify([image(5)])).toMatchObject([{ ok: false, error: { code: "server_unreadable_image" } }]);
  });

  it("is asked image by image where something between takes less, and says which is too large", async () => {
    const { classify } = await chosen();
    first = [new Response("<html>", { status: 413 }), new Response("<html>", { status: 413 })];
    const said = await classify(images(3));
    expect(said.map((a) => (a.ok ? "ok" : a.error.message))).toEqual([expect.stringContaining("takes less"), "ok", "ok"]);
    expect(asked.slice(1).map((a) => a.images)).toEqual([3, 1, 1, 1]);
  });

  it("is waited for as it asks, with a word of it; a long wait is said and left to the person", async () => {
    const { classify, door } = await chosen();
    const waits: string[] = [];
    door.onWait = (text) => waits.push(text);
    first = [problem(503, "overloaded", { "Retry-After": "0" }), problem(429, "rate_limited", { "Retry-After": "0" })];
    expect(await classify(images(1))).toMatchObject([{ ok: true }]);
    expect(waits.filter((text) => text !== "")).toHaveLength(2);
    first = [problem(429, "rate_limited", { "Retry-After": "600" })];
    await expect(classify([image(9)])).rejects.toMatchObject({
      code: "server_rate_limited",
      message: expect.stringContaining("in 600 seconds"),
    });
    first = Array.from({ length: 9 }, () => problem(503, "overloaded", { "Retry-After": "0" }));
    await expect(classify([image(10)])).rejects.toBeInstanceOf(ServerRefusal);
    expect(first).toHaveLength(5);
    first = [problem(429, "rate_limited", { "Retry-After": "60" })];
    const stop = new AbortController();
    const waiting = classify([image(11)], stop.signal);
    door.onWait = () => stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "stopped" });
  });

  it("that is gone is asked again three times with longer pauses, each with a word of it", async () => {
    const { classify, door } = await chosen();
    door.again = [0, 0, 0];
    const waits: string[] = [];
    door.onWait = (text) => waits.push(text);
    first = [new TypeError("fetch failed"), new Response("", { status: 504 })];
    expect(await classify(images(1))).toMatchObject([{ ok: true }]);
    expect(waits.filter((text) => /does not answer: going on in/.test(text))).toHaveLength(2);
    first = Array.from({ length: 9 }, () => new TypeError("fetch failed"));
    await expect(classify([image(9)])).rejects.toMatchObject({ code: "server_gone" });
    expect(first).toHaveLength(5);
  });

  it("that wants a key all of a sudden says so, and is sent no key that a header cannot hold", async () => {
    const { classify, door } = await chosen();
    let keyed = 0;
    door.onKey = () => keyed++;
    first = [problem(401, "unauthorized")];
    await expect(classify(images(1))).rejects.toMatchObject({
      code: "server_unauthorized",
      message: expect.stringContaining("wants a key"),
    });
    expect([keyed, door.facts?.key]).toEqual([1, true]);
    const before = asked.length;
    for (const key of ["ключ", "two words", "line\nbreak"]) {
      door.key = key;
      await expect(classify(images(1))).rejects.toMatchObject({ code: "server_bad_key" });
    }
    expect(asked).toHaveLength(before);
  });

  it("that refuses, is gone or is another one now is said in words", async () => {
    const { classify, door } = await chosen();
    const refused = async (now: Response | Error) => {
      first = [now];
      return (await classify([image(1)]).catch((error: unknown) => error as ServerRefusal)) as ServerRefusal;
    };
    expect((await refused(problem(401, "unauthorized"))).message).toMatch(/wants a key/);
    door.key = "wrong";
    expect((await refused(problem(401, "unauthorized"))).message).toMatch(/does not know this key/);
    expect((await refused(problem(403, "forbidden"))).message).toMatch(/forbidden — in detail/);
    door.again = [];
    expect((await refused(new TypeError("fetch failed"))).message).toMatch(/clinic\.example:81 does not answer/);
    expect((await refused(new Response("<h1>Bad gateway</h1>", { status: 502 }))).message).toMatch(/clinic\.example:81 does not answer/);
    expect((await refused(new Response("<h1>Sign in</h1>"))).message).toMatch(/cannot read: something else answers/);
    expect((await refused(problem(500, "internal"))).message).toMatch(/refuses: internal/);
    digest = "sha256:new";
    await expect(classify([image(1)])).rejects.toMatchObject({ code: "server_changed" });
    await expect(chosen({ ...SOURCE, bank: "gone" })).rejects.toMatchObject({ code: "server_unknown_bank" });
  });

  it("gives its place back to the worker's with other classes, and keeps it where those are refused", async () => {
    const { engine, classify } = await chosen();
    await expect(engine.ask("prepare", { classes: { kind: "names", names: ["refused"] } })).rejects.toMatchObject({ code: "bad_classes" });
    await classify(images(1));
    expect(asked.at(-1)?.path).toBe("/at/v1/classify");
    await engine.ask("look", image(1));
    await engine.ask("prepare", { classes: { kind: "names", names: ["here"] } });
    const before = asked.length;
    await classify(images(2));
    expect([asked.length, worker.slice(-3)]).toEqual([before, ["look", "prepare", "classify"]]);
  });
});

describe("a page's server", () => {
  it("that says nothing, or that it does not answer, is not offered", async () => {
    const find = (answer: () => Promise<Response>) => new ServerDoor("http://a.example/", answer).find();
    expect(await find(async () => Response.json({ answers: false }))).toBeUndefined();
    expect(await find(async () => new Response("<html>"))).toBeUndefined();
    expect(await find(async () => Promise.reject(new TypeError("no network")))).toBeUndefined();
    expect(await find(async () => Response.json({ answers: true, key: true, limits: LIMITS }))).toEqual({ key: true, limits: LIMITS });
  });
});
