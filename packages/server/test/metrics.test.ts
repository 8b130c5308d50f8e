// What a server tells Prometheus, driven through the engine's observer: names, labels and counts, and nothing a client could fill with text.

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

  it("have a registry each, so that two servers in a process do not meet", async () => {
    const [one, other] = [createMetrics({ processMetrics: false }), createMetrics({ processMetrics: false })];
    one.observer.run("tiny", 4);
    expect(await other.registry.metrics()).not.toContain('biovlm_batch_images_count{model="tiny"}');
  });
});
