// A systemd of one's own: process 1 of new namespaces over this machine's root, of which it changes a copy in memory. Units are started there as an
// operator would. For root on Linux with overlayfs and a control group of version 2; not a container engine: devices are those of any container.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const MANAGER = "/lib/systemd/systemd";
const SEARCH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Units of a whole machine: each waits for hardware, network or people. */
const MASKED = "systemd-udevd systemd-udev-trigger systemd-networkd systemd-resolved systemd-timesyncd systemd-logind systemd-modules-load";

/** Where control groups of version 2 are mounted, alone or beside version 1. */
const groups = (): string | undefined =>
  readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .find(([, , type]) => type === "cgroup2")?.[1];

/** Why no systemd can be started here; undefined where one can. */
export function noSystemd(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "not root on Linux";
  if (spawnSync(MANAGER, ["--version"]).status !== 0) return `no ${MANAGER} (Debian: systemd)`;
  if (groups() === undefined) return "no control groups of version 2";
  if (!readFileSync("/proc/filesystems", "utf8").includes("\toverlay\n")) return "no overlayfs";
  const tried = spawnSync("unshare", ["-m", "-p", "-u", "-i", "-n", "-C", "-f", "true"], { encoding: "utf8" });
  return tried.status === 0 ? undefined : `no namespaces (${tried.error?.message ?? tried.stderr.trim()})`;
}

export interface OwnSystemd {
  /** runs a program in it; its words on both outputs and its exit code */
  run(...words: string[]): { readonly code: number | null; readonly said: string };
  stop(): Promise<void>;
}

/**
 * Starts one whose file system is this machine's with more files; resolves when it says that it runs.
 * @param folder an empty one @param files path → content, executable, seen in it alone
 */
export async function startSystemd(folder: string, files: Readonly<Record<string, string>>): Promise<OwnSystemd> {
  const group = join(groups() ?? "", `biovlm-test-${process.pid}`);
  mkdirSync(group);
  mkdirSync(join(folder, "files"));
  const copies = Object.entries(files).map(([to, text], i) => {
    writeFileSync(join(folder, "files", String(i)), text, { mode: 0o755 });
    return `cp '${folder}/files/${i}' ./'${to}'`;
  });
  const inside = `set -e
mount --make-rprivate /
mkdir '${folder}/memory'
mount -t tmpfs none '${folder}/memory'
cd '${folder}/memory'
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
ip link set lo up
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run tmp dev; do mount -t tmpfs -o mode=1777 tmpfs $place; done
chmod 755 run dev
mkdir dev/pts dev/shm
mount -t devpts devpts dev/pts
ln -s pts/ptmx dev/ptmx
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
${copies.join("\n")}
for unit in ${MASKED}; do ln -sf /dev/null etc/systemd/system/$unit.service; done
mount --move . /
exec env -i container=lxc ${SEARCH} chroot . ${MANAGER} --system --unit=basic.target`;
  const start = `echo $$ > '${group}/cgroup.procs' && exec unshare -m -p -u -i -n -C -f --kill-child sh -c "$1"`;
  const child: ChildProcess = spawn("sh", ["-c", start, "sh", inside], { stdio: ["ignore", "pipe", "pipe"] });
  let heard = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (heard += String(data)));
  const ended = new Promise((done) => child.once("exit", done));
  const first = () => execFileSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" }).trim();
  const run = (...words: string[]) => {
    const into = ["-t", first(), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "env", "-i", SEARCH, ...words];
    const { status, stdout, stderr } = spawnSync("nsenter", into, { encoding: "utf8", timeout: 300_000 });
    return { code: status, said: stdout + stderr };
  };
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    // groups within go first; what is still ending holds its own
    for (let i = 0; i < 50; i++) {
      if (spawnSync("find", [group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]).status === 0) return;
      await delay(100);
    }
  };
  for (let i = 0; i < 300 && child.exitCode === null; i++) {
    try {
      if (/^(running|degraded)/.test(run("systemctl", "is-system-running").said)) return { run, stop };
    } catch {
      // not there yet
    }
    await delay(200);
  }
  await stop();
  throw new Error(`systemd did not start: ${heard.slice(-2000)}`);
}
