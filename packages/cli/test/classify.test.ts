import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { READ_FORMATS } from "@biovlm/imaging/node";
import { readBank, writeBank } from "@biovlm/model";
import { cases, mutations, withinLimit } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder, writePhantoms } from "./call.js";

interface Element {
  readonly file: string;
  readonly sha256?: string;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  readonly kept: readonly { readonly prompt: number; readonly entropy: number }[];
  readonly prompts?: readonly {
    readonly index: number;
    readonly entropy: number;
    readonly kept: boolean;
    readonly probabilities: readonly number[];
  }[];
  readonly model: { readonly name: string; readonly digest: string };
  readonly bank: { readonly digest: string };
  readonly timingsMs: Readonly<Record<string, number>>;
  readonly error?: { readonly code: string; readonly message: string };
}

const FIXTURES = join(import.meta.dirname, "..", "..", "imaging", "test", "fixtures");
const CLASSES = ["chest X-ray", "hand X-ray", "head CT"].flatMap((name) => ["--class", name]);
const place = folder("phantoms");
const files = writePhantoms(place, 2);
const elements = (text: string) => JSON.parse(text) as Element[];
const lines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Element);
const withoutTimes = (list: readonly Element[]) => list.map(({ timingsMs: _, ...rest }) => rest);

describe("classify --json", () => {
  it("prints an array with the fields it promises and nothing else on stdout, and the research line once on stderr", async () => {
    const { code, out, err } = await call(["classify", ...files.slice(0, 2), ...CLASSES, "--json"]);
    expect(code).toBe(0);
    const [first, second, ...more] = elements(out);
    expect(more).toEqual([]);
    expect(Object.keys(first!)).toEqual(["file", "sha256", "predictions", "kept", "model", "bank", "device", "core", "timingsMs"]);
    expect([first!.file, second!.file]).toEqual(files.slice(0, 2));
    expect(first!.sha256).toBe(createHash("sha256").update(readFileSync(files[0]!)).digest("hex"));
    const { predictions, kept, model, bank, timingsMs } = first!;
    expect(predictions.map((p) => Object.keys(p))).toEqual(Array(3).fill(["class", "probability"]));
    expect(predictions.reduce((a, p) => a + p.probability, 0)).toBeCloseTo(1, 5);
    expect([...predictions].sort((a, b) => b.probability - a.probability)).toEqual(predictions);
    expect(kept.map((k) => Object.keys(k))).toEqual(Array(3).fill(["prompt", "entropy"]));
    expect(model).toEqual({ name: "tiny", digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(bank.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    for (const ms of Object.values(timingsMs)) expect(ms).toBeGreaterThanOrEqual(0);
    expect(err).toBe("Research use only, not a medical device.\n");
  });

  it("says with --explain what each prompt answered, and kept are those of lowest entropy", async () => {
    const { out } = await call(["classify", files[0]!, "--dataset", "busi", "--explain", "--json", "-q"]);
    const { kept, prompts } = elements(out)[0]!;
    expect(prompts!.length).toBe(10);
    const order = [...prompts!].sort((a, b) => a.entropy - b.entropy || a.index - b.index);
    expect(kept.map((k) => k.prompt).sort()).toEqual(
      order
        .slice(0, 3)
        .map((p) => p.index)
        .sort(),
    );
    expect(
      prompts!
        .filter((p) => p.kept)
        .map((p) => p.index)
        .sort(),
    ).toEqual(kept.map((k) => k.prompt).sort());
    for (const { probabilities, entropy } of prompts!) {
      const own = -probabilities.reduce((a, p) => a + (p > 0 ? p * Math.log(p) : 0), 0);
      expect(entropy).toBeCloseTo(own, 4);
    }
  });

  it("keeps as many prompts as --rho says", async () => {
    for (const [rho, count] of [
      ["0.01", 1],
      ["0.25", 3],
      ["1", 12],
    ] as const) {
      const { out } = await call(["classify", files[0]!, ...CLASSES, "--rho", rho, "--json"]);
      expect(elements(out)[0]!.kept.length).toBe(count);
    }
  });

  it("tells the same as --jsonl, and as one image at a time", async () => {
    const array = elements((await call(["classify", place, ...CLASSES, "--json"])).out);
    const rows = lines((await call(["classify", place, ...CLASSES, "--jsonl"])).out);
    expect(array.length).toBe(files.length);
    expect(withoutTimes(rows)).toEqual(withoutTimes(array));
    const single = elements((await call(["classify", place, ...CLASSES, "--json", "--batch", "1"])).out);
    for (const [i, { predictions }] of single.entries()) {
      for (const { class: name, probability } of predictions)
        expect(array[i]!.predictions.find((p) => p.class === name)!.probability).toBeCloseTo(probability, 4);
    }
  });

  it("answers the same on wasm as on cpu, within rounding", async () => {
    const [cpu, wasm] = await Promise.all(
      ["cpu", "wasm"].map(
        async (device) => elements((await call(["classify", files[0]!, ...CLASSES, "--device", device, "--json"])).out)[0]!,
      ),
    );
    for (const { class: name, probability } of cpu!.predictions)
      expect(wasm!.predictions.find((p) => p.class === name)!.probability).toBeCloseTo(probability, 3);
  });
});

describe("classify for a person", () => {
  it("draws a bar for each class, the best first, and names the kept prompts", async () => {
    const { code, out, err } = await call(["classify", files[0]!, ...CLASSES]);
    expect(code).toBe(0);
    expect(err).toMatch(/^tiny on \w+ \(.+\), sentence templates, no training, 3 classes$/m);
    const [name, ...rest] = out.trimEnd().split("\n");
    expect(name).toBe(files[0]);
    expect(
      rest
        .slice(0, 3)
        .map((line) => /^ {2}(.+?) {2,}([█▏▎▍▌▋▊▉]*) +([\d.]+) %$/.exec(line)![1])
        .sort(),
    ).toEqual(["chest X-ray", "hand X-ray", "head CT"]);
    expect(rest[3]).toMatch(/^ {2}kept 3 prompts of lowest entropy: .+\(\d\.\d\d\)$/);
  });

  it("shows with --explain the sentences of a data set's classes", async () => {
    const { out } = await call(["classify", files[0]!, "--dataset", "busi", "--explain"]);
    expect(out.match(/^ {2}● /gm)!.length).toBe(3);
    expect(out.match(/^ {2}○ /gm)!.length).toBe(7);
    expect(out.match(/“.*breast ultrasound.*”/g)!.length).toBe(3);
  });

  it("says so when there is but one class", async () => {
    expect((await call(["classify", files[0]!, "--class", "a"])).err).toContain("warning: one class");
  });

  it("cannot be made to write control characters by a file's name", async () => {
    const odd = folder("odd");
    const names = ["\u001b[31mred.png", "new\nline.png", "\u202egnp.exe.png", "-rf.png", "quote'\".png", "漢 é.png"];
    for (const name of names) writeFileSync(join(odd, name), readFileSync(files[0]!));
    writeFileSync(join(odd, "bad\u001b[2J.png"), "no image");
    const { code, out, err } = await call(["classify", odd, ...CLASSES]);
    expect(code).toBe(6);
    expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
    expect(out).toContain("漢 é.png");
    const machine = await call(["classify", odd, ...CLASSES, "--json"]);
    const wanted = [...names, "bad\u001b[2J.png"].map((name) => join(odd, name));
    expect(
      elements(machine.out)
        .map((e) => e.file)
        .sort(),
    ).toEqual(wanted.sort());
  });
});

describe("class names", () => {
  it("come from a file, one a line, with or without carriage returns", async () => {
    const list = join(folder(), "classes.txt");
    writeFileSync(list, "chest X-ray\r\n\nhand X-ray  \nhead CT");
    const { out } = await call(["classify", files[0]!, "--classes-file", list, "--json"]);
    const given = elements((await call(["classify", files[0]!, ...CLASSES, "--json"])).out);
    expect(withoutTimes(elements(out))).toEqual(withoutTimes(given));
  });

  it.each([
    ["twice", ["--class", "a", "--class", "a"]],
    ["empty", ["--class", ""]],
    ["blank", ["--class", "  "]],
  ])("given %s are a wrong command line", async (_what, words) => {
    const { code, out, err } = await call(["classify", files[0]!, ...words]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("error[bad_classes]: ");
  });
});

describe("inputs", () => {
  it("of a folder are taken in one order at any depth, hidden files left out, a folder visited once", async () => {
    const tree = folder("tree");
    mkdirSync(join(tree, "b", "deep"), { recursive: true });
    mkdirSync(join(tree, ".hidden"));
    const bytes = readFileSync(files[0]!);
    for (const name of ["z.png", "a.PNG", "b/deep/x.jpeg", "b/a.tif", ".dot.png", ".hidden/y.png", "notes.txt"])
      writeFileSync(join(tree, name), bytes);
    symlinkSync(tree, join(tree, "b", "round"));
    const { code, out } = await call(["classify", "tree", "tree/z.png", ...CLASSES, "--jsonl"], { cwd: join(tree, "..").replace(/$/, "") });
    expect(code).toBe(3);
    expect(out).toBe("");
    const found = await call(["classify", ".", "z.png", ...CLASSES, "--jsonl"], { cwd: tree });
    expect(found.code).toBe(0);
    expect(lines(found.out).map((e) => e.file)).toEqual(["a.PNG", "b/a.tif", "b/deep/x.jpeg", "z.png"]);
  });

  it("that fail are elements with a code, the others are done, and the exit code is 6", async () => {
    const mixed = folder("mixed");
    writeFileSync(join(mixed, "a.png"), readFileSync(files[0]!));
    writeFileSync(join(mixed, "b.png"), "no image");
    writeFileSync(join(mixed, "c.png"), readFileSync(files[0]!).subarray(0, 200));
    writeFileSync(join(mixed, "d.png"), "");
    writeFileSync(join(mixed, "e.dcm"), Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")]));
    writeFileSync(join(mixed, "f.jxl"), "\xff\x0a\0\0");
    const { code, out, err } = await call(["classify", ".", "gone.png", ...CLASSES, "--json"], { cwd: mixed });
    expect(code).toBe(6);
    const codes = Object.fromEntries(elements(out).map((e) => [e.file, e.error?.code]));
    expect(codes).toEqual({
      "a.png": undefined,
      "b.png": "unsupported_format",
      "c.png": "corrupt_image",
      "d.png": "empty_input",
      "e.dcm": "corrupt_image",
      "gone.png": "not_found",
    });
    expect(err).toContain("left out: 1 JPEG XL");
    const named = await call(["classify", "f.jxl", ...CLASSES, "--json"], { cwd: mixed });
    expect([named.code, elements(named.out)[0]?.error?.code]).toEqual([1, "unsupported_format"]);
    const none = await call(["classify", "b.png", "c.png", ...CLASSES, "--json"], { cwd: mixed });
    expect([none.code, elements(none.out).length]).toEqual([1, 2]);
  });

  it("beyond a limit are refused before they are read, by the name of the flag that raises it", async () => {
    const help = (await call(["classify", "--help"])).out;
    for (const flag of ["--max-image-bytes", "--max-pixels"]) {
      const { code, out } = await call(["classify", files[0]!, ...CLASSES, "--json", flag, "100"]);
      const { error } = elements(out)[0]!;
      expect([code, error!.code, error!.message]).toEqual([1, "too_large", expect.stringMatching(new RegExp(`, or raise ${flag}\\.$`))]);
      expect(help).toContain(flag);
    }
    const odd = folder("odd");
    copyFileSync(join(FIXTURES, "float-32.tif"), join(odd, "float.tif"));
    const { err } = await call(["classify", "float.tif", ...CLASSES], { cwd: odd });
    expect([err, help]).toEqual([expect.stringContaining("by --range LOW..HIGH"), expect.stringContaining("--range <")]);
  });

  it("of no known format are told the formats that are read", async () => {
    const odd = folder("unknown");
    writeFileSync(join(odd, "a.png"), "no picture at all");
    const { err } = await call(["classify", "a.png", ...CLASSES], { cwd: odd });
    expect(err).toContain(`expected ${READ_FORMATS}.`);
    expect(err).toMatch(/DICOM, NIfTI or NRRD/);
  });

  it("that are devices, pipes or folders with an image's name are refused without waiting", async () => {
    const odd = folder("special");
    mkdirSync(join(odd, "folder.png"));
    spawnSync("mkfifo", [join(odd, "pipe.png")]);
    const { code, out } = await call(["classify", join(odd, "pipe.png"), "/dev/zero", ...CLASSES, "--json"]);
    expect(code).toBe(1);
    expect(elements(out).map((e) => e.error!.code)).toEqual(["not_a_file", "not_a_file"]);
    const walked = await call(["classify", odd, ...CLASSES, "--json"]);
    expect([walked.code, walked.err]).toEqual([3, expect.stringContaining("left out: 1 not a file")]);
    expect((await call(["classify", join(odd, "folder.png"), ...CLASSES])).err).toContain("error[no_images]: ");
  });

  it("that are pixel bombs cost no memory (R2)", async () => {
    const bombs = folder("bombs");
    const png = (width: number, height: number) => {
      const bytes = Buffer.from(readFileSync(files[0]!));
      bytes.writeUInt32BE(width, 16);
      bytes.writeUInt32BE(height, 20);
      return bytes;
    };
    writeFileSync(join(bombs, "wide.png"), png(30_000, 30_000));
    writeFileSync(join(bombs, "huge.png"), png(2 ** 31 - 1, 2 ** 31 - 1));
    writeFileSync(join(bombs, "text.png"), deflateSync(Buffer.alloc(1 << 20)));
    await call(["classify", files[0]!, ...CLASSES, "--json"]);
    const before = process.memoryUsage.rss();
    const { code, out } = await call(["classify", bombs, ...CLASSES, "--json"]);
    expect(code).toBe(1);
    expect(elements(out).map((e) => e.error!.code)).toEqual(["too_large", "unsupported_format", "too_large"]);
    expect(elements(out).map((e) => e.file.slice(bombs.length + 1))).toEqual(["huge.png", "text.png", "wide.png"]);
    withinLimit("growth over pixel bombs, bytes", process.memoryUsage.rss() - before, 50e6);
  });

  it("that were damaged at random end in an answer or a typed error (R1)", async () => {
    const broken = folder("mutants");
    const fixtures = join(import.meta.dirname, "../../imaging/test/fixtures");
    const samples = [files[0]!, join(fixtures, "rgb-75-2.jpg"), join(fixtures, "lossy.webp"), join(fixtures, "rgb-lzw.tif")];
    const count = cases(1000);
    for (const [s, path] of samples.entries()) {
      let i = 0;
      for (const bytes of mutations(s + 1, readFileSync(path), Math.ceil(count / samples.length)))
        writeFileSync(join(broken, `${s}-${i++}.png`), bytes);
    }
    const { code, out } = await call(["classify", broken, ...CLASSES, "--jsonl"]);
    expect([0, 1, 6]).toContain(code);
    const answers = lines(out);
    expect(answers.length).toBe(Math.ceil(count / samples.length) * samples.length);
    const failed = answers.filter((e) => e.error !== undefined);
    expect(failed.length).toBeGreaterThan(count / 10);
    for (const { file, error } of failed)
      expect([file, error!.code]).toEqual([
        file,
        expect.stringMatching(/^(empty_input|too_large|too_many_frames|unsupported_format|corrupt_image|timeout)$/),
      ]);
  });
});

describe("banks", () => {
  it("made for another model are refused, as are files that are none", async () => {
    const { attributeBankFile } = await import("./small-bank.js");
    const bytes = await attributeBankFile();
    const work = folder();
    writeFileSync(join(work, "ok.safetensors"), bytes);
    expect((await call(["classify", files[0]!, "--bank", "ok.safetensors"], { cwd: work })).code).toBe(0);
    writeFileSync(join(work, "other.safetensors"), writeBank({ ...readBank(bytes), modelDigest: `sha256:${"0".repeat(64)}` }));
    const other = await call(["classify", files[0]!, "--bank", "other.safetensors"], { cwd: work });
    expect(other.code).toBe(1);
    expect(other.err).toContain("error[model_mismatch]: ");
    for (const mutant of mutations(7, bytes, cases(200))) {
      writeFileSync(join(work, "bad.safetensors"), mutant);
      const { code, err } = await call(["bank", "show", "bad.safetensors"], { cwd: work });
      if (code !== 0)
        expect([code, err]).toEqual([
          1,
          expect.stringMatching(/^error\[(malformed_safetensors|bad_bank|malformed_json|unsupported_dtype)\]: /),
        ]);
    }
  });
});
