// A server that crops ultrasound to its region takes pictures that were cropped before they were sent, where a request says so on every route.

import { ultrasoundFrame } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../../src/client/index.js";
import { greyPng } from "./grey-png.js";
import { shownKinds } from "./shown-kinds.js";

let served: Awaited<ReturnType<typeof shownKinds>>;
let url: string;
beforeAll(async () => {
  served = await shownKinds({ shown: { ultrasoundRegion: true }, engine: { ultrasoundRegion: true } });
  ({ url } = served);
}, 60_000);
afterAll(() => served?.end());

describe("a picture that was cropped already", () => {
  const picture = greyPng(24, 24);
  const client = () => createClient({ baseUrl: url });

  it("is answered where the request says so, and refused as one without a region where it does not", async () => {
    const [said] = (await client().classify([picture], { cropped: true })).results;
    expect(said).toMatchObject({ predictions: [{}, {}] });
    await expect(client().classify([picture])).rejects.toMatchObject({ code: "unsupported_format", status: 415 });
    await expect(client().classify([picture], { cropped: false })).rejects.toMatchObject({ code: "unsupported_format" });
    const raw = await fetch(`${url}/v1/classify?cropped=1`, {
      method: "POST",
      headers: { "content-type": "image/png" },
      body: picture as BodyInit,
    });
    expect(((await raw.json()) as { results: object[] }).results).toEqual([said]);
    const region = (await client().classify([ultrasoundFrame(32, 32, [1, 1, 20, 20])])).results[0];
    expect(region?.dicom?.region).toEqual({ left: 1, top: 1, width: 20, height: 20 });
  });

  it("is embedded, and a tensor's image, in the same words", async () => {
    expect(await client().embedImages("tiny", [picture], { cropped: true })).toHaveLength(1);
    await expect(client().embedImages("tiny", [picture])).rejects.toMatchObject({ code: "unsupported_format" });
    const infer = (parameters: Record<string, string | boolean>) => {
      const data = [Buffer.from(picture).toString("base64")];
      return client().infer("tiny", { parameters, inputs: [{ name: "image", datatype: "BYTES", shape: [1], data }] });
    };
    expect((await infer({ cropped: true })).outputs.map(({ name }) => name)).toContain("probabilities");
    await expect(infer({})).rejects.toMatchObject({ message: expect.stringContaining("unsupported_format") });
    await expect(infer({ cropped: "yes" })).rejects.toMatchObject({ message: expect.stringContaining("expected true or false") });
  });
});
