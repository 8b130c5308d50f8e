// Frames, planes, windows and ranges asked for over gRPC: one named picture is a row of its tensor, as POST /v1/classify answers it; what would be
// several, or stands where it means nothing, is refused in words.

import { readFileSync } from "node:fs";
import type { Engine } from "@biovlm/engine";
import { golden, greyPng, madeCine } from "@biovlm/testkit";
import * as grpc from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, grpcServer, servingOptions } from "../../src/index.js";
import { kindsEngine } from "../routes/kinds-engine.js";
import { ask, clientOf } from "./grpc-client.js";

type Value = { readonly [kind in "bool_param" | "int64_param" | "string_param" | "double_param" | "uint64_param"]?: unknown };
type Values = Readonly<Record<string, Value>>;

let engine: Engine;
let app: FastifyInstance;
let client: grpc.Client;
const cine = Buffer.from(madeCine([20, 120, 230], 32));
const detector = Buffer.from(greyPng(48, 48, 16, (i) => (i * 37) % 4096));
let volume: Buffer;

beforeAll(async () => {
  const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
  volume = Buffer.from(rows.find(({ name }) => name === "nifti int16 little 0")?.bytes ?? "", "base64");
  engine = await kindsEngine();
  const options = servingOptions({ grpcPort: 0 });
  app = await createServer({ engine, options, version: "0.1.0" });
  const there = await grpcServer(app, options);
  await app.ready();
  client = clientOf((await there.listen()).replace(/^grpc:\/\//, ""), grpc.credentials.createInsecure());
}, 60_000);
afterAll(async () => {
  client?.close();
  await app?.close();
  await engine?.close(0);
});

const text = (value: string): Value => ({ string_param: value });
const infer = (images: readonly Buffer[], parameters: Values = {}, ofInput: Values = {}) =>
  ask(client, "ModelInfer", {
    model_name: "tiny",
    parameters,
    inputs: [
      { name: "image", datatype: "BYTES", shape: [String(images.length)], parameters: ofInput, contents: { bytes_contents: images } },
    ],
  });
/** Probabilities, a row for each image. */
const rows = async (images: readonly Buffer[], parameters: Values = {}) => {
  const answer = await infer(images, parameters);
  expect(answer.outputs, `${JSON.stringify(parameters)}: ${answer.details}`).toHaveLength(4);
  const [bytes] = answer.raw_output_contents;
  return images.map((_, row) => [0, 1].map((c) => bytes.readFloatLE(8 * row + 4 * c)));
};
/** The same of POST /v1/classify, in the order of the bank's classes. */
const classified = async (images: readonly Buffer[], options: object) => {
  const payload = { images: images.map((bytes) => bytes.toString("base64")), ...options };
  const answer = await app.inject({ method: "POST", url: "/v1/classify", payload });
  const { classes, results } = answer.json() as {
    classes: string[];
    results: { predictions: { class: string; probability: number }[] }[];
  };
  return results.map(({ predictions }) =>
    classes.map((name) => Math.fround(predictions.find((one) => one.class === name)?.probability ?? Number.NaN)),
  );
};

describe("pictures asked for over gRPC", () => {
  it("are the frame, plane, window and range that are named, of every image, as /v1/classify answers them", async () => {
    for (const [images, options, parameters] of [
      [[cine], { frame: 1 }, { frame: { int64_param: "1" } }],
      [[cine], { frame: 3 }, { frame: text("3") }],
      [[cine, volume], { frame: 2 }, { frame: { uint64_param: "2" } }],
      [[cine], { frame: "middle", window: "100/300" }, { frame: text("middle"), window: text("100/300") }],
      [[volume], { plane: "coronal", window: "min-max" }, { plane: text("coronal"), window: text("min-max") }],
      [[volume], { plane: "sagittal", frame: 1 }, { plane: text("sagittal"), frame: { double_param: 1 } }],
      [[detector], { range: "0..1000" }, { range: text("0..1000") }],
      [[detector], { range: "bits=14" }, { range: text("bits=14") }],
    ] as const)
      expect(await rows(images, parameters), JSON.stringify(parameters)).toEqual(await classified(images, options));
    // each of them is a picture of its own
    const seen = [
      await rows([cine], { frame: text("1") }),
      await rows([cine], { frame: text("3") }),
      await rows([cine], { window: text("100/300") }),
      await rows([volume]),
      await rows([volume], { plane: text("coronal") }),
      await rows([volume], { plane: text("sagittal") }),
      await rows([detector], { range: text("0..1000") }),
      await rows([detector], { range: text("bits=14") }),
    ];
    expect(new Set(seen.map(String)).size).toBe(seen.length);
  });

  it("are refused in words where they are several, are none, or the words say nothing", async () => {
    for (const [images, parameters, code, words] of [
      [[cine], { frame: text("all") }, "bad_request", /one picture of each image.*\/v1\/classify/],
      [[cine], { frame: text("every=2") }, "bad_request", /\/v1\/classify/],
      [[cine], { volumes: { bool_param: true } }, "bad_request", /parameter volumes .*\/v1\/classify/],
      [[cine], { frame: { int64_param: "0" } }, "bad_option", /middle or a number from 1/],
      [[cine], { frame: { int64_param: "-1" } }, "bad_option", /middle or a number from 1/],
      [[cine], { frame: { double_param: 1.5 } }, "bad_option", /middle or a number from 1/],
      [[cine], { frame: { bool_param: true } }, "bad_option", /middle or a number from 1/],
      [[cine], { frame: {} }, "bad_option", /middle or a number from 1/],
      [[cine], { frame: text("4") }, "bad_option", /image 0 — .*frame/],
      [[volume, cine], { frame: { int64_param: "3" }, plane: text("oblique") }, "bad_option", /axial, coronal, sagittal/],
      [[cine], { window: text("wide") }, "bad_option", /CENTER\/WIDTH/],
      [[cine], { window: { int64_param: "40" } }, "bad_option", /CENTER\/WIDTH/],
      [[detector], { range: text("dark") }, "bad_option", /LOW\.\.HIGH/],
      [[cine], { frames: text("2") }, "bad_request", /expected only .*frame, plane, window, range/],
    ] as const) {
      const answer = await infer(images, parameters);
      const what = JSON.stringify(parameters);
      expect([answer.code, answer.metadata?.get("biovlm-code")], `${what}: ${answer.details}`).toEqual([
        grpc.status.INVALID_ARGUMENT,
        [code],
      ]);
      expect(answer.details, what).toMatch(words);
    }
  });

  it("are asked for by the request: at an input, and of embeddings, the words are refused and not passed over", async () => {
    for (const name of ["frame", "plane", "window", "range", "classes", "rho"]) {
      const answer = await infer([cine], {}, { [name]: text("1") });
      expect([answer.code, answer.metadata?.get("biovlm-code")], name).toEqual([grpc.status.INVALID_ARGUMENT, ["bad_request"]]);
      expect(answer.details).toMatch(/input image .*request's own parameters/);
    }
    const embedding = { name: "embedding", datatype: "FP32", shape: ["1", "128"], contents: { fp32_contents: new Array(128).fill(0.1) } };
    for (const name of ["frame", "plane", "window", "range"]) {
      const answer = await ask(client, "ModelInfer", { model_name: "tiny", parameters: { [name]: text("1") }, inputs: [embedding] });
      expect([answer.code, answer.metadata?.get("biovlm-code")], name).toEqual([grpc.status.INVALID_ARGUMENT, ["bad_request"]]);
      expect(answer.details).toMatch(/images/);
    }
  });
});
