// What the page knows and does, against an engine of the test's own: images, classes, answers, labels, and what a newer wish does to an older.

import { beforeEach, describe, expect, it } from "vitest";
import { type AskOptions, type EngineClient, EngineFailure } from "../../src/engine/engine-client.js";
import type { DeviceState, ImageAnswer, RequestName, Requests } from "../../src/engine/protocol.js";
import type { Change } from "../../src/page/change.js";
import { type OpenChoices, Session } from "../../src/page/session.js";

const STATE: DeviceState = { device: "wasm", precision: "int8", detail: "1 thread", canLearn: true };
const OPENED = { ...STATE, model: { name: "toy", digest: "d", imageSize: 4 }, passedOver: [], datasets: [], windows: {}, downloaded: 0 };
const CHOICES = { source: {}, device: "auto", precision: "auto", base: "" } as unknown as OpenChoices;

/** An engine that knows class names and answers "first class" for every image, but not for names that begin with "bad". */
class FakeEngine implements EngineClient {
  readonly asked: { readonly name: RequestName; readonly ask: unknown }[] = [];
  ended = false;
  /** classify waits for this */
  gate: Promise<void> = Promise.resolve();

  async ask<N extends RequestName>(name: N, ask: Requests[N]["ask"], { signal }: AskOptions = {}): Promise<Requests[N]["answer"]> {
    this.asked.push({ name, ask });
    const answer = {
      open: () => OPENED,
      prepare: () => this.prepared(ask as never),
      classify: () => this.answers(ask as never),
      look: () => this.picture(ask as never),
    }[name as "open"];
    if (name === "classify") await this.gate;
    if (signal?.aborted === true && name !== "classify") throw new EngineFailure({ code: "stopped", message: "stopped" });
    return answer() as Requests[N]["answer"];
  }
  end(): void {
    this.ended = true;
  }
  sizes(): number[] {
    return this.asked.flatMap(({ name, ask }) => (name === "classify" ? [(ask as Requests["classify"]["ask"]).images.length] : []));
  }
  private picture({ file }: Requests["look"]["ask"]) {
    if ((file as File).name.startsWith("bad")) throw new EngineFailure({ code: "unreadable", message: "no image" });
    return { size: 1, rgb: new Uint8Array(3), ranged: false, notes: [] };
  }
  private prepared({ classes }: Requests["prepare"]["ask"]) {
    if (classes.kind !== "names") throw new EngineFailure({ code: "bank_format", message: "no bank" });
    return { classes: classes.names, prompts: ["p"], kept: 1, recipe: "templates", digest: "d", openSet: true };
  }
  private answers({ images }: Requests["classify"]["ask"]): ImageAnswer[] {
    return images.map(({ id, file }) =>
      (file as File).name.startsWith("bad")
        ? { id, ok: false, error: { code: "unreadable", message: "no image" } }
        : {
            id,
            ok: true,
            answer: { predictions: [{ class: "a", probability: 1 }], kept: [] },
            picture: { size: 1, rgb: new Uint8Array(3), ranged: false, notes: [] },
          },
    );
  }
}

const file = (name: string, folder = "", time = 1) => ({ file: new File([name], name, { lastModified: time }), folder });
const names = ({ images }: Session) => images.map((i) => i.name);

describe("the session", () => {
  let engines: FakeEngine[];
  let session: Session;
  let changes: Change[];
  let lose: (state: DeviceState, reason: string) => void;
  beforeEach(async () => {
    engines = [];
    changes = [];
    session = new Session((onDevice) => {
      lose = onDevice;
      engines.push(new FakeEngine());
      return engines.at(-1) as FakeEngine;
    });
    await session.open(CHOICES, () => undefined);
    session.listen((change) => changes.push(change));
  });

  it("adds images in natural order, also between those that were there, and chooses the first", () => {
    session.add([file("scan-10.png"), file("scan-9.png")]);
    session.add([file("scan-1.png"), file("other.png", "a")]);
    expect(names(session)).toEqual(["scan-1.png", "scan-9.png", "scan-10.png", "other.png"]);
    expect(session.selected?.name).toBe("scan-9.png");
    expect(changes).toEqual(["images", "selection", "images", "selection"]);
  });

  it("shows a file once that comes twice, gives it the folder it comes with later, and keeps two folders' files apart", () => {
    expect(session.add([file("1.png"), file("1.png")])).toBe(1);
    expect(session.add([file("1.png", "a"), file("1.png", "b")])).toBe(1);
    expect(session.add([file("1.png", "a"), file("1.png", "a", 2)])).toBe(1);
    expect(session.images.map((i) => i.folder)).toEqual(["a", "a", "b"]);
  });

  it("takes one image away and chooses its neighbour, the last one none", () => {
    session.add([file("1.png"), file("2.png"), file("3.png")]);
    const [first, second, third] = session.images;
    session.select(third);
    for (const [gone, then] of [
      [third, second],
      [first, second],
      [second, undefined],
    ] as const) {
      if (gone !== undefined) session.remove(gone);
      expect(session.selected).toBe(then);
    }
    expect(session.images).toEqual([]);
    if (first !== undefined) session.remove(first);
    expect(session.images).toEqual([]);
  });

  it("answers in small batches, sound images and broken ones each for itself, and no image twice", async () => {
    session.add([...Array.from({ length: 9 }, (_, i) => file(`${i}.png`)), file("bad.png")]);
    await session.choose({ kind: "names", names: ["a", "b"] });
    expect(engines[0]?.sizes()).toEqual([8, 2]);
    expect(session.images.filter((i) => i.answer !== undefined && i.picture?.size === 1)).toHaveLength(9);
    expect(session.images.find((i) => i.name === "bad.png")?.failure?.code).toBe("unreadable");
    expect(session.waiting).toBe(0);
    await session.answer();
    expect(engines[0]?.sizes()).toEqual([8, 2]);
  });

  it("answers nothing before classes are chosen, but shows what the model sees and what cannot be read, each file once", async () => {
    session.add([file("1.png"), file("bad.png")]);
    await Promise.all([session.answer(), session.answer()]);
    expect(engines[0]?.sizes()).toEqual([]);
    expect(session.images.map((i) => [i.picture?.size, i.failure?.code])).toEqual([
      [1, undefined],
      [undefined, "unreadable"],
    ]);
    expect(engines[0]?.asked.map(({ name }) => name)).toEqual(["open", "look", "look"]);
  });

  it("keeps the pictures of an answer that came too late: the engine does not send them twice", async () => {
    session.add([file("1.png")]);
    await session.choose({ kind: "names", names: ["a", "b"] });
    const [image] = session.images;
    for (const part of ["answer", "picture"] as const) delete image?.[part];
    const late = session.answer();
    session.removeAll();
    await late;
    expect(image?.picture?.size).toBe(1);
    expect(image).not.toHaveProperty("answer");
  });

  it("lets a later choice take over from one that is being answered", async () => {
    session.add([file("1.png")]);
    let open = () => {};
    const [engine] = engines;
    if (engine !== undefined) engine.gate = new Promise((resolve) => (open = resolve));
    const first = session.choose({ kind: "names", names: ["a", "b"] });
    const second = session.choose({ kind: "names", names: ["c", "d"] });
    open();
    await Promise.all([first, second]);
    expect(session.prepared?.classes).toEqual(["c", "d"]);
    expect(session.images[0]?.answer).toBeDefined();
    expect(session.waiting).toBe(0);
  });

  const labels = () => session.images.map((i) => [i.labelName, i.label]);
  const labelled = async () => {
    session.add([file("1.png"), file("2.png"), file("3.png")]);
    await session.choose({ kind: "names", names: ["a", "b"] });
    const [one, two] = session.images;
    if (one !== undefined) session.label(one, 0);
    if (two !== undefined) session.label(two, 1);
  };

  it("keeps labels by the class's name when classes change their places; a class that is gone brings its labels back when it comes again", async () => {
    await labelled();
    const said: string[] = [];
    session.onNotice = (text) => said.push(text);
    await session.choose({ kind: "names", names: ["c", "A"] });
    expect(labels()).toEqual([
      ["a", 1],
      ["b", undefined],
      [undefined, undefined],
    ]);
    expect(said).toEqual(["1 label is of a class that is not among these: kept, and there again with the name."]);
    await session.choose({ kind: "names", names: ["a", "b", "c"] });
    expect(labels().map(([, label]) => label)).toEqual([0, 1, undefined]);
    const [one] = session.images;
    if (one !== undefined) session.label(one, undefined);
    expect(one).not.toHaveProperty("labelName");
  });

  it("takes labels along when a line is written anew, also those of images that are not here, and takes that back", async () => {
    await labelled();
    const [one, two] = session.images;
    if (one !== undefined) session.identified(one, { hash: "h1", place: "p1" });
    session.book.say({ hash: "h9", place: "p9" }, "a");
    await session.choose({ kind: "names", names: ["alpha", "b"] });
    expect([one?.labelName, one?.label, two?.labelName]).toEqual(["alpha", 0, "b"]);
    expect([session.book.of({ hash: "h9", place: "p9" }), session.book.of({ hash: "h1", place: "p1" })]).toEqual(["alpha", "alpha"]);
    expect(await session.step("undo")).toBe("the choice of classes");
    expect([one?.labelName, session.prepared?.classes, session.book.of({ hash: "h9", place: "p9" })]).toEqual(["a", ["a", "b"], "a"]);
    await session.step("redo");
    expect([one?.labelName, one?.label, session.prepared?.classes]).toEqual(["alpha", 0, ["alpha", "b"]]);
  });

  it("asks whether other names are those of the same classes where no line stayed, and loses nothing either way", async () => {
    for (const answer of [true, false]) {
      session.removeAll();
      await labelled();
      const asked: string[] = [];
      session.askWhether = async (question) => asked.push(question) > 0 && answer;
      await session.choose({ kind: "names", names: ["x", "y"] });
      expect(asked).toEqual(["2 images have labels of the classes before (a, b). Are these new names of the same classes?"]);
      expect(labels().slice(0, 2)).toEqual(
        answer
          ? [
              ["x", 0],
              ["y", 1],
            ]
          : [
              ["a", undefined],
              ["b", undefined],
            ],
      );
    }
  });

  it("takes back labels and removals in the order they were made, and does them again", async () => {
    await labelled();
    const [, two] = session.images;
    if (two !== undefined) session.remove(two);
    session.removeAll();
    for (let i = 0; i < 4; i++) await session.step("undo");
    expect(names(session)).toEqual(["1.png", "2.png", "3.png"]);
    expect(labels().map(([name]) => name)).toEqual([undefined, undefined, undefined]);
    for (let i = 0; i < 3; i++) await session.step("redo");
    expect(names(session)).toEqual(["1.png", "3.png"]);
    expect([two?.labelName, session.images[0]?.labelName]).toEqual(["b", "a"]);
    expect(session.images.every((i) => i.answer !== undefined)).toBe(true);
    await session.step("redo");
    expect([session.images.length, await session.step("redo")]).toEqual([0, undefined]);
  });

  it("keeps the chosen classes over a refusal, and over an engine that ended while they were prepared", async () => {
    session.add([file("1.png")]);
    await session.choose({ kind: "names", names: ["a", "b"] });
    await expect(session.choose({ kind: "bank", file: new Blob() })).rejects.toThrow("no bank");
    await session.open(CHOICES, () => undefined);
    expect(session.prepared?.classes).toEqual(["a", "b"]);
    session.resume({ kind: "bank", file: new Blob() });
    const said: string[] = [];
    session.onNotice = (text) => said.push(text);
    await session.open(CHOICES, () => undefined);
    expect([session.opened?.model.name, said]).toEqual(["toy", ["no bank"]]);
  });

  it("opens again on other settings: the old engine ends, classes are chosen again, labels stay, every image is answered anew", async () => {
    session.add([file("1.png")]);
    await session.choose({ kind: "names", names: ["a", "b"] });
    for (const image of session.images) session.label(image, 1);
    await session.open({ ...CHOICES, device: "wasm" }, () => undefined);
    expect(session.images[0]?.label).toBe(1);
    expect(engines.map((e) => e.ended)).toEqual([true, false]);
    expect(engines[1]?.asked.map(({ name }) => name)).toEqual(["open", "prepare", "classify"]);
    expect(session.images[0]?.answer).toBeDefined();
    expect(session.lastChoices?.device).toBe("wasm");
  });

  it("hands a refusal of the engine on, and says of a lost device what goes on in its place", async () => {
    await expect(session.choose({ kind: "bank", file: new Blob() })).rejects.toThrow("no bank");
    const said: [string, boolean][] = [];
    session.onNotice = (text, bad) => said.push([text, bad]);
    lose({ ...STATE, precision: "fp32" }, "webgpu → wasm: lost");
    expect(session.device?.precision).toBe("fp32");
    expect(said).toEqual([["The device was lost; the page goes on with wasm (webgpu → wasm: lost).", true]]);
  });

  it("has no engine before a model is open, and no images after all were removed", () => {
    expect(() => new Session(() => new FakeEngine()).engine).toThrow(EngineFailure);
    session.add([file("1.png")]);
    session.removeAll();
    expect([session.images.length, session.selected, session.waiting]).toEqual([0, undefined, 0]);
  });
});
