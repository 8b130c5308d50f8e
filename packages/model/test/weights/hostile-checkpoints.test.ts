// Checkpoints made to harm: pickles that would run code (R4), archives that lie or swell (R3). All are refused with a typed error, fast.

import { BiovlmError } from "@biovlm/files";
import { settledRss, torchFile, withinLimit } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { readPickle } from "../../src/weights/pickle.js";
import { openTorch } from "../../src/weights/torch-checkpoint.js";

const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const text = (value: string) => [0x8c, utf8(value).length, ...utf8(value)];
const GLOBAL = (module: string, name: string) => utf8(`c${module}\n${name}\n`);
const STACK_GLOBAL = (module: string, name: string) => [...text(module), ...text(name), 0x93];
const call = (callee: number[], ...args: number[][]) => [...callee, 0x28, ...args.flat(), 0x74, 0x52];
const pickle = (...body: number[][]) => Uint8Array.from([0x80, 4, ...body.flat(), 0x2e]);

const modules: [string, string][] = [
  ["os", "system"],
  ["posix", "system"],
  ["nt", "system"],
  ["os", "execv"],
  ["subprocess", "Popen"],
  ["subprocess", "check_output"],
  ["builtins", "eval"],
  ["builtins", "exec"],
  ["builtins", "compile"],
  ["builtins", "__import__"],
  ["builtins", "getattr"],
  ["builtins", "open"],
  ["__builtin__", "eval"],
  ["importlib", "import_module"],
  ["runpy", "_run_code"],
  ["pty", "spawn"],
  ["code", "interact"],
  ["ctypes", "CDLL"],
  ["marshal", "loads"],
  ["pickle", "loads"],
  ["types", "FunctionType"],
  ["types", "CodeType"],
  ["functools", "partial"],
  ["operator", "attrgetter"],
  ["socket", "create_connection"],
  ["webbrowser", "open"],
  ["shutil", "rmtree"],
  ["numpy", "load"],
  ["numpy.core.multiarray", "_reconstruct"],
  ["torch", "load"],
  ["torch.hub", "load"],
  ["torch.jit", "load"],
  ["torch._utils", "_import_dotted_name"],
  ["torch.nn.modules.linear", "Linear"],
  ["torch.storage", "_load_from_bytes"],
  // names that mean something to JavaScript instead
  ["Function", "constructor"],
  ["constructor", "constructor"],
  ["__proto__", "__proto__"],
  ["globalThis", "eval"],
  ["node:child_process", "execSync"],
  // near misses of the allow-list
  ["collections", "OrderedDict.fromkeys"],
  ["collections", "OrderedDict.__init__.__globals__"],
  ["torch._utils", "_rebuild_tensor_v2.__globals__"],
  ["torch", "FloatStorage.from_file"],
  ["torch ", "FloatStorage"],
  ["TORCH", "FloatStorage"],
];

/** Pickles that hide a global, or misuse what is allowed. */
const tricks: [string, Uint8Array, string][] = [
  ["INST", pickle([0x28, ...text("id")], utf8("ios\nsystem\n")), "malformed_pickle"],
  ["OBJ", pickle([0x28], GLOBAL("collections", "OrderedDict"), [0x6f]), "malformed_pickle"],
  ["NEWOBJ_EX", pickle(GLOBAL("collections", "OrderedDict"), [0x29, 0x7d, 0x92]), "malformed_pickle"],
  ["EXT1", pickle([0x82, 1]), "malformed_pickle"],
  ["PERSID as text", pickle(utf8("Pos.system\n")), "malformed_pickle"],
  ["a call of a text", pickle(call(text("os.system"), text("id"))), "malformed_pickle"],
  ["a call of a storage class", pickle(call(GLOBAL("torch", "FloatStorage"), [0x4b, 9])), "malformed_pickle"],
  ["state set on a tensor class", pickle(GLOBAL("torch", "FloatStorage"), [0x7d, 0x62]), "malformed_pickle"],
  ["an item set on a class", pickle(GLOBAL("collections", "OrderedDict"), text("fromkeys"), text("x"), [0x73]), "malformed_pickle"],
  ["a name built in pieces", pickle([0x7d], text("k"), STACK_GLOBAL("os", "system"), [0x73]), "unsafe_pickle"],
  [
    "a global remembered and called later",
    pickle(GLOBAL("os", "system"), [0x94, 0x30, 0x68, 0, ...text("id"), 0x85, 0x52]),
    "unsafe_pickle",
  ],
  ["a global behind a sound dict", pickle([0x7d, 0x30], GLOBAL("os", "system")), "unsafe_pickle"],
  ["a persistent id that is no storage", pickle(text("archive"), [0x51]), "malformed_pickle"],
  [
    "a storage of another class",
    pickle([0x28, ...text("storage")], GLOBAL("collections", "OrderedDict"), text("0"), text("cpu"), [0x4b, 1, 0x74, 0x51]),
    "malformed_pickle",
  ],
  [
    "a storage outside the archive",
    pickle([0x28, ...text("storage")], GLOBAL("torch", "FloatStorage"), text("../../etc/passwd"), text("cpu"), [0x4b, 1, 0x74, 0x51]),
    "malformed_pickle",
  ],
];

/** An archive with this data.pkl. */
function archive(body: Uint8Array): Uint8Array {
  return zip([{ name: "archive/data.pkl", bytes: body }]);
}

interface Part {
  name: string;
  bytes: Uint8Array;
  method?: number;
  /** as the directory says them, where it lies */
  size?: number;
  packed?: number;
  localName?: string;
  at?: number;
}

/** A zip of stored parts, lies included. */
function zip(parts: readonly Part[], { count = parts.length, comment = 0 } = {}): Uint8Array {
  const out: ArrayLike<number>[] = [];
  const directory: ArrayLike<number>[] = [];
  let at = 0;
  const put = (list: ArrayLike<number>[], ...fields: (readonly [number, 2 | 4])[]) =>
    list.push(fields.flatMap(([value, width]) => Array.from({ length: width }, (_, i) => (value >>> (8 * i)) & 255)));
  for (const { name, bytes, method = 0, size = bytes.length, packed = bytes.length, localName = name, at: header = at } of parts) {
    put(out, [0x04034b50, 4], [20, 2], [0, 2], [method, 2], [0, 4], [0, 4], [packed, 4], [size, 4], [localName.length, 2], [0, 2]);
    out.push(utf8(localName), bytes);
    put(directory, [0x02014b50, 4], [20, 2], [20, 2], [0, 2], [method, 2], [0, 4], [0, 4], [packed, 4], [size, 4], [name.length, 2]);
    put(directory, [0, 2], [0, 2], [0, 2], [0, 2], [0, 4], [header, 4]);
    directory.push(utf8(name));
    at += 30 + localName.length + bytes.length;
  }
  const size = directory.reduce((n, d) => n + d.length, 0);
  const end: ArrayLike<number>[] = [];
  put(end, [0x06054b50, 4], [0, 2], [0, 2], [count & 0xffff, 2], [count & 0xffff, 2], [size, 4], [at, 4], [comment, 2]);
  const flat = [...out, ...directory, ...end];
  const file = new Uint8Array(flat.reduce((n, d) => n + d.length, 0));
  let place = 0;
  for (const piece of flat) {
    file.set(piece, place);
    place += piece.length;
  }
  return file;
}

function codeOf(open: () => unknown): string {
  try {
    open();
    return "accepted";
  } catch (error) {
    return error instanceof BiovlmError ? error.code : String(error);
  }
}

describe("a pickle that would run code (R4)", () => {
  it("is refused for every global outside the allow-list, named in either way, and the message names it", () => {
    let refused = 0;
    for (const [module, name] of modules) {
      for (const named of [GLOBAL(module, name), STACK_GLOBAL(module, name)]) {
        const body = pickle(call(named, text("touch evil")));
        expect(
          codeOf(() => openTorch(archive(body))),
          `${module}.${name}`,
        ).toBe("unsafe_pickle");
        expect(() => openTorch(archive(body))).toThrow(JSON.stringify(`${module}.${name}`));
        refused++;
      }
    }
    expect(refused).toBeGreaterThanOrEqual(50);
  });

  it.each(tricks)("is refused when it hides behind %s", (_, body, code) => {
    expect(codeOf(() => openTorch(archive(body)))).toBe(code);
  });

  it("asks for nothing but the allow-list, and for nothing after the first refusal", () => {
    const asked: string[] = [];
    const globals = { get: (name: string) => void asked.push(name) } as unknown as ReadonlyMap<string, never>;
    const body = pickle(GLOBAL("os", "system"), GLOBAL("os", "popen"));
    expect(codeOf(() => readPickle(body, 0, { globals, persistent: (id) => id }))).toBe("unsafe_pickle");
    expect(asked).toEqual(["os system"]);
  });

  it("cannot reach a prototype through the keys of its dicts", () => {
    const body = pickle([0x7d], text("__proto__"), [0x7d], text("polluted"), [0x4b, 1, 0x73, 0x73]);
    expect(codeOf(() => openTorch(archive(body)))).toBe("malformed_checkpoint");
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe("an archive that lies or swells (R3)", () => {
  const data = (n: number) => new Uint8Array(n);
  const filled = (n: number, ...pattern: number[]) => new Uint8Array(Buffer.alloc(n, Uint8Array.from(pattern)));
  const nested = (body: Uint8Array) => archive(body);
  const many = (n: number) => Array.from({ length: n }, (_, i): Part => ({ name: `archive/data/${i}`, bytes: data(0) }));
  const sound = { name: "archive/data.pkl", bytes: pickle([0x7d]) };
  const wide = (() => {
    const pieces = [...torchFile([{ name: "a", dtype: "F32", shape: [4], chunks: () => [data(16)] }])];
    return new Uint8Array(Buffer.concat(pieces));
  })();
  const patched = (at: number, value: bigint) => {
    const copy = wide.slice();
    new DataView(copy.buffer).setBigUint64(copy.length - 98 + at, value, true);
    return copy;
  };

  const bombs: [string, () => Uint8Array, string][] = [
    ["deflated entries", () => zip([{ ...sound, method: 8, size: 0xfffffff0 }]), "unsupported_format"],
    ["65 535 entries", () => zip(many(65_535)), "too_large"],
    ["65 535 entries that are not there", () => zip([sound], { count: 65_535 }), "too_large"],
    ["fewer entries than there are", () => zip([sound, ...many(9)], { count: 2 }), "malformed_zip"],
    ["a size beyond the file", () => zip([{ ...sound, size: 0x7fffffff, packed: 0x7fffffff }]), "malformed_zip"],
    ["two sizes", () => zip([{ ...sound, size: 999_999 }]), "malformed_zip"],
    ["entries over the same bytes", () => zip([sound, { name: "archive/data/0", bytes: data(64), at: 0 }]), "malformed_zip"],
    [
      "an entry within another",
      () =>
        zip([
          { ...sound, bytes: data(200) },
          { name: "archive/x", bytes: data(8), at: 40 },
        ]),
      "malformed_zip",
    ],
    ["a name twice", () => zip([sound, sound]), "malformed_zip"],
    ["another name in front of the bytes", () => zip([{ ...sound, localName: "archive/evil.pkl" }]), "malformed_zip"],
    ["a comment beyond the end", () => zip([sound], { comment: 400 }), "malformed_zip"],
    ["a wide count of 2^62", () => patched(32, 1n << 62n), "malformed_zip"],
    ["a wide directory at 2^40", () => patched(48, 1n << 40n), "malformed_zip"],
    ["a wide directory of 2^40 bytes", () => patched(40, 1n << 40n), "malformed_zip"],
    ["a pickle of 9 MB", () => nested(data(9 << 20)), "malformed_pickle"],
    ["marks without end", () => nested(filled(8 << 20, 0x28)), "malformed_pickle"],
    ["dicts without end", () => nested(filled(8 << 20, 0x7d)), "malformed_pickle"],
    ["lists within lists", () => nested(filled(8 << 20, 0x5d, 0x85)), "malformed_pickle"],
    ["a text of 4 GB", () => nested(pickle([0x58, 255, 255, 255, 255])), "malformed_pickle"],
    ["a text of 2^63 bytes", () => nested(pickle([0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80])), "malformed_pickle"],
    [
      "one list made into a dict again and again",
      () => {
        const pairs = [0x5d, 0x28, ...Array.from({ length: 20_000 }, () => [...text("k"), 0x4e, 0x86]).flat(), 0x65, 0x71, 1, 0x30];
        const copies = Array.from({ length: 2000 }, () => [...GLOBAL("collections", "OrderedDict"), 0x68, 1, 0x85, 0x52]).flat();
        return nested(pickle(pairs, copies));
      },
      "malformed_pickle",
    ],
    [
      "a tensor of 2^50 elements over a storage of one",
      () => {
        const storage = [0x28, ...text("storage"), ...GLOBAL("torch", "FloatStorage"), ...text("0"), ...text("cpu"), 0x4b, 1, 0x74, 0x51];
        const size = [0x8a, 7, 0, 0, 0, 0, 0, 0, 4, 0x85];
        const tensor = call(GLOBAL("torch._utils", "_rebuild_tensor_v2"), storage, [0x4b, 0], size, [0x4b, 0, 0x85], [0x89], [0x7d]);
        const body = pickle([0x7d], text("a"), tensor, [0x73]);
        return zip([
          { name: "archive/data.pkl", bytes: body },
          { name: "archive/data/0", bytes: data(4) },
        ]);
      },
      "malformed_checkpoint",
    ],
  ];

  it.each(bombs)("is refused by code, in the soak run within a second and 64 MB: %s", (_, make, code) => {
    const bytes = make();
    const before = settledRss();
    const started = performance.now();
    expect(codeOf(() => openTorch(bytes))).toBe(code);
    withinLimit("refusal, ms", performance.now() - started, 1000);
    withinLimit("growth, MiB", (process.memoryUsage.rss() - before) / 2 ** 20, 64);
  });

  it("the writer of these tests makes sound archives when it does not lie", () => {
    expect(openTorch(zip([sound])).keys()).toEqual([]);
    expect(openTorch(wide).keys()).toEqual(["a"]);
  });
});
