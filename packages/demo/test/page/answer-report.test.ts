// The answers as rows in an order, and as one HTML file: nothing from outside is markup, nothing refers to elsewhere, digests and the line on use stand.

import { wilsonInterval } from "@biovlm/evaluation";
import { describe, expect, it } from "vitest";
import type { Opened, Prepared } from "../../src/engine/protocol.js";
import { answersReport } from "../../src/page/answer-report.js";
import { answerRows, type RowOrder } from "../../src/page/answer-rows.js";
import { percent } from "../../src/page/elements.js";
import type { ImageItem } from "../../src/page/image-item.js";
import { HOSTILE_NAMES } from "../hostile-names.js";

const image = (folder: string, name: string, answered?: string, probability = 0.75): ImageItem => ({
  id: 1,
  name,
  folder,
  file: new File([], name),
  identity: { hash: "ab12".repeat(16), place: "" },
  ...(answered === undefined ? {} : { answer: { predictions: [{ class: answered, probability }], kept: [] } }),
});

describe("the rows of answers", () => {
  const images = [
    image("s/cat", "10.png", "dog", 0.6),
    image("s/dog", "2.png", "dog", 0.9),
    image("", "3.png"),
    image("s/cat", "2.png", "cat", 0.6),
  ];
  const names = (order: RowOrder) =>
    answerRows(images, "folder", ["cat", "dog"], order).map(({ image }) => `${image.folder}/${image.name}`.replace(/^s?\//, ""));

  it("go by every column both ways, equal ones by name, numbers by their value, and those without an answer last", () => {
    expect(names({ by: "image", down: false })).toEqual(["3.png", "cat/2.png", "cat/10.png", "dog/2.png"]);
    expect(names({ by: "image", down: true })).toEqual(["dog/2.png", "cat/10.png", "cat/2.png", "3.png"]);
    expect(names({ by: "probability", down: false })).toEqual(["cat/2.png", "cat/10.png", "dog/2.png", "3.png"]);
    expect(names({ by: "probability", down: true })).toEqual(["dog/2.png", "cat/2.png", "cat/10.png", "3.png"]);
    expect(names({ by: "answer", down: false })).toEqual(["cat/2.png", "cat/10.png", "dog/2.png", "3.png"]);
    expect(names({ by: "said", down: true })).toEqual(["dog/2.png", "cat/2.png", "cat/10.png", "3.png"]);
  });

  it("know which answers are wrong", () => {
    const wrong = answerRows(images, "folder", ["cat", "dog"], { by: "image", down: false }).filter((row) => row.wrong);
    expect(wrong.map(({ image }) => image.name)).toEqual(["10.png"]);
  });
});

describe("the report", () => {
  const opened = { model: { name: "<toy>", digest: "sha256:model" }, device: "wasm", precision: "fp32" } as Opened;
  const classes = ['<img src=x onerror="hacked()">', "normal"];
  const prepared = { classes, prompts: ["one", "two"], kept: 1, recipe: "</style><script>hacked()</script>", digest: "sha256:bank" };
  const images = [
    ...HOSTILE_NAMES.map((name) => image(`${name}/normal`, name, classes[0])),
    image("s/normal", "a.png", "normal", 0.9999),
    { ...image("s/normal", "b.png"), failure: { code: "unreadable", message: "<b>cut</b> & short" } },
  ];
  const source = { images, opened, prepared: prepared as unknown as Prepared, shown: () => ({ frame: 0, window: "lung" }) };
  const report = answersReport(source, { grouping: "folder", made: "2026-01-02T03:04:05Z" });

  it("has markup of its own alone, and nothing that runs or is fetched", () => {
    const tags = new Set([...report.matchAll(/<[^>]*>/g)].map(([tag]) => /^<[!/]?([a-z0-9]+)/.exec(tag)?.[1] ?? tag));
    const own = "doctype html head meta title style body main h1 h2 p dl dt dd code br table thead tbody tr th td".split(" ");
    expect([...tags].sort()).toEqual(own.sort());
    for (const [, attribute] of report.replaceAll(/<style>.*?<\/style>/gs, "").matchAll(/<[a-z0-9]+ ([^>]*)>/g))
      expect(attribute).toMatch(/^(lang|charset|name|content|http-equiv|class|scope)=/);
    expect(/<style>(.*?)<\/style>/s.exec(report)?.[1]).not.toMatch(/url\(|@import/);
    expect(report).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
    expect(report).not.toMatch(/[\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
  });

  it("says what it is for, of which contents, model and bank it is, and how sure its share is", () => {
    expect(report).toContain("Research use only, not a medical device");
    for (const digest of ["sha256:model", "sha256:bank", `sha256:${"ab12".repeat(16)}`]) expect(report).toContain(digest);
    const judged = images.length - 1;
    const { low, high } = wilsonInterval(1, judged);
    expect(report).toContain(`1 of ${judged} images are answered, `);
    expect(report).toContain(`95 % interval ${percent(low)} to ${percent(high)}, every image`);
    expect(report).toContain("cannot be read: &#60;b&#62;cut&#60;/b&#62; &#38; short");
    expect(report).toContain("frame 1, window lung");
    expect(report).toContain("normal &gt;99\u00a0%");
  });

  it("holds pictures only where they were asked for, as part of itself", () => {
    const pictured = answersReport(source, {
      grouping: "folder",
      made: "",
      thumbnail: ({ answer }) => answer && "data:image/jpeg;base64,AA==",
    });
    expect(pictured.match(/<img src="data:image\/jpeg;base64,AA==" alt="">/g)).toHaveLength(images.length - 1);
  });
});
