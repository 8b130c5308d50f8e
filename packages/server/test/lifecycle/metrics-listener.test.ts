// Metrics on their own port: nothing else is had there, nobody needs a key, and a page of another site reads nothing.

import { request } from "node:http";
import { afterEach, expect, it } from "vitest";
import { createMetrics, listenForMetrics, type MetricsListener, servingOptions } from "../../src/index.js";

let listener: MetricsListener | undefined;
afterEach(() => listener?.close());

const metrics = createMetrics({ processMetrics: false });

function get(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, method }, (answer) => {
      let text = "";
      answer.on("data", (part) => {
        text += part;
      });
      answer.on("end", () => resolve({ status: answer.statusCode!, text }));
    });
    call.on("error", reject);
    call.end();
  });
}

it("gives metrics on loopback unless another address is named, and nothing else", async () => {
  expect(await listenForMetrics(metrics, servingOptions())).toBeUndefined();
  metrics.bodies(() => 77);
  listener = (await listenForMetrics(metrics, servingOptions({ metricsPort: 0 })))!;
  expect(listener.where).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const { status, text } = await get(listener.where);
  expect(status).toBe(200);
  expect(text).toMatch(/^biovlm_queue_bytes 77$/m);
  expect((await get(listener.where, {}, "POST")).status).toBe(404);
  for (const path of ["/", "/livez", "/v1/classify", "/metrics/"]) expect((await get(new URL(path, listener.where).href)).status).toBe(404);
  expect((await get(listener.where, { host: "evil.example" })).status).toBe(403);
});

it("names its own flags where its port is taken or its address is none", async () => {
  listener = (await listenForMetrics(metrics, servingOptions({ metricsPort: 0 })))!;
  const taken = Number(new URL(listener.where).port);
  await expect(listenForMetrics(metrics, servingOptions({ metricsPort: taken }))).rejects.toMatchObject({
    code: "port_in_use",
    message: expect.stringContaining("--metrics-port"),
  });
  await expect(listenForMetrics(metrics, servingOptions({ metricsPort: 0, metricsHost: "192.0.2.1" }))).rejects.toMatchObject({
    code: "bad_address",
    message: expect.stringContaining("--metrics-host"),
  });
});
