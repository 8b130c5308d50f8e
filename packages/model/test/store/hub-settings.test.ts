// The Hugging Face variables: pure functions of environment, platform and home, so every case is a row.

import type { HostPlace } from "@biovlm/files/node";
import { describe, expect, it } from "vitest";
import { hubSettings } from "../../src/node/index.js";

const place = (env: Record<string, string> = {}, platform: NodeJS.Platform = "linux"): HostPlace => ({
  env,
  platform,
  home: "/people/ada",
});

describe("the hub's settings", () => {
  it("default to Hugging Face and its shared cache", () => {
    expect(hubSettings(place())).toEqual({
      endpoint: "https://huggingface.co",
      cache: "/people/ada/.cache/huggingface/hub",
      tokenFile: "/people/ada/.cache/huggingface/token",
      netrcFile: "/people/ada/.netrc",
      offline: false,
    });
  });

  it.each<[Record<string, string>, object]>([
    [{ HF_HOME: "/h" }, { cache: "/h/hub", tokenFile: "/h/token" }],
    [{ HF_HOME: "~/h" }, { cache: "/people/ada/h/hub" }],
    [
      { HF_HOME: "/h", HF_HUB_CACHE: "/c" },
      { cache: "/c", tokenFile: "/h/token" },
    ],
    [{ HF_ENDPOINT: "https://mirror.example/" }, { endpoint: "https://mirror.example" }],
    [{ HF_TOKEN: " hf_x\n" }, { token: "hf_x" }],
    [{ HF_TOKEN: "a", HUGGING_FACE_HUB_TOKEN: "b" }, { token: "a" }],
    [{ HF_HUB_OFFLINE: "1" }, { offline: true }],
    [{ HF_HUB_OFFLINE: "TRUE" }, { offline: true }],
    [{ HF_HUB_OFFLINE: "0" }, { offline: false }],
    [{ TRANSFORMERS_OFFLINE: "yes" }, { offline: true }],
  ])("are read from %o as its own tools read them", (env, expected) => {
    expect(hubSettings(place(env))).toMatchObject(expected);
  });

  it("take no token from a file where that is switched off", () => {
    expect(hubSettings(place({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }))).not.toHaveProperty("tokenFile");
  });
});
