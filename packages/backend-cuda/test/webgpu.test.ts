// The conformance suite on native WebGPU: a real adapter where the machine has one, else the software one that Chromium brings.

import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeEncoder } from "@biovlm/model/testing";
import { afterAll, describe, expect, it } from "vitest";
import { type AdapterSigns, softwareAdapter, webgpuBackend } from "../src/index.js";
import { gpuDeviceHere } from "../src/software-adapter.js";

const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (!gpuDeviceHere() && existsSync(SWIFTSHADER)) {
  process.env["VK_ICD_FILENAMES"] = SWIFTSHADER;
  process.env["XDG_RUNTIME_DIR"] ??= mkdtempSync(join(tmpdir(), "biovlm-xdg-"));
}

const backend = webgpuBackend({ threads: 1, maxBatch: 4 });
const probe = await backend.probe();
if (probe.available) describeEncoder("native webgpu", { backend }, { describe, it, afterAll });
else console.log(`skipped: native webgpu: ${probe.reason}`);

describe("a software adapter", () => {
  const signs = (changes: Partial<AdapterSigns>): AdapterSigns => ({
    platform: "linux",
    env: {},
    deviceFiles: ["/dev/dri/renderD128"],
    ...changes,
  });

  it("is told by a driver named in the environment, and by a Linux machine without any graphics device", () => {
    expect(softwareAdapter(signs({}))).toBeUndefined();
    expect(softwareAdapter(signs({ platform: "darwin", deviceFiles: [] }))).toBeUndefined();
    expect(softwareAdapter(signs({ deviceFiles: [] }))).toMatch(/no graphics device/);
    expect(softwareAdapter(signs({ env: { VK_ICD_FILENAMES: "/x/vk_swiftshader_icd.json" } }))).toMatch(/VK_ICD_FILENAMES/);
    expect(softwareAdapter(signs({ env: { VK_DRIVER_FILES: "/x/lvp_icd.x86_64.json" } }))).toMatch(/VK_DRIVER_FILES/);
  });

  it.skipIf(!probe.available)("is usable and scores below every CPU path", () => {
    if (probe.available && softwareAdapter({ platform: process.platform, env: process.env, deviceFiles: [] }) !== undefined) {
      expect(probe.score).toBeLessThan(20);
      expect(probe.detail).toMatch(/software adapter/);
    }
  });
});
