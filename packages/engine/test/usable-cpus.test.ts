// Processors by quota: control groups of both versions, nested and seen from inside a container, in a folder that stands for the file system.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { cpuQuota, usableCpus } from "../src/process/usable-cpus.js";

const folder = mkdtempSync(join(tmpdir(), "biovlm-cpus-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function system(files: Record<string, string>): string {
  const root = join(folder, String(count++));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

it("reads the quota of control groups, the least of those above one another", () => {
  const self = "proc/self/cgroup";
  const at = "sys/fs/cgroup";
  for (const [what, files, quota] of [
    ["no control groups", {}, undefined],
    ["version 2, none", { [self]: "0::/\n", [`${at}/cpu.max`]: "max 100000\n" }, undefined],
    ["version 2, in a container", { [self]: "0::/\n", [`${at}/cpu.max`]: "150000 100000\n" }, 1.5],
    [
      "version 2, a slice above",
      {
        [self]: "0::/a.slice/b.service\n",
        [`${at}/a.slice/cpu.max`]: "100000 50000",
        [`${at}/a.slice/b.service/cpu.max`]: "300000 100000",
      },
      2,
    ],
    [
      "version 1, the host's path seen from inside",
      {
        [self]: "12:memory:/x\n4:cpu,cpuacct:/kubepods/pod1/c1\n0::/\n",
        [`${at}/cpu,cpuacct/cpu.cfs_quota_us`]: "50000\n",
        [`${at}/cpu,cpuacct/cpu.cfs_period_us`]: "100000\n",
      },
      0.5,
    ],
    [
      "version 1, none",
      { [self]: "4:cpu:/\n", [`${at}/cpu/cpu.cfs_quota_us`]: "-1\n", [`${at}/cpu/cpu.cfs_period_us`]: "100000\n" },
      undefined,
    ],
    ["what is no number", { [self]: "0::/\nrubbish\n", [`${at}/cpu.max`]: "many few\n" }, undefined],
  ] as const)
    expect(cpuQuota(system(files)), what).toBe(quota);
});

it("keeps as many processors busy as the quota pays for, one at least, and never more than there are", () => {
  expect([usableCpus(undefined, 8), usableCpus(0.5, 8), usableCpus(1.5, 8), usableCpus(64, 8)]).toEqual([8, 1, 2, 8]);
});
