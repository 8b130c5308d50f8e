// Answers as files: no formula for a spreadsheet, failures with their reason; and which groups are classes.

import { parseCsv } from "@biovlm/datasets";
import { describe, expect, it } from "vitest";
import type { Opened, Prepared } from "../../src/engine/protocol.js";
import { answerCounts, isIn, isWrong } from "../../src/page/answer-counts.js";
import { answeredOn, answersCsv, answersJson } from "../../src/page/answer-lists.js";
import { answersReport } from "../../src/page/answer-report.js";
import type { ImageItem } from "../../src/page/image-item.js";

const opened = { model: { name: "toy", digest: "sha256:m" }, device: "wasm", precision: "fp32" } as Opened;
const prepared = (classes: readonly string[]) => ({ classes, prompts: ["one"], recipe: "=r", digest: "sha256:b" }) as unknown as Prepared;
const image = (folder: string, name: string, answered?: string, labelName?: string): ImageItem => ({
  id: 1,
  name,
  folder,
  file: new File([], name),
  ...(answered === undefined
    ? {}
    : { answer: { predictions: [{ class: answered, probability: 0.75 }], kept: [{ prompt: 0, entropy: 0.5 }] } }),
  ...(labelName === undefined ? {} : { labelName }),
});

describe("answers as files", () => {
  const failed = { ...image("", "@gone.png"), failure: { code: "unreadable", message: "=no" } };
  const source = {
    images: [image("=d", "=1+1.png", "-b", "+c"), failed],
    opened,
    prepared: prepared(["=a", "-b"]),
    shown: () => ({ frame: 2, window: "-600/1500", range: "bits=12", plane: "coronal", volume: { number: 1, slice: 4, slices: 9 } }),
  };

  it("hold no formula for a spreadsheet, and say for each image without an answer why", () => {
    const { columns, rows } = parseCsv(answersCsv(source));
    for (const cell of [columns, ...rows].flat()) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    const [first = [], second = []] = rows;
    const at = (name: string) => columns.indexOf(name);
    expect([first[at("answer")]?.trim(), first[at("p(-b)")], first[at("frame")]]).toEqual(["-b", "0.750000", "3"]);
    expect([first[at("plane")], first[at("series")], first[at("slice")]]).toEqual(["coronal", "1", "4"]);
    expect([second[at("answer")], second[at("error")], second[at("bank")]]).toEqual(["", "unreadable", "sha256:b"]);
  });

  it("name the server that answered, with its own model and bank", () => {
    const answerer = {
      host: "clinic.example",
      model: { name: "big", digest: "sha256:x" },
      bank: "kinds",
      device: "cuda",
      precision: "fp16",
      version: "1.2.3",
      prevalence: [0.25, 0.75],
    };
    const answered = answeredOn({ ...source, prepared: { ...source.prepared, answerer } });
    const json = JSON.parse(answersJson(answered));
    expect(json).toMatchObject({
      server: "clinic.example",
      version: "1.2.3",
      model: answerer.model,
      device: "cuda",
      precision: "fp16",
      prevalence: [0.25, 0.75],
    });
    expect(json.bank).toMatchObject({ name: "kinds", digest: "sha256:b" });
    const { columns, rows } = parseCsv(answersCsv(answered));
    expect(rows.map((row) => row[columns.indexOf("model")])).toEqual(["sha256:x", "sha256:x"]);
    expect(JSON.parse(answersJson(answeredOn(source)))).not.toHaveProperty("server");
    const report = answersReport(answered, { grouping: "folder", made: "" });
    for (const word of ["clinic.example, biovlm 1.2.3, bank kinds", "sha256:x", "cuda, fp16", "=a 0.25; -b 0.75"])
      expect(report).toContain(word);
    expect(answersReport(source, { grouping: "folder", made: "" })).not.toContain("Answered by");
  });

  it("are in JSON as they are", () => {
    const { images, bank } = JSON.parse(answersJson(source));
    expect(images[0]).toMatchObject({
      file: "=d/=1+1.png",
      label: "+c",
      window: "-600/1500",
      plane: "coronal",
      volume: { slice: 4 },
      kept: [{ prompt: 1, entropy: 0.5 }],
    });
    expect(images[1]).toMatchObject({ error: { code: "unreadable" } });
    expect(bank).toMatchObject({ digest: "sha256:b", recipe: "=r" });
  });
});

describe("answers by what images are said to be", () => {
  const classes = ["benign tumor", "normal"];
  const images = [
    image("s/Benign_Tumor", "1", "benign tumor"),
    image("s/benign tumor", "2", "normal"),
    image("s/other", "3", "normal"),
    image("", "4", "normal"),
    image("s/normal", "5"),
  ];

  it("are right or wrong where the group reads like a class, and counted only where there is an answer", () => {
    const { groups, counts, places, judged, right } = answerCounts(images, "folder", classes);
    expect([groups, places, counts]).toEqual([
      ["Benign Tumor", "other"],
      [0, undefined],
      [
        [1, 1],
        [0, 1],
      ],
    ]);
    expect([judged, right]).toEqual([2, 1]);
    expect(images.filter((i) => isWrong(i, "folder", classes)).map(({ name }) => name)).toEqual(["2"]);
    expect(images.filter((i) => isIn(i, "folder", "Benign Tumor", "normal")).map(({ name }) => name)).toEqual(["2"]);
    expect(answerCounts(images, "label", classes).groups).toEqual([]);
  });
});
