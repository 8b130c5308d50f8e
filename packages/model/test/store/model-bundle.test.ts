// Bundles: a model in one file. What an export wrote comes in; what is damaged, hostile or false does not, and writes nothing outside.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BiovlmError } from "@biovlm/files";
import { attack, cases } from "@biovlm/testkit";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type ModelStore, openModelStore } from "../../src/node/index.js";
import { BLOCK, paddingOf, ustarHeader } from "../../src/node/store/ustar.js";
import { smallModel, writeFiles } from "./small-model.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-store-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let home = "";
let store: ModelStore;
let count = 0;
beforeEach(() => {
  home = join(base, String(count++), "home");
  store = openModelStore(home);
});
const beside = (name: string) => join(home, "..", name);
const failure = (work: Promise<unknown>): Promise<BiovlmError> =>
  work.then(
    () => expect.fail("it succeeded"),
    (error) => error,
  );
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const source = (options = {}) => writeFiles(beside(`source-${JSON.stringify(options).replace(/\W/g, "")}`), smallModel(options));

describe("a bundle", () => {
  const made = async () => {
    const model = await store.importFrom(source(), { name: "m", licence: "MIT" });
    await store.exportBundle("m", beside("m.tar"));
    return model;
  };

  it("carries a model to another store: the same files, digest, source and licence, and the same bytes each time", async () => {
    const model = await made();
    await store.exportBundle("m", beside("again.tar"));
    expect(readFileSync(beside("again.tar"))).toEqual(readFileSync(beside("m.tar")));
    expect((await failure(store.exportBundle("m", beside("m.tar")))).code).toBe("already_exists");
    const other = openModelStore(beside("other"));
    const arrived = await other.importFrom(beside("m.tar"));
    expect({ ...arrived.manifest, created: "" }).toEqual({ ...model.manifest, created: "" });
    await other.verify("m");
    expect((await other.importFrom(beside("m.tar"), { name: "renamed" })).name).toBe("renamed");
  });

  it("is not made of a damaged model", async () => {
    const model = await store.importFrom(source(), { name: "m" });
    writeFileSync(join(model.folder, "vocab.txt"), "x");
    expect((await failure(store.exportBundle("m", beside("m.tar")))).code).toBe("integrity");
    expect(existsSync(beside("m.tar"))).toBe(false);
  });

  it("that is damaged anywhere is refused with a typed error, or holds the same model", async () => {
    const model = await made();
    const other = openModelStore(beside("attacked"));
    const report = await attack({
      seed: 9,
      samples: { bundle: new Uint8Array(readFileSync(beside("m.tar"))) },
      count: cases(1000),
      run: async (bytes) => {
        writeFileSync(beside("bad.tar"), bytes);
        const arrived = await other.importFrom(beside("bad.tar"), { name: "m", replace: true });
        if (arrived.manifest.digest !== model.manifest.digest) throw new Error("another model came in");
        await other.verify("m");
      },
      expect: (error) => error instanceof BiovlmError,
    });
    expect(report.refused).toBeGreaterThan(report.accepted);
    expect(readdirSync(join(beside("attacked"), "staging"))).toEqual([]);
  });

  it("with links, folders, paths outside, other orders or false claims is refused, and nothing is written outside", async () => {
    const model = await made();
    const bytes = readFileSync(beside("m.tar"));
    const entries: { name: string; content: Uint8Array }[] = [];
    for (let at = 0; bytes[at] !== 0; ) {
      const name = bytes.toString("latin1", at, at + 100).replace(/\0.*$/s, "");
      const size = Number.parseInt(bytes.toString("latin1", at + 124, at + 135), 8);
      entries.push({ name, content: bytes.subarray(at + BLOCK, at + BLOCK + size) });
      at += BLOCK + size + paddingOf(size);
    }
    const [manifest, ...rest] = entries as [(typeof entries)[0], ...typeof entries];
    const headed = (name: string, size: number, change: (block: Uint8Array) => void = () => {}) => {
      const block = ustarHeader({ name, size });
      change(block);
      block.fill(0x20, 148, 156);
      const sum = block.reduce((total, byte) => total + byte, 0);
      block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
      return block;
    };
    const tar = (list: { name: string; content: Uint8Array; change?: (block: Uint8Array) => void }[]) =>
      Buffer.concat([
        ...list.flatMap(({ name, content, change }) => [
          headed(name, content.length, change),
          content,
          new Uint8Array(paddingOf(content.length)),
        ]),
        new Uint8Array(2 * BLOCK),
      ]);
    const claims = (change: (root: Record<string, unknown>) => void) => {
      const root = JSON.parse(new TextDecoder().decode(manifest.content)) as Record<string, unknown>;
      delete root["checksum"];
      change(root);
      root["checksum"] = sha256(new TextEncoder().encode(JSON.stringify(root)));
      return { name: manifest.name, content: new TextEncoder().encode(`${JSON.stringify(root, null, 2)}\n`) };
    };
    const text = (block: Uint8Array, at: number, value: string) => block.set(new TextEncoder().encode(value), at);
    const first = rest[0]!;
    const hostile: Record<string, [Buffer, string]> = {
      "a symbolic link": [
        tar([
          manifest,
          {
            ...first,
            change: (block) => {
              text(block, 156, "2");
              text(block, 157, "/etc/passwd");
            },
          },
          ...rest.slice(1),
        ]),
        "malformed_bundle",
      ],
      "a hard link": [tar([manifest, { ...first, change: (block) => text(block, 156, "1") }, ...rest.slice(1)]), "malformed_bundle"],
      "a folder": [tar([manifest, { ...first, change: (block) => text(block, 156, "5") }, ...rest.slice(1)]), "malformed_bundle"],
      "a long-name record": [
        tar([{ name: "@LongLink", content: new Uint8Array(10), change: (block) => text(block, 156, "L") }, manifest, ...rest]),
        "malformed_bundle",
      ],
      "a prefix": [tar([manifest, { ...first, change: (block) => text(block, 345, "../..") }, ...rest.slice(1)]), "malformed_bundle"],
      "a path outside": [tar([manifest, { ...first, name: "../../escaped" }, ...rest.slice(1)]), "malformed_bundle"],
      "an absolute path": [tar([manifest, { ...first, name: "/var/escaped" }, ...rest.slice(1)]), "malformed_bundle"],
      "a file of no model": [tar([manifest, ...rest, { name: "run.sh", content: new Uint8Array(5) }]), "malformed_bundle"],
      "another order": [tar([manifest, ...rest.toReversed()]), "malformed_bundle"],
      "a missing file": [tar([manifest, ...rest.slice(1)]), "malformed_bundle"],
      "no manifest": [tar(rest), "malformed_bundle"],
      "a file twice": [tar([manifest, first, first, ...rest.slice(1)]), "malformed_bundle"],
      "bytes behind the end": [Buffer.concat([bytes, Buffer.from("more")]), "malformed_bundle"],
      "megabytes of zeros behind the end": [Buffer.concat([bytes, Buffer.alloc(2_000_000)]), "malformed_bundle"],
      "a size of octal nonsense": [
        tar([manifest, { ...first, change: (block) => text(block, 124, "99999999999") }, ...rest.slice(1)]),
        "malformed_bundle",
      ],
      "other weights than it claims": [
        tar([
          claims((root) => {
            root["digest"] = `sha256:${"0".repeat(64)}`;
          }),
          ...rest,
        ]),
        "integrity",
      ],
      "a hostile name": [
        tar([
          claims((root) => {
            root["name"] = "../../escaped";
          }),
          ...rest,
        ]),
        "bad_name",
      ],
      "a hostile path in the manifest": [
        tar([
          claims((root) => {
            (root["files"] as { path: string }[])[0]!.path = "../../escaped";
          }),
          ...rest,
        ]),
        "bad_path",
      ],
      "a path that is no model file": [
        tar([
          claims((root) => {
            (root["files"] as { path: string }[])[0]!.path = "run.sh";
          }),
          ...rest,
        ]),
        "malformed_manifest",
      ],
      "a size that is not its file's": [
        tar([
          claims((root) => {
            (root["files"] as { size: number }[])[0]!.size += 512;
          }),
          ...rest,
        ]),
        "malformed_bundle",
      ],
      "a manifest that is none": [tar([{ name: manifest.name, content: new TextEncoder().encode("[]") }, ...rest]), "malformed_manifest"],
    };
    const other = openModelStore(beside("hostile"));
    const before = readdirSync(join(home, ".."));
    for (const [label, [content, code]] of Object.entries(hostile)) {
      writeFileSync(beside("bad.tar"), content);
      expect(
        await failure(other.importFrom(beside("bad.tar"), { name: label === "a hostile name" ? undefined : "m" } as object)),
        label,
      ).toMatchObject({ code });
      expect(await other.list()).toEqual([]);
    }
    expect(
      readdirSync(join(home, ".."))
        .filter((name) => !before.includes(name))
        .sort(),
    ).toEqual(["bad.tar", "hostile"]);
    expect(existsSync("/var/escaped")).toBe(false);
    // the builder above makes sound bundles too
    writeFileSync(beside("bad.tar"), tar([manifest, ...rest]));
    expect((await other.importFrom(beside("bad.tar"))).manifest.digest).toBe(model.manifest.digest);
  });
});
