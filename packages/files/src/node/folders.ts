// Where things lie on this machine: pure functions of environment, platform and home folder. Nothing is made or touched here.

import { homedir } from "node:os";
import { isAbsolute, join, parse, resolve } from "node:path";

/** What decides where data lies: environment variables, platform, home folder. */
export interface HostPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
}

/** This process's environment, platform and home folder. */
export function thisPlace(): HostPlace {
  return { env: process.env, platform: process.platform, home: homeFolder() };
}

/**
 * The home folder, else the root, as a container gives it to a user that the machine knows nothing of: nothing is found there, and what must be written
 * fails with a word about the folder.
 */
function homeFolder(): string {
  let home = "";
  try {
    home = homedir();
  } catch {
    // no HOME, and no entry for this user
  }
  return isAbsolute(home) ? home : parse(process.cwd()).root;
}

/** The folders that biovlm keeps data in, as absolute paths. */
export interface DataFolders {
  /** BIOVLM_HOME, else the platform's data folder */
  readonly home: string;
  /** one folder a model, named as the model */
  readonly models: string;
  /** what failed verification, kept for a look */
  readonly quarantine: string;
  /** unfinished imports; safe to delete when nothing runs */
  readonly staging: string;
  readonly locks: string;
  /** may be deleted at any time */
  readonly cache: string;
  /** the default lock file of pulls */
  readonly lockFile: string;
  /** of the user's config file: the platform's, whatever BIOVLM_HOME says */
  readonly config: string;
}

/**
 * BIOVLM_HOME, else $XDG_DATA_HOME/biovlm (~/.local/share/biovlm), ~/Library/Application Support/biovlm, %LOCALAPPDATA%\biovlm.
 * The cache is in `cache` below BIOVLM_HOME when that is set, else in the platform's cache folder.
 */
export function dataFolders(place: HostPlace = thisPlace()): DataFolders {
  const { env, platform, home } = place;
  const own = env["BIOVLM_HOME"];
  let data: string;
  let cache: string;
  if (own) {
    data = isAbsolute(own) ? own : resolve(own);
    cache = join(data, "cache");
  } else if (platform === "darwin") {
    data = join(home, "Library", "Application Support", "biovlm");
    cache = join(home, "Library", "Caches", "biovlm");
  } else if (platform === "win32") {
    const local = env["LOCALAPPDATA"] || join(home, "AppData", "Local");
    data = join(local, "biovlm", "Data");
    cache = join(local, "biovlm", "Cache");
  } else {
    data = join(absolute(env["XDG_DATA_HOME"]) ?? join(home, ".local", "share"), "biovlm");
    cache = join(absolute(env["XDG_CACHE_HOME"]) ?? join(home, ".cache"), "biovlm");
  }
  return {
    home: data,
    models: join(data, "models"),
    quarantine: join(data, "quarantine"),
    staging: join(data, "staging"),
    locks: join(data, "locks"),
    cache,
    lockFile: join(data, "biovlm-lock.json"),
    config: configFolder(place),
  };
}

function configFolder({ env, platform, home }: HostPlace): string {
  if (platform === "darwin") return join(home, "Library", "Preferences", "biovlm");
  if (platform === "win32") return join(env["APPDATA"] || join(home, "AppData", "Roaming"), "biovlm", "Config");
  return join(absolute(env["XDG_CONFIG_HOME"]) ?? join(home, ".config"), "biovlm");
}

function absolute(path: string | undefined): string | undefined {
  return path && isAbsolute(path) ? path : undefined;
}
