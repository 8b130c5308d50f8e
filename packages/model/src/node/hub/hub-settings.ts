// The Hugging Face variables: pure functions of the environment. Nothing is touched here.

import { join } from "node:path";
import { type HostPlace, thisPlace } from "@biovlm/files/node";

/** Which hub, cache and token, as huggingface_hub's variables name them. */
export interface HubSettings {
  /** HF_ENDPOINT without a trailing slash; https://huggingface.co by default */
  readonly endpoint: string;
  /** HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub: shared with the Python tools */
  readonly cache: string;
  /** HF_TOKEN (or HUGGING_FACE_HUB_TOKEN) */
  readonly token?: string | undefined;
  /** where `hf auth login` keeps a token; read when no variable gives one, unless HF_HUB_DISABLE_IMPLICIT_TOKEN is set */
  readonly tokenFile?: string;
  /** NETRC, else ~/.netrc: name and password of a mirror that wants them */
  readonly netrcFile?: string;
  /** HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE): no connection is made */
  readonly offline: boolean;
}

/** The Hugging Face variables, read as its own tools read them. */
export function hubSettings(place: HostPlace = thisPlace()): HubSettings {
  const { env, home } = place;
  const hfHome = expand(env["HF_HOME"], home) ?? join(expand(env["XDG_CACHE_HOME"], home) ?? join(home, ".cache"), "huggingface");
  const token = (env["HF_TOKEN"] || env["HUGGING_FACE_HUB_TOKEN"])?.trim();
  return {
    endpoint: (env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, ""),
    cache: expand(env["HF_HUB_CACHE"] || env["HUGGINGFACE_HUB_CACHE"], home) ?? join(hfHome, "hub"),
    ...(token
      ? { token }
      : isTrue(env["HF_HUB_DISABLE_IMPLICIT_TOKEN"])
        ? {}
        : { tokenFile: env["HF_TOKEN_PATH"] || join(hfHome, "token") }),
    netrcFile: expand(env["NETRC"], home) ?? join(home, ".netrc"),
    offline: isTrue(env["HF_HUB_OFFLINE"]) || isTrue(env["TRANSFORMERS_OFFLINE"]),
  };
}

function expand(path: string | undefined, home: string): string | undefined {
  if (!path) return undefined;
  return path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : path;
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "true", "yes", "on"].includes(value.toLowerCase());
}
