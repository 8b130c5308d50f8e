// The workflows: by actionlint where it is installed, and by rules of ours everywhere: no secret, no right that a job does not need, no action or script
// that is not named by a version or not there. They were never run where these tests run.

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram, withoutProgram } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, ".github/workflows");
const names = readdirSync(folder);
const text = (name: string) => readFileSync(join(folder, name), "utf8");
const scratch = mkdtempSync(join(tmpdir(), "biovlm-workflows-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly "timeout-minutes"?: number;
  readonly needs?: string | readonly string[];
  readonly strategy?: { readonly matrix: { readonly include: readonly Readonly<Record<string, string>>[] } };
  readonly steps: readonly {
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Readonly<Record<string, unknown>>;
    readonly env?: Readonly<Record<string, unknown>>;
  }[];
}

/** One line a fault. */
function workflowProblems(file: string): string[] {
  const problems: string[] = [];
  if (/\bsecrets\b/.test(file)) problems.push("a secret: what is needed comes by OpenID Connect or the job's own token");
  const { permissions, jobs } = parse(file) as { permissions?: Readonly<Record<string, string>>; jobs: Readonly<Record<string, Job>> };
  if (JSON.stringify(permissions) !== '{"contents":"read"}')
    problems.push("permissions of all jobs: contents: read, and more where a job needs it");
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Readonly<Record<string, string>> };
  for (const [name, job] of Object.entries(jobs)) {
    const say = (what: string) => problems.push(`${name}: ${what}`);
    if (job["timeout-minutes"] === undefined) say("no timeout-minutes");
    for (const { uses, run = "", with: given } of job.steps) {
      if (uses !== undefined && !/^[\w-]+\/[\w-]+@(v\d+|[0-9a-f]{40})$/.test(uses)) say(`${uses} names no version`);
      if (uses?.startsWith("actions/checkout@") && given?.["persist-credentials"] !== false)
        say("checkout leaves the token in the working tree");
      if (/\$\{\{/.test(run)) say("an expression within a script: hand it over by env");
      for (const [, script = ""] of run.matchAll(/npm run (?:-s )?([\w:]+)/g)) if (!(script in scripts)) say(`no script ${script}`);
      for (const [path] of run.matchAll(/(?<![\w./-])(?:\.ci|tools)\/[\w./-]+/g)) if (!existsSync(join(root, path))) say(`no file ${path}`);
    }
  }
  return problems;
}

/** "linux-x64-gnu" of "x86_64-unknown-linux-gnu". */
function platformOf(target: string): string {
  const [arch = "", , os = "", libc] = target.replace("apple-", "unknown-").replace("pc-windows", "pc-win32").split("-");
  return [os, arch === "x86_64" ? "x64" : "arm64", libc].filter((part) => part !== undefined).join("-");
}

describe("the workflows", () => {
  it("hold no secret, give jobs only what they need, and run what is there", () => {
    expect(names.sort()).toEqual(["release.yaml", "test.yaml"]);
    for (const name of names) expect(workflowProblems(text(name)), name).toEqual([]);
  });

  it("would be found out: each of these mistakes is named", () => {
    const sound = text("release.yaml");
    const mistakes: [from: string | RegExp, to: string, named: RegExp][] = [
      ["github.token", "secrets.TOKEN", /secret/],
      [/^permissions:\n {2}contents: read/m, "permissions:\n  contents: write", /contents: read/],
      ["actions/setup-node@v4", "actions/setup-node@main", /names no version/],
      ["persist-credentials: false", "persist-credentials: true", /checkout/],
      ["run: npm run build", "run: npm run biuld", /no script biuld/],
      ["tools/checks/pack-install.mjs", "tools/checks/pack.mjs", /no file/],
      [/ {4}timeout-minutes: 40\n/, "", /timeout/],
      ['= "$TAG"', `= $${"{{ github.ref_name }}"}`, /expression/],
    ];
    for (const [from, to, named] of mistakes) {
      const broken = sound.replace(from, to);
      expect(broken, String(from)).not.toBe(sound);
      expect(workflowProblems(broken).join("\n"), `${from} → ${to}`).toMatch(named);
    }
  });

  it("publish what was tested: packages with provenance, kernels of each platform, an image for two architectures under one name", () => {
    const { jobs } = parse(text("release.yaml")) as { jobs: Readonly<Record<string, Job>> };
    for (const name of ["native", "image"]) expect(jobs[name]?.needs).toBe("test");
    expect(jobs["packages"]?.needs).toEqual(["test", "native"]);
    // platforms' packages are there before the one that names them
    const runs = jobs["packages"]?.steps.map(({ run = "" }) => run) ?? [];
    const at = (part: string) => runs.findIndex((run) => run.includes(part));
    expect(at("create-npm-dirs")).toBeGreaterThan(at("repository.url"));
    expect(at("create-npm-dirs")).toBeLessThan(at("changeset publish"));
    expect(jobs["release"]?.needs).toEqual(["packages", "native", "image"]);
    const publish = jobs["packages"]?.steps.find(({ run = "" }) => run.includes("changeset publish"));
    expect(publish?.env).toEqual({ NPM_CONFIG_PROVENANCE: "true" });
    expect(jobs["packages"]?.permissions).toEqual({ contents: "read", "id-token": "write" });
    expect(jobs["image"]?.strategy?.matrix.include.map(({ arch }) => arch)).toEqual(["amd64", "arm64"]);
    const { napi } = JSON.parse(readFileSync(join(root, "packages/core-native/package.json"), "utf8")) as {
      napi: { readonly targets: readonly string[] };
    };
    expect(jobs["native"]?.strategy?.matrix.include.map(({ target }) => target).sort()).toEqual(napi.targets.map(platformOf).sort());
  });

  it.skipIf(findProgram("helm") === undefined)("release a chart that names the image of the release by its digest", () => {
    const { jobs } = parse(text("release.yaml")) as { jobs: Readonly<Record<string, Job>> };
    const script = jobs["release"]?.steps.find(({ run = "" }) => run.includes("helm push"))?.run ?? "";
    const { version } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8")) as { version: string };
    const place = join(scratch, "release");
    cpSync(join(root, "deploy/helm"), join(place, "deploy/helm"), { recursive: true });
    // what reaches a registry is said in place of done; all else is helm's
    writeFileSync(
      join(place, "helm"),
      `#!/bin/sh\ncase "$1" in registry | push) echo "$@" ;; *) exec ${findProgram("helm")} "$@" ;; esac\n`,
    );
    chmodSync(join(place, "helm"), 0o755);
    const [image, digest] = ["ghcr.io/some-owner/biovlm", `sha256:${"0a".repeat(32)}`];
    const run = (more: Readonly<Record<string, string>>) => {
      const env = {
        PATH: `${place}:${process.env["PATH"]}`,
        HOME: place,
        IMAGE: image,
        DIGEST: digest,
        TAG: `v${version}`,
        TOKEN: "t",
        GITHUB_ACTOR: "a",
        ...more,
      };
      return spawnSync("bash", ["-e", "-o", "pipefail", "-c", script], { cwd: place, encoding: "utf8", env });
    };
    const { status, stdout, stderr } = run({});
    expect(status, `${stdout}${stderr}`).toBe(0);
    expect(stdout).toContain(`push biovlm-${version}.tgz oci://${image}/charts`);
    const rendered = spawnSync(findProgram("helm")!, ["template", "x", join(place, `biovlm-${version}.tgz`), "--kube-version", "1.29.0"], {
      encoding: "utf8",
    });
    expect(rendered.stdout).toContain(`image: ${image}@${digest}`);
    // a chart of another version, or with another image, is not pushed
    expect(run({ TAG: "v9.9.9" }).status).not.toBe(0);
    expect(run({ DIGEST: `sha256:${"0b".repeat(32)}` }).status).not.toBe(0);
  });

  it.skipIf(withoutProgram("actionlint"))("are taken by actionlint without a word", () => {
    const lint = (path: string) => {
      const { status, stdout, stderr } = spawnSync(findProgram("actionlint")!, ["-no-color", path], { encoding: "utf8" });
      return { status, said: `${stdout}${stderr}` };
    };
    for (const name of names) expect(lint(join(folder, name)), name).toEqual({ status: 0, said: "" });
    const broken = join(scratch, "broken.yaml");
    writeFileSync(broken, text("release.yaml").replace("needs: test", "needs: tests"));
    expect(lint(broken).said).toMatch(/tests/);
  });
});
