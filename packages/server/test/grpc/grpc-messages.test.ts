// Messages read and written here are those of the generated reader and writer, within HTTP's limits.

import type * as grpc from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { askedRequest, inferResponse } from "../../src/grpc/grpc-messages.js";
import { inferRequest } from "../../src/grpc/infer-request.js";
import { binaryOf, type OutputTensor } from "../../src/tensors/infer-codec.js";
import { greyPng } from "../routes/grey-png.js";
import { type Answer, service } from "./grpc-client.js";

const png = Buffer.from(greyPng(80, 60));
const image = () => ({ name: "image", datatype: "BYTES", shape: ["1"], contents: { bytes_contents: [png] } });
const floats = (bytes: Buffer) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));

it("reads a message as its generated reader does, and refuses more of anything than HTTP takes", () => {
  const { ModelInfer } = service.service as Record<string, grpc.MethodDefinition<object, object>>;
  const bytes = (request: object) => Buffer.from(ModelInfer!.requestSerialize({ model_name: "tiny", ...request }));
  const parameters = {
    flag: { bool_param: true },
    whole: { int64_param: "-9007199254740991" },
    text: { string_param: "ä" },
    real: { double_param: 0.1 },
    unsigned: { uint64_param: "7" },
    none: {},
  };
  const plain = { flag: true, whole: -9007199254740991, text: "ä", real: 0.1, unsigned: 7, none: "" };
  const numbers = { name: "embedding", datatype: "FP32", shape: ["1", "3"], contents: { fp32_contents: [1, -2.5, 0.25] } };
  const request = { id: "42", parameters, inputs: [{ ...image(), parameters }, numbers], outputs: [{ name: "class", parameters }] };
  const read = inferRequest(bytes(request));
  expect({ ...read, inputs: read.inputs.map(({ contents, ...said }) => said) }).toEqual({
    ...{ size: bytes(request).length, model_name: "tiny", model_version: "", id: "42", parameters: plain, raw: [] },
    inputs: [
      { name: "image", datatype: "BYTES", shape: [1], parameters: plain },
      { name: "embedding", datatype: "FP32", shape: [1, 3], parameters: {} },
    ],
    outputs: [{ name: "class", parameters: plain }],
  });
  expect(() => askedRequest(inferRequest(bytes({ ...request, outputs: [] })))).toThrow(expect.objectContaining({ code: "bad_request" }));
  const asked = askedRequest(inferRequest(bytes({ ...request, inputs: [image(), numbers], outputs: [] })));
  expect(asked).toMatchObject({ id: "42", parameters: plain, binaryOutput: true });
  expect(asked.inputs[0]?.elements?.map((element) => Buffer.from(element).equals(png))).toEqual([true]);
  expect(asked.inputs[1]?.numbers).toEqual(Float32Array.of(1, -2.5, 0.25));
  // numbers one by one, each behind its tag, are the same numbers
  const single = Buffer.from("350000803f35000020c0", "hex");
  const input = Buffer.concat([Buffer.from([42, single.length]), single]);
  const { inputs } = inferRequest(Buffer.concat([Buffer.from([42, input.length]), input]));
  expect(floats(Buffer.from(inputs[0]!.contents()))).toEqual([1, -2.5]);
  const many = <T>(count: number, item: T) => Array.from({ length: count }, () => item);
  for (const more of [
    { inputs: many(9, image()) },
    { outputs: many(17, { name: "class" }) },
    { raw_input_contents: many(9, png) },
    { id: "a".repeat(5000) },
    { parameters: Object.fromEntries(many(65, 0).map((_, i) => [`p${i}`, { bool_param: true }])) },
    { inputs: [{ ...image(), shape: many(9, "1") }] },
    { inputs: [{ ...image(), contents: { bytes_contents: many(70_000, Buffer.alloc(0)) } }] },
  ])
    expect(() => inferRequest(bytes(more)), JSON.stringify(more).slice(0, 80)).toThrow(expect.objectContaining({ code: "bad_tensor" }));
});

it("writes an answer as its generated writer does", () => {
  const { ModelInfer } = service.service as Record<string, grpc.MethodDefinition<object, object>>;
  const parameters = { device: "cpu", fell_back: false, ready: true, share: 0.25, note: "ä", none: "" };
  const tensors: OutputTensor[] = [
    { name: "probabilities", datatype: "FP32", shape: [2, 300], data: Float32Array.from({ length: 600 }, (_, i) => i / 600) },
    { name: "class", datatype: "BYTES", shape: [2], data: ["ä", ""] },
    { name: "kept", datatype: "INT32", shape: [2, 0], data: new Int32Array(0) },
  ];
  for (const id of [undefined, "", "4".repeat(300)]) {
    const request = { binaryOutput: true, ...(id === undefined ? {} : { id }) };
    const written = inferResponse({ model: "tiny", version: "1", parameters, outputs: tensors, request });
    const plain = {
      model_name: "tiny",
      model_version: "1",
      id: id ?? "",
      parameters: Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [
          name,
          typeof value === "string" ? { string_param: value } : typeof value === "number" ? { double_param: value } : { bool_param: value },
        ]),
      ),
      outputs: tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
      raw_output_contents: tensors.map((tensor) => Buffer.from(binaryOf(tensor))),
    };
    expect(ModelInfer!.responseDeserialize(Buffer.from(written))).toEqual(
      ModelInfer!.responseDeserialize(ModelInfer!.responseSerialize(plain)),
    );
  }
  const request = { binaryOutput: true, outputs: [{ name: "class", binary: true }] };
  const { outputs } = ModelInfer!.responseDeserialize(
    Buffer.from(inferResponse({ model: "tiny", version: "1", parameters: {}, outputs: tensors, request })),
  ) as Answer;
  expect(outputs.map(({ name }) => name)).toEqual(["class"]);
});
