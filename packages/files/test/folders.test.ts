// Where things lie: pure functions of environment, platform and home, so every case is a row.

import { homedir } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { dataFolders, type HostPlace, thisPlace } from "../src/node/index.js";

vi.mock("node:os", async (original) => ({ ...(await original<typeof import("node:os")>()), homedir: vi.fn() }));
afterEach(() => vi.mocked(homedir).mockReset());

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

  it.each([
    ["Linux", place(), "/people/ada/.config/biovlm"],
    ["Linux with an XDG folder", place({ XDG_CONFIG_HOME: "/c", BIOVLM_HOME: "/b" }), "/c/biovlm"],
    ["macOS", place({}, "darwin"), "/people/ada/Library/Preferences/biovlm"],
  ])("keep the user's config where %s does", (_, at, config) => {
    expect(dataFolders(at).config).toBe(config);
  });

  it("lie below the root for a user that the machine knows nothing of", () => {
    vi.mocked(homedir).mockImplementation(() => {
      throw Object.assign(new Error("A system error occurred: uv_os_homedir returned ENOENT"), { code: "ERR_SYSTEM_ERROR" });
    });
    expect(thisPlace().home).toBe("/");
    for (const nowhere of ["", "relative"]) {
      vi.mocked(homedir).mockReturnValue(nowhere);
      expect(thisPlace().home).toBe("/");
    }
    vi.mocked(homedir).mockReturnValue("/people/ada");
    expect(thisPlace().home).toBe("/people/ada");
  });
});
