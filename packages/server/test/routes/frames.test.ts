// Requests of many frames: how many may be asked for, what is refused in which words, that others are answered meanwhile, and that nothing goes on
// for who has left. What the answers are is compared with the command line's in packages/cli/test/serve-volumes.test.ts.

import { setTimeout as delay } from "node:timers/promises";
import { dicomElement, dicomFile, madeCine } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { greyPng } from "./grey-png.js";
import { shownKinds } from "./shown-kinds.js";

const MiB = 2 ** 20;
let served: Awaited<ReturnType<typeof shownKinds>>;
let url: string;

beforeAll(async () => {
  served = await shownKinds({
    shown: { window: "file", plane: "axial" },
    engine: { pool: 1, poolOptions: { entry: new URL("../../../engine/dist/pool/child.js", import.meta.url) } },
    serving: { maxFrames: 500, maxImages: 4 },
  });
  ({ url } = served);
}, 60_000);
afterAll(() => served?.end());

interface Reply {
  readonly status: number;
  readonly body: {
    readonly code?: string;
    readonly detail?: string;
    readonly error?: string;
    readonly results: readonly { readonly frames?: { readonly count: number; readonly answered: number }; readonly predictions?: object }[];
  };
}
const post = async (query: string, body: Uint8Array, options: RequestInit = {}): Promise<Reply> => {
  const headers = { "content-type": "application/octet-stream" };
  const response = await fetch(`${url}/v1/classify${query}`, { method: "POST", headers, body: body as BodyInit, ...options });
  return { status: response.status, body: (await response.json()) as Reply["body"] };
};
const cine = (frames: number, side = 64) =>
  madeCine(
    Array.from({ length: frames }, (_, i) => i % 256),
    side,
  );

describe("frames that are asked for", () => {
  it("are as many as the server allows, counted before one is read, and over all images of a request", async () => {
    const whole = await post("?frame=all", cine(500, 16));
    expect([whole.status, whole.body.results[0]?.frames]).toEqual([200, expect.objectContaining({ count: 500, answered: 500 })]);
    for (const [query, frames, status] of [
      ["?frame=all", 501, 413],
      ["?volumes=true", 501, 413],
      ["?frame=every=2", 501, 200],
    ] as const) {
      const { status: got, body } = await post(query, cine(frames, 16));
      expect([query, got], JSON.stringify(body).slice(0, 300)).toEqual([query, status]);
      if (status === 413)
        expect(body).toMatchObject({ code: "too_many_frames", detail: expect.stringMatching(/at most 500 .*--max-frames/) });
    }
    const images = Array.from({ length: 3 }, () => Buffer.from(cine(200, 16)).toString("base64"));
    const headers = { "content-type": "application/json" };
    const { status, body } = await post("", Buffer.from(JSON.stringify({ images, frame: "all" })), { headers });
    expect([status, body.code]).toEqual([413, "too_many_frames"]);
    const five = Array.from({ length: 5 }, () => Buffer.from(greyPng(8, 8)).toString("base64"));
    const many = await post("", Buffer.from(JSON.stringify({ images: five, volumes: true })), { headers });
    expect([many.status, many.body.code, many.body.detail]).toEqual([413, "too_many_images", expect.stringContaining("--max-images")]);
  });

  it("of a bomb are refused by their number, or with the file, and the server goes on", async () => {
    // claims, and claims with a body of the largest size
    const claimed = (bytes: number) =>
      dicomFile("1.2.840.10008.1.2.1", [
        dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.3.1"),
        dicomElement("00280002", "US", 1),
        dicomElement("00280004", "CS", "MONOCHROME2"),
        dicomElement("00280008", "IS", "99999"),
        ...["00280010", "00280011"].map((tag) => dicomElement(tag, "US", 16)),
        ...["00280100", "00280101"].map((tag) => dicomElement(tag, "US", 8)),
        dicomElement("00280102", "US", 7),
        dicomElement("00280103", "US", 0),
        dicomElement("7FE00010", "OB", new Uint8Array(bytes)),
      ]);
    for (const [file, codes] of [
      [claimed(256), ["unreadable_image", "too_many_frames"]],
      [claimed(99_999 * 256), ["too_many_frames"]],
      [new Uint8Array(63 * MiB).fill(0x1f), ["unsupported_format"]],
    ] as const) {
      for (const query of ["?frame=all", "?volumes=1"]) expect(codes).toContain((await post(query, file)).body.code);
    }
    expect((await post("", greyPng(16, 16))).status).toBe(200);
  });

  it("are asked for in the command line's words; others are refused with them", async () => {
    for (const [query, status, code, words] of [
      ["?frame=0", 400, "bad_option", "expected middle or a number from 1"],
      ["?frame=every%3D0", 400, "bad_option", "expected middle or a number from 1"],
      ["?frame=9", 400, "bad_option", "frame"],
      ["?frame=3&volumes=true", 400, "bad_option", "all frames of a file"],
      ["?plane=oblique", 400, "bad_option", "axial, coronal, sagittal"],
      ["?window=wide", 400, "bad_option", "CENTER/WIDTH"],
      ["?window=lung", 400, "shown_otherwise", "learned with, file"],
      ["?plane=coronal", 400, "shown_otherwise", "learned with, axial"],
      ["?window=file&plane=axial&frame=2", 200, undefined, ""],
    ] as const) {
      const { status: got, body } = await post(query, cine(3, 16));
      expect([query, got, body.code]).toEqual([query, status, code]);
      if (words !== "") expect(body.detail).toContain(words);
    }
  });

  it("are parameters of a tensor where they are one picture, and refused in words where they are more", async () => {
    const infer = async (parameters: object) => {
      const data = [Buffer.from(cine(3, 16)).toString("base64")];
      const input = { name: "image", datatype: "BYTES", shape: [1], data };
      const response = await fetch(`${url}/v2/models/tiny/infer`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ parameters, inputs: [input] }),
      });
      return { status: response.status, text: await response.text() };
    };
    const [first, last] = [await infer({ frame: 1 }), await infer({ frame: "3" })];
    expect([first.status, last.status, first.text === last.text]).toEqual([200, 200, false]);
    for (const parameters of [{ frame: "all" }, { frame: "every=2" }, { volumes: true }])
      expect(await infer(parameters)).toMatchObject({ status: 400, text: expect.stringContaining("/v1/classify") });
    expect((await infer({ window: "lung" })).text).toContain("shown_otherwise");
  });
});

describe("a request of 500 frames", () => {
  it("leaves room for a request of one picture, and for a look at whether the server lives", async () => {
    const order: string[] = [];
    const long = post("?frame=all", cine(500, 512)).then(({ status }) => order.push(`cine ${status}`));
    await delay(30);
    for (let i = 0; i < 3; i++) {
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      expect((await post("", greyPng(32, 32))).status).toBe(200);
      order.push("picture");
    }
    await long;
    expect(order).toEqual(["picture", "picture", "picture", "cine 200"]);
  });

  it("ends when its client leaves, or its time is up", async () => {
    const file = cine(500, 1024);
    const left = new AbortController();
    const gone = post("?frame=all", file, { signal: left.signal }).catch((error: unknown) => (error as Error).name);
    await delay(100);
    left.abort();
    expect(await gone).toBe("AbortError");
    const headers = { "content-type": "application/octet-stream", "x-deadline-ms": "100" };
    expect((await post("?frame=all", file, { headers })).body.code).toBe("deadline_exceeded");
    expect((await post("?frame=all", cine(2, 16))).status).toBe(200);
  });
});
