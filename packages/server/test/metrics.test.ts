// What a server tells Prometheus, driven through the engine's observer: names, labels and counts, and nothing a client could fill with text.

import { spawnSync } from "node:child_process";
import { withoutProgram } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { createMetrics } from "../src/metrics.js";

const bank = {
  name: "b",
  digest: `sha256:${"a".repeat(64)}`,
  classes: ["x", "y"],
  prompts: 3,
  rho: 0.5,
  recipe: "templates",
  openSet: false,
  modelDigest: "d",
};
const timings = { queue: 1, decode: 2, preprocess: 3, encode: 4, route: 5 };

describe("metrics", () => {
  it("count answers, kept prompts, stages, runs and the device in use", async () => {
    const { observer, registry, request } = createMetrics({ processMetrics: false });
    observer.queue("tiny", () => 7);
    observer.run("tiny", 4);
    observer.encodingEvent("tiny", { kind: "started", device: "cuda", ms: 1 });
    observer.encodingEvent("tiny", { kind: "fell back", from: "cuda", to: "cpu", reason: "lost" } as never);
    const kept = [{ prompt: 2, entropy: 0.1 }];
    observer.answered(
      "tiny",
      bank,
      [
        { predictions: [], kept },
        { sha256: "", error: { code: "unreadable_image", message: "x" } },
      ],
      timings,
    );
    observer.bankReloaded("b", bank.digest);
    observer.bankRefused("b", "bad_bank");
    request("/v1/classify", "POST", 200, 0.01);
    const text = await registry.metrics();
    for (const name of [...Object.keys(timings), "total"]) expect(text).toContain(`stage="${name}"`);
    expect(text).toContain('biovlm_backend{model="tiny",device="cuda"} 0');
    expect(text).toContain('biovlm_backend{model="tiny",device="cpu"} 1');
    expect(text).toContain('biovlm_fallbacks_total{model="tiny",from="cuda",to="cpu"} 1');
    expect(text).toContain('biovlm_prompt_kept_total{bank="sha256:aaaaaaaaaaaa",prompt="2"} 1');
    expect(text).toContain('biovlm_images_total{model="tiny",outcome="unreadable_image"} 1');
    expect(text).toContain('biovlm_queue_images{model="tiny"} 7');
    expect(text).toContain('biovlm_bank_loads_total{outcome="refused"} 1');
    expect(text).toContain('route="/v1/classify"');
  });

  it("count who was refused, what is open and held, what was renewed, and the memory of encoders", async () => {
    const metrics = createMetrics({ processMetrics: false });
    metrics.observer.memory("tiny", () => 3e8);
    metrics.authFailed("unknown");
    metrics.bodies(() => 5);
    metrics.reloaded("keys", "loaded");
    const ended = metrics.begun();
    metrics.begun();
    ended();
    const text = await metrics.registry.metrics();
    for (const line of [
      'biovlm_encoder_memory_bytes{model="tiny"} 300000000',
      'biovlm_auth_failures_total{reason="unknown"} 1',
      "biovlm_queue_bytes 5",
      "biovlm_requests_in_flight 1",
      'biovlm_reload_last_successful{what="keys"} 1',
    ])
      expect(text.split("\n")).toContain(line);
  });

  it.skipIf(withoutProgram("promtool"))("are as Prometheus wants them named and described", async () => {
    const { registry, observer, request, authFailed, reloaded } = createMetrics();
    observer.queue("tiny", () => 0);
    observer.memory("tiny", () => 1);
    observer.run("tiny", 1);
    observer.answered("tiny", bank, [{ predictions: [], kept: [{ prompt: 1, entropy: 0.5 }] }], timings);
    for (const event of [
      { kind: "started", device: "cpu", ms: 1 },
      { kind: "crashed", reason: "x" },
      { kind: "recycled", reason: "rss" },
      { kind: "fell_back", from: "cuda", to: "cpu", reason: "x" },
    ] as const)
      observer.encodingEvent("tiny", event);
    observer.bankReloaded("b", bank.digest);
    request("/livez", "GET", 200, 0.1);
    authFailed("missing");
    reloaded("keys", "loaded");
    const checked = spawnSync("promtool", ["check", "metrics"], { input: await registry.metrics(), encoding: "utf8" });
    expect([checked.stdout, checked.stderr, checked.status]).toEqual(["", "", 0]);
    const bad = spawnSync("promtool", ["check", "metrics"], { input: "# TYPE x_total gauge\nx_total 1\n", encoding: "utf8" });
    expect(bad.status).not.toBe(0);
  });

  it("have a registry each, so that two servers in a process do not meet", async () => {
    const [one, other] = [createMetrics({ processMetrics: false }), createMetrics({ processMetrics: false })];
    one.observer.run("tiny", 4);
    expect(await other.registry.metrics()).not.toContain('biovlm_batch_images_count{model="tiny"}');
  });
});
