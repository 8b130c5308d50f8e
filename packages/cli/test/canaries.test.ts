// Nothing of a patient leaves a file: strings that stand in twenty and more tags of DICOM are looked for in all that is printed, answered,
// logged and written, as they are, as UTF-16, and in what archives, gzip and Parquet hold.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, gunzipSync, inflateRawSync } from "node:zlib";
import { writeSafetensors } from "@biovlm/model/backbone";
import { dicomElement, dicomFile, soak } from "@biovlm/testkit";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { type Called, call, folder, home } from "./call.js";
import { compile, killedAt, start } from "./program.js";

/** Tags of patient, institution, physicians, study, series, device and a private block, with the kind of their values. */
const TAGS: readonly (readonly [string, string])[] = [
  ["00080018", "UI"],
  ["00080050", "SH"],
  ["00080080", "LO"],
  ["00080081", "ST"],
  ["00080090", "PN"],
  ["00081010", "SH"],
  ["00081030", "LO"],
  ["0008103E", "LO"],
  ["00081040", "LO"],
  ["00081048", "PN"],
  ["00081050", "PN"],
  ["00081060", "PN"],
  ["00081070", "PN"],
  ["00090010", "LO"],
  ["00091001", "LO"],
  ["00100010", "PN"],
  ["00100020", "LO"],
  ["00100021", "LO"],
  ["00101000", "LO"],
  ["00101001", "PN"],
  ["00101040", "LO"],
  ["00102154", "SH"],
  ["00102160", "SH"],
  ["001021B0", "LT"],
  ["00104000", "LT"],
  ["00181000", "LO"],
  ["00181030", "LO"],
  ["0020000D", "UI"],
  ["0020000E", "UI"],
  ["00200010", "SH"],
  ["00204000", "LT"],
  ["00321032", "PN"],
  ["00321060", "LO"],
  ["00324000", "LT"],
];
const patient = (tag: string, i: number) => `ZQ${tag}X${i}QZ`;
/** A UID of its own, and of all files of a series the same. */
const uid = (tag: string, i: number) =>
  `2.25.98989${Number.parseInt(tag, 16)}${tag === "00080018" ? i : tag === "0020000E" ? i >> 2 : i >> 3}`;
const canaryOf = ([tag, vr]: readonly [string, string], i: number) =>
  vr === "UI" ? uid(tag, i) : patient(tag, tag === "00100020" ? i >> 2 : i);

/** File `i`: 16 × 16 pixels of 8 bits, four files a series and a patient. `pixels` cuts it short. */
function marked(i: number, grey: number, pixels = 256): Uint8Array {
  const all: (readonly [string, Buffer])[] = [
    ...TAGS.map((tag) => [tag[0], dicomElement(tag[0], tag[1], canaryOf(tag, i))] as const),
    ["00080016", dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.4")],
    ["00080060", dicomElement("00080060", "CS", "MR")],
    ["00200032", dicomElement("00200032", "DS", `0\\0\\${i % 4}`)],
    ["00200037", dicomElement("00200037", "DS", "1\\0\\0\\0\\1\\0")],
    ["00280002", dicomElement("00280002", "US", 1)],
    ["00280004", dicomElement("00280004", "CS", "MONOCHROME2")],
    ["00280010", dicomElement("00280010", "US", 16)],
    ["00280011", dicomElement("00280011", "US", 16)],
    ["00280100", dicomElement("00280100", "US", 8)],
    ["00280101", dicomElement("00280101", "US", 8)],
    ["00280102", dicomElement("00280102", "US", 7)],
    ["00280103", dicomElement("00280103", "US", 0)],
    [
      "7FE00010",
      dicomElement(
        "7FE00010",
        "OB",
        Uint8Array.from({ length: pixels }, (_, k) => (grey + ((k * (i + 3)) % 64)) & 255),
      ),
    ],
  ];
  all.sort(([a], [b]) => (a < b ? -1 : 1));
  return dicomFile(
    "1.2.840.10008.1.2.1",
    all.map(([, bytes]) => bytes),
  );
}

const MARK = /ZQ[0-9A-F]{8}X|2\.25\.98989/;

/** Bytes that stand packed in others: after each start of gzip, and each deflated member of an archive such as .npz. */
function* unpacked(bytes: Buffer): Generator<Buffer> {
  const packed = function* (magic: string, unpack: (from: number) => Buffer | undefined) {
    for (let at = bytes.indexOf(magic, 0, "latin1"); at >= 0; at = bytes.indexOf(magic, at + 1, "latin1")) {
      try {
        const inner = unpack(at);
        if (inner !== undefined) yield inner;
      } catch {
        // bytes by chance
      }
    }
  };
  const most = { maxOutputLength: 2 ** 26 };
  yield* packed("\x1f\x8b\x08", (at) => gunzipSync(bytes.subarray(at), most));
  yield* packed("PK\x03\x04", (at) => {
    const from = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
    return bytes.readUInt16LE(at + 8) === 8 ? inflateRawSync(bytes.subarray(from), most) : undefined;
  });
}

/** Rows and metadata of a Parquet file as text; its pages are packed. */
async function parquetText(bytes: Buffer): Promise<string> {
  const file = Uint8Array.from(bytes).buffer;
  const told = { rows: await parquetReadObjects({ file }), metadata: parquetMetadata(file) };
  return JSON.stringify(told, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

/** UTF-16 in whole units: of an odd number of bytes at an odd address Node 24.21 writes one byte behind its buffer, and may die of it. */
const utf16 = (bytes: Buffer) => bytes.toString("utf16le", 0, bytes.length & ~1);

/** Whether a canary stands in bytes: as it is, in UTF-16 of both orders, or in what is packed in them. */
async function holds(bytes: Buffer): Promise<boolean> {
  if (MARK.test(bytes.toString("latin1"))) return true;
  if ([0, 1].some((from) => MARK.test(utf16(bytes.subarray(from))))) return true;
  if (bytes.toString("latin1", 0, 4) === "PAR1" && MARK.test(await parquetText(bytes))) return true;
  for (const inner of unpacked(bytes)) if (await holds(inner)) return true;
  return false;
}

/** An archive of one deflated member, as far as a reader of its beginning needs it. */
function zipped(name: string, content: Buffer): Buffer {
  const [head, data] = [Buffer.alloc(30), deflateRawSync(content)];
  head.writeUInt32LE(0x04034b50, 0);
  for (const [value, at] of [
    [20, 4],
    [8, 8],
    [name.length, 26],
  ] as const)
    head.writeUInt16LE(value, at);
  for (const [value, at] of [
    [data.length, 18],
    [content.length, 22],
  ] as const)
    head.writeUInt32LE(value, at);
  return Buffer.concat([head, Buffer.from(name), data, Buffer.from("PK\x01\x02")]);
}

const filesBelow = (place: string) =>
  readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe("strings in the tags of DICOM", () => {
  it("are found by this search where they are", async () => {
    const file = Buffer.from(marked(0, 10));
    expect(new Set(TAGS.map((tag) => canaryOf(tag, 0))).size).toBe(TAGS.length);
    for (const tag of TAGS) expect(file.includes(canaryOf(tag, 0)), tag[0]).toBe(true);
    // forty times over, so that a packer finds something to pack
    const text = `a row of text, and ${patient("00100010", 1)}; `.repeat(40);
    const column = (data: string[]) => Buffer.from(parquetWriteBuffer({ columnData: [{ name: "uri", data, type: "STRING" }] }));
    const bytes = [
      ...[file, Buffer.from("ZQ00100010X", "utf16le"), zipped("rows.npy", Buffer.from(text))],
      ...[column(Array.from({ length: 40 }, (_, i) => `${text}${i}`)), Buffer.from(writeSafetensors([], { made_of: text }))],
    ];
    for (const [i, one] of bytes.entries()) expect([i, await holds(one)]).toEqual([i, true]);
    const others = [Buffer.from("ZQ no"), zipped("rows.npy", Buffer.from("ZQ no".repeat(40))), column(["ZQ no"])];
    for (const [i, one] of others.entries()) expect([i, await holds(one)]).toEqual([i, false]);
  });

  it("are in nothing that is printed, answered, logged, learned or kept", { timeout: 240_000 }, async () => {
    const place = folder("canaries");
    const written = folder("canaries-out");
    const put = (name: string, bytes: Uint8Array) => {
      mkdirSync(join(place, name, ".."), { recursive: true });
      writeFileSync(join(place, name), bytes);
    };
    for (let i = 0; i < 32; i++) put(`set/${i % 8 < 4 ? "dark" : "bright"}/${i}`, marked(i, i % 8 < 4 ? 10 : 150));
    put("odd/broken.dcm", marked(70, 90, 200));
    put("odd/cut.dcm", marked(71, 90).subarray(0, 700));
    put("odd/whole.dcm", marked(72, 90));
    const out = (name: string) => join(written, name);
    const said: [string, string][] = [];
    const told = async (words: readonly string[], codes: readonly number[] = [0]): Promise<Called> => {
      const answer = await call(words, { cwd: place });
      expect(codes, `${words.join(" ")}: ${answer.err}`).toContain(answer.code);
      said.push([words.join(" "), `${answer.out}\n${answer.err}`]);
      return answer;
    };
    const classes = ["--class", "dark", "--class", "bright"];
    const learning = ["--device", "wasm", "--set", "epochs=1", "--set", "prompts=3", "--shots", "2"];
    for (const form of [[], ["--json", "--explain"], ["--debug"], ["--volumes", "--json"]])
      await told(["classify", "odd", "set/dark", ...classes, ...form], [0, 6]);
    const broken = await told(["classify", "odd/broken.dcm", "odd/cut.dcm", ...classes, "--debug"], [1]);
    expect(broken.err).toContain("corrupt_image");
    for (const name of ["rows.safetensors", "rows.npz"]) await told(["embed", "odd", "set", "--out", out(name), "--json"], [0, 6]);
    await told(["train", "./set", ...learning, "--out", out("bank.safetensors"), "--log", out("run.jsonl"), "--json"]);
    if (soak) await told(["train", "./set", ...learning, "--volumes", "--out", out("volumes.safetensors")]);
    await told(["train", "./odd", ...learning, "--out", out("none.safetensors"), "--debug"], [1, 2, 3]);
    await told([
      "eval",
      "./set",
      "--bank",
      out("bank.safetensors"),
      "--out",
      out("result.json"),
      "--predictions",
      out("rows.csv"),
      "--split-list",
      out("split.csv"),
      "--device",
      "wasm",
    ]);
    await told(["bank", "show", out("bank.safetensors"), "--json"]);
    for (const form of [["--json"], ["--volumes", "--list", "100"]]) await told(["data", "lint", "./set", ...form]);
    const methods = ["--method", "attribute-bank", "--method", "linear-probe"];
    await told(["sweep", "./set", ...methods, "--shots", "1", "--seeds", "1", "--device", "wasm", "--out", out("sweep"), "--json"]);
    for (let i = 0; i < 75; i++) put(`many/${i}`, marked(100 + i, i * 3));
    put("many/cut", marked(180, 90).subarray(0, 700));
    const plan = ["--output", "both", "--device", "cpu", "--shard-rows", "70", "--json"];
    await told(["bulk", "plan", "many", out("job"), ...classes, ...plan]);
    await told(["bulk", "work", out("job"), "--shard", "1", "--json"]);
    await told(["bulk", "plan", "many", out("series"), ...classes, ...plan, "--volumes"]);
    await told(["bulk", "work", out("series"), "--all", "--json"]);
    // killed in the other shard, so that what is kept of a shard under way lies there; then in learning, so that a state does
    compile();
    const stopped = async (words: readonly string[], part: string, n: number) => {
      const { signal, out: text, err } = await start(words, place, { env: killedAt({ part, n, when: "after" }) });
      expect([words[0], signal, err]).toEqual([words[0], "SIGKILL", expect.any(String)]);
      said.push([words.join(" "), `${text}\n${err}`]);
    };
    await stopped(["bulk", "work", out("job"), "--all", "--json"], "parts", 1);
    const loop = ["--recipe", "biovlm", "--set", "epochs=4", "--set", "prompts=3", "--views-per-image", "2", "--shots", "2"];
    await stopped(["train", "./set", ...loop, "--device", "wasm", "--out", out("stopped.safetensors")], "stopped.safetensors", 1);

    writeFileSync(join(written, "served.safetensors"), await tinyBank(["dark", "bright"]));
    // the server's log goes past this process's streams: it runs as a program
    let ready = (_url: string) => {};
    const listening = new Promise<string>((done) => {
      ready = done;
    });
    let stop = () => {};
    const serve = ["serve", "--port", "0", "--pool", "0", "--device", "cpu", "--threads", "1", "--drain-delay-ms", "0"];
    serve.push("--log-level", "debug", "--audit-log", out("audit.log"), "--bank", out("served.safetensors"), "--debug");
    const ended = start(serve, place, {
      act(child) {
        let text = "";
        stop = () => void child.kill("SIGTERM");
        child.stderr?.on("data", (data: Buffer) => {
          text += data.toString();
          const url = /^ready: /m.test(text) ? /listening on (\S+?)\/?;/.exec(text)?.[1] : undefined;
          if (url !== undefined) ready(url);
        });
      },
    });
    const url = await Promise.race([
      listening,
      ended.then(({ err }): never => {
        throw new Error(err);
      }),
    ]);
    const whole = Buffer.from(marked(72, 90));
    const damaged = Buffer.from(marked(70, 90, 200));
    const ask = async (path: string, init?: RequestInit) => {
      const answer = await fetch(`${url}${path}`, init);
      const text = await answer.text();
      said.push([path, `${JSON.stringify([...answer.headers])}${text}`]);
      return answer.status;
    };
    const type = { "content-type": "application/dicom" };
    const json = { "content-type": "application/json" };
    const images = JSON.stringify({ images: [whole, damaged].map((one) => one.toString("base64")) });
    expect(await ask("/v1/classify", { method: "POST", headers: json, body: images })).toBe(200);
    expect(await ask("/v1/classify?explain=true", { method: "POST", headers: type, body: whole })).toBeLessThan(500);
    expect(await ask("/v1/classify", { method: "POST", headers: type, body: damaged })).toBeGreaterThanOrEqual(400);
    const series = JSON.stringify({ images: [whole, damaged, whole].map((one) => one.toString("base64")), volumes: true });
    expect(await ask("/v1/classify", { method: "POST", headers: json, body: series })).toBe(200);
    const rows = { model: "tiny", input: `data:application/dicom;base64,${whole.toString("base64")}`, volumes: true };
    expect(await ask("/v1/embeddings", { method: "POST", headers: json, body: JSON.stringify(rows) })).toBe(200);
    for (const query of ["?frame=all", "?frame=99", "?volumes=true&frame=2", "?window=lung"])
      expect(await ask(`/v1/classify${query}`, { method: "POST", headers: type, body: whole })).toBeLessThan(500);
    expect(await ask("/metrics")).toBe(200);
    stop();
    const served = await ended;
    expect([served.code, served.out]).toEqual([0, expect.stringContaining("request completed")]);
    said.push(["serve", `${served.out}\n${served.err}`]);

    for (const [what, text] of said) expect(MARK.test(text), what).toBe(false);
    const kept = [...filesBelow(written), ...filesBelow(home)];
    expect(kept.map((path) => path.replace(/^.*\//, ""))).toEqual(
      expect.arrayContaining([
        ...["rows.safetensors", "rows.npz", "bank.safetensors", "result.json", "rows.csv", "split.csv", "audit.log", "run.jsonl"],
        ...["results.json", "results.csv", "results.md", "results.html", "job.json"],
      ]),
    );
    const below = [/home\/cache\/checkpoints\//, /\/job\/.*\.parquet$/, /\/job\/.*\.safetensors$/, /\/job\/partial\//, /\/sweep\/cells\//];
    for (const place of below) expect([place, kept.some((path) => place.test(path))]).toEqual([place, true]);
    for (const path of kept) expect([path, MARK.test(path), await holds(readFileSync(path))]).toEqual([path, false, false]);
  });
});
