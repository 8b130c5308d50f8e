// How many processors this process may keep busy. Node and the runtimes count a machine's; a container's quota is a share of their time, and more
// threads than that only take turns. Linux's control groups say it, version 2 and 1; elsewhere it is what Node says.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/** Files of a control group that say a quota, by the controllers of /proc/self/cgroup: "" is version 2. */
function quotaAt(folder: string, unified: boolean): number | undefined {
  try {
    const read = (file: string) => readFileSync(join(folder, file), "utf8").trim();
    // "max 100000" or "150000 100000"; "-1" is no quota in version 1
    const [quota, period] = unified
      ? read("cpu.max").split(" ").map(Number)
      : [Number(read("cpu.cfs_quota_us")), Number(read("cpu.cfs_period_us"))];
    return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Processors' worth of time that this process' control groups allow, e.g. 1.5; undefined where nothing limits it.
 * @param root of the file system, for tests
 */
export function cpuQuota(root = "/"): number | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(root, "proc/self/cgroup"), "utf8").split("\n");
  } catch {
    return undefined;
  }
  const quotas: number[] = [];
  for (const line of lines) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const unified = controllers === "";
    if (!unified && !controllers.split(",").includes("cpu")) continue;
    const mount = join(root, "sys/fs/cgroup", controllers);
    // every group above counts; inside a container the path may be the host's, and the mount the group itself
    const parts = path.split("/").filter((part) => part !== "");
    for (let depth = parts.length; depth >= 0; depth--) {
      const quota = quotaAt(join(mount, ...parts.slice(0, depth)), unified);
      if (quota !== undefined) quotas.push(quota);
    }
  }
  return quotas.length === 0 ? undefined : Math.min(...quotas);
}

/** Whole processors to keep busy: the machine's, or the quota rounded up where that is less; at least 1. */
export function usableCpus(quota = cpuQuota(), all = availableParallelism()): number {
  return Math.max(1, Math.min(all, Math.ceil(quota ?? all)));
}
