// What the page sends to a real `biovlm serve`, through the page's own decoding and sending, is answered as `biovlm classify` answers the file:
// every kind of file that is not sent as it is, for banks that keep a window, a plane, a range or the region of ultrasound, and for one that does not.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readBank, writeBank } from "@biovlm/model";
import { golden, greyPng, madeCine, soak, ultrasoundFrame } from "@biovlm/testkit";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import { beforeAll, describe, expect, it } from "vitest";
import { call, folder } from "../../cli/test/call.js";
import { serve } from "../../cli/test/served.js";
import { failureOf } from "../src/engine/call.js";
import type { EngineClient } from "../src/engine/engine-client.js";
import { EngineFailure } from "../src/engine/engine-client.js";
import { ImageDecoding } from "../src/engine/image-decoding.js";
import type { HowShown, ImageRef, Prepared } from "../src/engine/protocol.js";
import { ServerDoor } from "../src/page/server-door.js";
import { answeredBy } from "../src/page/server-engine.js";

const CLASSES = ["brain CT", "retinal fundus photograph", "ultrasound"];
const place = folder("served-answers");
const files: string[] = [];

interface Row {
  readonly file: string;
  readonly frame?: number;
  readonly predictions?: readonly { readonly class: string; readonly probability: number }[];
  readonly kept?: readonly { readonly prompt: number; readonly entropy: number }[];
  readonly error?: { readonly code: string };
}

/** The worker, without a worker. */
function decodingClient(): EngineClient {
  const decoding = new ImageDecoding("http://127.0.0.1/");
  return {
    ask: (async (name: string, ask: ImageRef) => {
      if (name !== "sendable") throw new Error(name);
      return decoding.sendable(ask).catch((error: unknown) => {
        throw new EngineFailure(failureOf(error));
      });
    }) as EngineClient["ask"],
    end() {},
  };
}

/** Numbers to six digits: a batch of one meets others. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null, (_, one: unknown) => (typeof one === "number" ? Number(one.toPrecision(6)) : one)));
const said = ({ predictions, kept }: Pick<Row, "predictions" | "kept">) => rounded({ predictions, kept });

beforeAll(async () => {
  const put = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(place, name), bytes);
    files.push(name);
  };
  const phantoms = dirname(golden("dicom/oracle.tsv"));
  for (const name of readdirSync(phantoms)) if (name.endsWith(".dcm")) put(name, readFileSync(join(phantoms, name)));
  const golds = (of: string, wanted: RegExp) => {
    const { rows } = JSON.parse(readFileSync(golden(of), "utf8")) as { rows: { name: string; bytes: string }[] };
    for (const { name, bytes } of rows) {
      if (!wanted.test(name)) continue;
      const data = Buffer.from(bytes, "base64");
      const ending = name.startsWith("nrrd") ? "nrrd" : name.startsWith("nifti") ? (data[0] === 0x1f ? "nii.gz" : "nii") : "tif";
      put(`${name.replaceAll(/\W+/g, "-")}.${ending}`, data);
    }
  };
  const few = /^nifti (int16|float32) little 1|^nifti-2|of two volumes|with holes|^nrrd (float32|uint16) big/;
  golds("volumes.json", soak ? /^nifti|^nrrd/ : few);
  golds("tiff-pages.json", soak ? /./ : /^(little endian TIFF|big endian BigTIFF with previews)$/);
  golds(
    "tiff-kinds.json",
    soak ? /^(rgb16|float32|grey|int)/ : /^(rgb16 lzw tiles big predictor|grey16 inverted|int16 lzw|float32 plain strips big)/,
  );
  put(
    "grey-16.png",
    greyPng(24, 16, 16, (i) => (i * 151) % 4096),
  );
  put("region.dcm", ultrasoundFrame(64, 48, [9, 5, 40, 39]));
  put("whole-region.dcm", ultrasoundFrame(20, 20, [0, 0, 19, 19]));
  put("region-outside.dcm", ultrasoundFrame(20, 20, [0, 0, 40, 19]));
  put("ultrasound.dcm", ultrasoundFrame(64, 48));
  put("cine.dcm", madeCine([10, 90, 170, 240, 60], 32));
  const bank = readBank(await tinyBank(CLASSES));
  for (const [name, options] of Object.entries(KEPT))
    writeFileSync(join(place, `${name}.safetensors`), writeBank({ ...bank, options: { ...bank.options, ...options } }));
}, 60_000);

/** Banks by what they keep; alone each under the soak. */
const ALL: HowShown = { window: "lung", plane: "coronal", range: "0..3000" };
const KEPT: Readonly<Record<string, HowShown>> = {
  plain: {},
  shown: ALL,
  region: { ultrasoundRegion: true },
  ...(soak
    ? { lung: { window: "lung" }, sagittal: { plane: "sagittal" }, bits: { range: "bits=12" }, both: { ...ALL, ultrasoundRegion: true } }
    : {}),
};
const words = ({ window, plane, range, ultrasoundRegion }: HowShown) => [
  ...(window === undefined ? [] : ["--window", window]),
  ...(plane === undefined ? [] : ["--plane", plane]),
  ...(range === undefined ? [] : ["--range", range]),
  ...(ultrasoundRegion === undefined ? [] : ["--ultrasound-region"]),
];

describe.each(Object.entries(KEPT))("a served bank that keeps %s", (name, kept) => {
  it("answers each file that the page shows as classify answers it, frame by frame, and refuses what classify refuses", async () => {
    const bank = ["--bank", `${name}.safetensors`, ...words(kept)];
    const classified = async (...more: string[]): Promise<Row[]> => {
      const { out, err } = await call(["classify", ...files, ...bank, "--device", "cpu", "--threads", "1", "--json", ...more], {
        cwd: place,
      });
      expect(out, err).not.toBe("");
      return JSON.parse(out) as Row[];
    };
    const served = await serve(bank, place);
    try {
      const door = new ServerDoor(`${served.url}/`);
      await door.find();
      const engine = answeredBy(decodingClient(), door);
      const [model] = await door.served();
      const source = { kind: "server", model: model?.name ?? "", bank: model?.banks[0]?.name ?? "" } as const;
      const { window, plane, range, ultrasoundRegion } = (await engine.ask("prepare", { classes: source })) as Prepared;
      const shown = JSON.parse(JSON.stringify({ window, plane, range, ultrasoundRegion })) as HowShown;
      expect(shown).toEqual(kept);
      // an answer is kept under its number
      let next = 1;
      const ask = async (asked: readonly Row[], frame: (row: Row) => number | undefined) => {
        const images = asked.map((row): ImageRef => {
          const at = frame(row);
          const file = new Blob([readFileSync(join(place, row.file))]);
          return { id: next++, file, ...shown, ...(at === undefined ? {} : { frame: at }) };
        });
        const answers = await engine.ask("classify", { images });
        for (const [i, row] of asked.entries()) {
          const answer = answers[i];
          const what = `${basename(row.file)} ${row.frame ?? ""}: ${JSON.stringify(row.error ?? "")} ${JSON.stringify(answer)}`;
          expect(answer?.ok, what).toBe(row.error === undefined);
          if (answer?.ok === true) expect(said(answer.answer), what).toEqual(said(row));
        }
      };
      const rows = await classified("--frame", "all");
      const single = rows.filter(
        ({ frame, file }) => frame === undefined && !rows.some((row) => row.file === file && row.frame !== undefined),
      );
      // a bank that keeps words answers more or fewer files, and none by chance alone
      expect(single.filter(({ error }) => error === undefined).length).toBeGreaterThan(kept.ultrasoundRegion ? 1 : 35);
      await ask(single, () => undefined);
      const frames = rows.filter(({ frame }) => frame !== undefined);
      await ask(frames, ({ frame = 1 }) => frame - 1);
      const count = ({ file }: Row) => frames.filter((row) => row.file === file).length;
      // unasked the middle one is answered
      const middle = frames.filter((row) => row.frame === Math.floor(count(row) / 2) + 1);
      expect(middle.length > 8).toBe(kept.ultrasoundRegion !== true);
      await ask(middle, () => undefined);
    } finally {
      await served.stop();
    }
  }, 120_000);
});
