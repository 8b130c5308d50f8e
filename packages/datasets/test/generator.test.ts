// Attribute sentences asked of a language model on this machine: what is sent where, what answers are taken, and what is asked again.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { attributeMessages, parseAttributeAnswer } from "../src/attribute-answer.js";
import { lintAttributes } from "../src/attribute-lint.js";
import { chatEndpoint } from "../src/chat-endpoint.js";
import { DatasetError } from "../src/errors.js";
import { generateAttributes } from "../src/index.js";

interface Asked {
  readonly headers: IncomingMessage["headers"];
  readonly body: { model: string; messages: { role: string; content: string }[] };
}

let close: (() => void) | undefined;
afterEach(() => close?.());

/** A chat endpoint that gives these answers in turn: a text, or a status with headers. */
async function endpoint(answers: readonly (string | { status: number; headers?: Record<string, string>; body?: string })[]) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    asked.push({ headers: request.headers, body: JSON.parse(text) as Asked["body"] });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer === undefined) throw new Error("no answer given");
    if (typeof answer === "string") response.end(JSON.stringify({ choices: [{ message: { content: answer } }] }));
    else response.writeHead(answer.status, answer.headers).end(answer.body ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
}

const ROUND = '["a smooth outline", "an even grey inside"]';
const SQUARE = '["four sharp corners", "straight edges on all sides"]';
const options = (url: string) => ({
  dataset: "shapes",
  modality: "line drawing",
  classes: ["disc", "box"],
  model: "small",
  perClass: 2,
  endpoint: url,
  retryDelayMs: 1,
});

describe("generateAttributes", () => {
  it("asks for one class after the other and gives a set that passes its schema", async () => {
    const { asked, url } = await endpoint([ROUND, SQUARE]);
    const seen: string[] = [];
    const set = await generateAttributes({ ...options(url), onClass: ({ className, attempts }) => seen.push(`${className} ${attempts}`) });
    expect(set.classes.map((c) => c.attributes)).toEqual([JSON.parse(ROUND), JSON.parse(SQUARE)]);
    expect(set.template).toContain("{attribute}");
    expect(seen).toEqual(["disc 1", "box 1"]);
    expect(asked[1]?.body.messages.at(-1)?.content).toContain("a smooth outline");
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  it("asks again with what was wrong: no JSON, too few, a phrase that names the other class", async () => {
    const { asked, url } = await endpoint(["Sure! Here you are.", '["one only"]', '["like a box", "smooth"]', ROUND, SQUARE]);
    const set = await generateAttributes(options(url));
    expect(set.classes[0]?.attributes).toEqual(JSON.parse(ROUND));
    expect(asked).toHaveLength(5);
    expect(asked[3]?.body.messages.at(-1)?.content).toMatch(/names the class "box"/);
  });

  it("gives up after the asked attempts and says what was wrong with the last answer", async () => {
    const { asked, url } = await endpoint(["no"]);
    await expect(generateAttributes({ ...options(url), retries: 1 })).rejects.toMatchObject({
      code: "bad_answer",
      message: expect.stringMatching(/after 2 attempts/),
    });
    expect(asked).toHaveLength(2);
  });

  it("waits for a busy server, and does not repeat what will not change", async () => {
    const busy = await endpoint([{ status: 429, headers: { "retry-after": "0" } }, { status: 503 }, ROUND, SQUARE]);
    await generateAttributes(options(busy.url));
    expect(busy.asked).toHaveLength(4);
    close?.();
    for (const status of [401, 404, 400]) {
      const refusing = await endpoint([{ status }]);
      await expect(generateAttributes(options(refusing.url))).rejects.toMatchObject({
        code: "network",
        message: expect.stringContaining(`${status}`),
      });
      expect(refusing.asked).toHaveLength(1);
      close?.();
    }
  });

  it("R18: follows no redirect, and sends a key to the named host alone", async () => {
    const other = await endpoint([ROUND]);
    const closeOther = close;
    const { asked, url } = await endpoint([{ status: 307, headers: { location: `${other.url}/chat/completions` } }]);
    await expect(generateAttributes({ ...options(url), apiKey: "secret", retries: 0 })).rejects.toMatchObject({ code: "network" });
    expect(asked[0]?.headers.authorization).toBe("Bearer secret");
    expect(other.asked).toHaveLength(0);
    closeOther?.();
  });

  it("stops when the caller stops, and when an answer takes too long or is too long", async () => {
    const { url } = await endpoint([{ status: 200, body: `{"choices":[{"message":{"content":"${"x".repeat(5 * 2 ** 20)}"}}]}` }]);
    await expect(generateAttributes({ ...options(url), retries: 0 })).rejects.toMatchObject({ code: "bad_answer" });
    await expect(generateAttributes({ ...options(url), signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1`;
    await expect(generateAttributes({ ...options(address), retries: 0, timeoutMs: 50 })).rejects.toThrow(/within 50 ms/);
    silent.closeAllConnections();
    silent.close();
  });

  it("refuses options before it asks anything", async () => {
    const { asked, url } = await endpoint([ROUND]);
    const wrong = [
      { perClass: 0 },
      { retries: 21 },
      { classes: ["one"] },
      { classes: ["a", "a"] },
      { template: "no places" },
      { dataset: "../x" },
      { model: " " },
      { perclass: 2 },
      { endpoint: "ftp://x/v1" },
      { endpoint: "http://user@x/v1" },
      { timeoutMs: 0 },
    ];
    for (const change of wrong)
      await expect(generateAttributes({ ...options(url), ...change } as never)).rejects.toBeInstanceOf(DatasetError);
    expect(asked).toHaveLength(0);
  });
});

describe("chatEndpoint", () => {
  it("sends a key in the clear to this machine only", () => {
    const at = (address: string) => chatEndpoint({ endpoint: address, model: "m", apiKey: "k", retries: 0 }).url;
    expect(at("http://localhost:11434/v1/")).toBe("http://localhost:11434/v1/chat/completions");
    expect(at("https://example.org/v1")).toBe("https://example.org/v1/chat/completions");
    expect(() => at("http://example.org/v1")).toThrow(/expected https for a host that gets a key/);
    expect(() => chatEndpoint({ model: "m", apiKey: "a b", retries: 0 })).toThrow(/printable characters without spaces/);
  });
});

describe("parseAttributeAnswer", () => {
  it("forgives a code fence, a thinking block, spaces and a full stop", () => {
    expect(parseAttributeAnswer('<think>hm</think>\n```json\n["a  b.", "c"]\n```', 2)).toEqual(["a b", "c"]);
  });

  it("refuses another count, entries that are no text, and answers that are no JSON", () => {
    for (const answer of ['["a"]', '["a", 1]', '["a", ""]', '{"a": 1}', "a, b", `["a", "${"x".repeat(401)}"]`])
      expect(() => parseAttributeAnswer(answer, 2)).toThrow(DatasetError);
  });
});

describe("attributeMessages", () => {
  it("names what the class must be told apart from, and never the class itself among the others", () => {
    const [, question] = attributeMessages({
      modality: "m",
      className: "b",
      classes: ["a", "b", "c"],
      count: 3,
      template: "{class} {attribute}",
      taken: ["x"],
    });
    expect(question?.content).toContain('told apart from: "a", "c".');
    expect(question?.content).toContain('Do not use any of these: "x"');
  });
});

describe("lintAttributes", () => {
  const set = (a: readonly string[], b: readonly string[]) => ({
    dataset: "d",
    modality: "m",
    template: "{class} {attribute}",
    classes: [
      { id: 0, name: "cyst", attributes: [...a] },
      { id: 1, name: "solid mass", attributes: [...b] },
    ],
  });
  const codes = (a: readonly string[], b: readonly string[]) =>
    lintAttributes(set(a, b), { perClass: a.length }).map((issue) => issue.code);

  it("finds counts, repetitions, shared phrases, leaks, own names and bad forms", () => {
    expect(codes(["thin wall", "dark inside"], ["rough rim", "bright spots"])).toEqual([]);
    expect(codes(["thin wall", "Thin walls"], ["rough rim", "bright spots"])).toEqual(["repeated"]);
    expect(codes(["thin wall"], ["thin  walls"])).toEqual(["shared"]);
    expect(codes(["unlike a solid mass"], ["rough rim"])).toEqual(["leak"]);
    expect(codes(["a cyst wall"], ["rough rim"])).toEqual(["own_name"]);
    expect(codes(["with {braces}"], ["it ends."])).toEqual(["form", "form"]);
    expect(codes([`long ${"x".repeat(130)}`], ["rough rim"])).toEqual(["length"]);
    expect(lintAttributes(set(["one"], ["two"]), {}).filter((issue) => issue.code === "count")).toHaveLength(2);
  });
});
