// Where things lie: pure functions of environment, platform and home, so every case is a row.

import { describe, expect, it } from "vitest";
import { dataFolders, type HostPlace } from "../src/node/index.js";

const place = (env: Record<string, string> = {}, platform: NodeJS.Platform = "linux"): HostPlace => ({
  env,
  platform,
  home: "/people/ada",
});

describe("the data folders", () => {
  it.each<[string, HostPlace, string, string]>([
    ["Linux", place(), "/people/ada/.local/share/biovlm", "/people/ada/.cache/biovlm"],
    ["Linux with XDG folders", place({ XDG_DATA_HOME: "/d", XDG_CACHE_HOME: "/c" }), "/d/biovlm", "/c/biovlm"],
    [
      "Linux with XDG folders that are not absolute",
      place({ XDG_DATA_HOME: "d" }),
      "/people/ada/.local/share/biovlm",
      "/people/ada/.cache/biovlm",
    ],
    ["macOS", place({}, "darwin"), "/people/ada/Library/Application Support/biovlm", "/people/ada/Library/Caches/biovlm"],
    ["a home of its own", place({ BIOVLM_HOME: "/b" }), "/b", "/b/cache"],
    ["an empty BIOVLM_HOME", place({ BIOVLM_HOME: "" }), "/people/ada/.local/share/biovlm", "/people/ada/.cache/biovlm"],
  ])("follow the habits of %s", (_, at, home, cache) => {
    expect(dataFolders(at)).toMatchObject({ home, cache, models: `${home}/models`, lockFile: `${home}/biovlm-lock.json` });
  });
});
