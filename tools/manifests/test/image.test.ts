// The images of deploy/, built and started as Kubernetes and OpenShift start them; CUDA's as far as it goes without NVIDIA's base, its libraries and a
// GPU. Minutes and gigabytes: in the soak alone.

import { execFile, execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { greyPng, soak, withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltImage, ImageStore, runImage } from "./image.js";

/** Whether namespaces can be made here, with a loopback that goes up; what cannot is said. */
function confined(): boolean {
  const tried = spawnSync("unshare", ["-m", "-p", "-n", "-f", "ip", "link", "set", "lo", "up"], { encoding: "utf8" });
  if (tried.status !== 0) console.log(`skipped: no namespaces here (${tried.error?.message ?? tried.stderr.trim()})`);
  return tried.status === 0;
}

const runs = soak && !withoutProgram("buildah") && !withoutProgram("debootstrap") && confined();

const folder = mkdtempSync(join(tmpdir(), "biovlm-image-"));
const KEYS = JSON.stringify([{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer"] }]);

/** Starts the image's server with more words, asks what a platform and a client ask, and ends it while it answers. */
async function serves(image: BuiltImage, user: string, ...words: string[]): Promise<void> {
  const classes = ["--class", "chest X-ray", "--class", "head CT"];
  const { child, within, said } = runImage(image, user, KEYS, ...classes, "--drain-delay-ms", "10000", ...words);
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  try {
    const png = join(folder, "image.png");
    writeFileSync(
      png,
      greyPng(64, 48, 8, (i) => i % 256),
    );
    // asks from within its network: the status, and the answer's text
    const ask = async (path: string, key = "", more = "{}"): Promise<[number, string]> => {
      const program = `const { readFileSync } = require("node:fs");
fetch("http://127.0.0.1:8080${path}", { ...${more}, headers: { "content-type": "image/png", ...("${key}" && { authorization: "Bearer ${key}" }) } })
  .then(async (r) => console.log(JSON.stringify([r.status, await r.text()])), (e) => console.log(JSON.stringify([0, String(e)])))`;
      try {
        const [file = "", ...words] = [...within(), process.execPath, "-e", program];
        return JSON.parse((await promisify(execFile)(file, words)).stdout) as [number, string];
      } catch (error) {
        // its network is not there yet, or no more
        return [0, String(error)];
      }
    };
    const started = performance.now();
    const until = async (path: string) => {
      for (let i = 0; i < 1200; i++) {
        if (child.exitCode !== null) throw new Error(`ended: ${said()}`);
        if ((await ask(path))[0] === 200) return Math.round(performance.now() - started);
        await delay(100);
      }
      throw new Error(`${path} never answered 200: ${said()}`);
    };
    console.log(`as ${user}: /livez after ${await until("/livez")} ms, /readyz after ${await until("/readyz")} ms`);
    const [, , pid = ""] = within();
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:\\s+${user.split(":")[0]}\\s`, "m"));
    expect(status).toMatch(/^NSpid:\s+\d+\s+1$/m);
    const root = readFileSync(`/proc/${pid}/mountinfo`, "utf8")
      .split("\n")
      .find((line) => line.split(" ")[4] === "/");
    expect(root?.split(" ")[5]).toMatch(/^ro\b/);
    const post = `{ method: "POST", body: readFileSync(${JSON.stringify(png)}) }`;
    expect((await ask("/v1/classify", "", post))[0]).toBe(401);
    const [code, text] = await ask("/v1/classify", "secret", post);
    expect(code, text).toBe(200);
    expect(text).toContain("chest X-ray");
    // asked before the end, answered after it began
    const pending = Promise.all(Array.from({ length: 4 }, () => ask("/v1/classify", "secret", post)));
    await delay(300);
    process.kill(Number(pid), "SIGTERM");
    expect((await pending).map(([status]) => status)).toEqual([200, 200, 200, 200]);
    expect(await ended).toBe(0);
  } finally {
    child.kill("SIGKILL");
  }
}

// layers that are whole trees: minutes on a busy disk
afterAll(() => rmSync(folder, { recursive: true, force: true }), 1_200_000);

describe.skipIf(!runs)("the images", () => {
  const store = new ImageStore(folder);
  beforeAll(() => store.makeBase(), 1_200_000);

  describe("for the CPU", () => {
    let image: BuiltImage;
    beforeAll(() => {
      store.build("Dockerfile");
      image = store.mount("Dockerfile");
    }, 3_600_000);
    afterAll(() => image?.done(), 600_000);

    it("holds the program and no tests, is owned by root, and names a user by number", () => {
      const { root, user } = image;
      expect(user).toMatch(/^[1-9]\d{3,}$/);
      const bytes = Number(execFileSync("du", ["-sb", join(root, "app")], { encoding: "utf8" }).split("\t")[0]);
      console.log(`/app ${(bytes / 1e6).toFixed(0)} MB`);
      // MB: what it was when this was written, and a tenth
      expect(bytes / 1e6).toBeLessThan(370);
      const found = (...words: string[]) => execFileSync("find", [join(root, "app"), ...words], { encoding: "utf8" });
      expect(found("-path", "*/packages/*/test/*", "-not", "-path", "*/node_modules/*", "-name", "*.test.ts")).toBe("");
      expect(
        found("-path", "*/app/packages/*", "(", "-name", "src", "-o", "-name", "assembly", ")", "-not", "-path", "*/node_modules/*"),
      ).toBe("");
      expect(found("-name", "*.map")).toBe("");
      expect(found("-path", "*/onnxruntime-node/bin/*", "-name", "*.node").trim().split("\n")).toHaveLength(1);
      // what a build was told in confidence stays in no layer
      expect(existsSync(join(root, "run/secrets"))).toBe(false);
      expect(found("!", "-user", "root")).toBe("");
      expect(found("-type", "f", "-perm", "/022")).toBe("");
    });

    // the user of the image itself, and one that a platform gives, in group 0
    it.each(["10001:10001", "1000650000:0"])(
      "as %s answers probes and calls from a read-only root without a network, and drains",
      (user) => serves(image, user),
      600_000,
    );
  });

  describe("for CUDA, on a base without it", () => {
    let image: BuiltImage;
    beforeAll(() => {
      store.build("Dockerfile.cuda", "--build-arg", "ONNXRUNTIME_NODE_INSTALL=skip");
      image = store.mount("Dockerfile.cuda");
    }, 3_600_000);
    afterAll(() => image?.done(), 600_000);

    /** How a program of the image ended, and what it said. */
    const ended = async (of: BuiltImage, ...words: string[]) => {
      const { child, said } = runImage(of, "10001:0", KEYS, ...words);
      const code = await new Promise((done) => child.once("close", done));
      return { code, said: said() };
    };

    it("has a doctor that says what CUDA lacks, and a server that refuses to be one without it", { timeout: 600_000 }, async () => {
      const doctor = { ...image, command: ["node", "packages/cli/dist/main.js", "doctor"] };
      expect(await ended(doctor)).toMatchObject({ code: 0, said: expect.stringMatching(/^cuda +. .*without its CUDA libraries/m) });
      const refused = await ended(image, "--class", "chest X-ray");
      expect(refused).toMatchObject({ code: 5, said: expect.stringMatching(/cuda.*without its CUDA libraries/) });
    });

    it("serves with --device cpu all the same", { timeout: 600_000 }, () => serves(image, "10001:10001", "--device", "cpu"));
  });
});
