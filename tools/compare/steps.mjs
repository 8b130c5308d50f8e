// What both states are asked to do on the command line, in order: later steps read what earlier ones wrote. Each step names its files.

/** @typedef {{name: string, words: string[], files?: string[]}} Step */

const CLASSES = ["--class", "chest X-ray", "--class", "head CT", "--class", "breast ultrasound"];

/** Steps that open no model. @type {Step[]} */
export const plainSteps = [
  { name: "help", words: ["--help"] },
  { name: "help of train", words: ["train", "--help"] },
  { name: "data list", words: ["data", "list"] },
  { name: "unknown option", words: ["classify", "in/images", "--clas", "x"] },
  { name: "no such path", words: ["classify", "in/none.png", "--class", "a", "--class", "b"] },
  { name: "completion", words: ["completion", "bash"] },
];

/** @param {string} device "cpu" or "wasm" @returns {Step[]} */
export function deviceSteps(device) {
  const on = ["--device", device, "--threads", "1"];
  const out = (name) => `${device}/${name}`;
  return [
    { name: "classify by name", words: ["classify", "in/images", ...CLASSES, ...on, "--json"] },
    { name: "classify with attributes, explained", words: ["classify", "in/busi", "--dataset", "busi", "--explain", "--json", ...on] },
    {
      name: "classify as text",
      words: ["classify", "in/images/nested", "--classes-file", "in/classes.txt", "--top", "3", "--explain", ...on],
    },
    {
      name: "embed",
      words: ["embed", "in/images", "--out", out("rows.safetensors"), "--json", ...on],
      files: [out("rows.safetensors"), out("rows.safetensors.rows.jsonl")],
    },
    {
      name: "embed raw",
      words: ["embed", "in/busi", "--out", out("rows.npy"), "--raw", "--exif", "ignore", ...on],
      files: [out("rows.npy")],
    },
    ...[1, 2].map((seed) => ({
      name: `train, seed ${seed}`,
      words: [
        "train",
        "in/busi",
        "--out",
        out(`seed-${seed}.safetensors`),
        "--seed",
        String(seed),
        "--shots",
        "4",
        "--log",
        out(`seed-${seed}.jsonl`),
        "--json",
        ...on,
      ],
      files: [out(`seed-${seed}.safetensors`), out(`seed-${seed}.jsonl`)],
    })),
    {
      name: "train, fresh views",
      words: ["train", "in/busi", "--out", out("fresh.safetensors"), "--views", "fresh", "--set", "epochs=3", ...on],
      files: [out("fresh.safetensors")],
    },
    {
      name: "train from a list",
      words: ["train", "in/labels.csv", "--all", "--out", out("list.safetensors"), "--set", "epochs=2", ...on],
      files: [out("list.safetensors")],
    },
    {
      name: "eval",
      words: ["eval", "in/busi", "--bank", out("seed-1.safetensors"), "--out", out("eval.json"), "--json", ...on],
      files: [out("eval.json")],
    },
    { name: "bank show", words: ["bank", "show", out("seed-1.safetensors"), "--json"] },
    {
      name: "bank compile",
      words: ["bank", "compile", out("seed-1.safetensors"), "--out", out("compiled.safetensors"), ...on],
      files: [out("compiled.safetensors")],
    },
    {
      name: "bank compile, other classes",
      words: ["bank", "compile", out("seed-2.safetensors"), "--out", out("others.safetensors"), "--text-only", ...CLASSES, ...on],
      files: [out("others.safetensors")],
    },
    { name: "classify by a bank", words: ["classify", "in/busi", "--bank", out("compiled.safetensors"), "--explain", "--jsonl", ...on] },
    {
      name: "sweep",
      words: ["sweep", "in/busi", "--shots", "2", "--seeds", "1", "--out", out("sweep"), "--json", ...on],
      files: ["results.json", "results.csv", "results.md", "results.html"].map((name) => out(`sweep/${name}`)),
    },
    {
      name: "quickstart",
      words: ["quickstart", "--shots", "4", "--out", out("sheet.html"), "--bank", out("quickstart.safetensors"), "--json", ...on],
      files: [out("quickstart.safetensors"), out("sheet.html")],
    },
  ];
}
