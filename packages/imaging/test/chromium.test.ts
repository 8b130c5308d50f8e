// The browser decoder in a real Chromium (CHROMIUM or /usr/bin/chromium): the same bytes as Pillow and sharp.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { findProgram, golden } from "@biovlm/testkit";
import { build } from "esbuild";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../src/node/index.js";

const here = dirname(fileURLToPath(import.meta.url));
const fixtures = join(here, "fixtures");
const executablePath = findProgram("chromium");

let page: Page;
let context: BrowserContext | undefined;
let server: Server | undefined;
const profile = mkdtempSync(join(tmpdir(), "biovlm-chromium-"));

interface Outcome {
  code?: string;
  message?: string;
  width?: number;
  height?: number;
  data?: number[];
}

const decodeInPage = (bytes: Uint8Array, options = {}): Promise<Outcome> =>
  page.evaluate(
    async ([numbers, given]) => {
      const { decodeImage: decode } = (globalThis as unknown as { imaging: typeof import("../src/index.js") }).imaging;
      try {
        const { data, width, height } = await decode(Uint8Array.from(numbers as number[]), given as object);
        return { data: Array.from(data), width, height };
      } catch (error) {
        return { code: (error as { code?: string }).code ?? "none", message: String(error) };
      }
    },
    [Array.from(bytes), options] as const,
  );

describe.skipIf(executablePath === undefined)("the browser decoder in Chromium", () => {
  beforeAll(async () => {
    const bundle = await build({
      entryPoints: [join(here, "../src/index.ts")],
      bundle: true,
      write: false,
      format: "iife",
      globalName: "imaging",
      platform: "browser",
    });
    server = createServer((_, response) =>
      response.setHeader("content-type", "text/html").end(`<script>${bundle.outputFiles[0]!.text}</script>`),
    );
    await new Promise<void>((ready) => server!.listen(0, "127.0.0.1", ready));
    context = await chromium.launchPersistentContext(profile, {
      executablePath: executablePath!,
      args: [
        "--no-sandbox",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-unsafe-swiftshader",
      ],
    });
    page = await context.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }, 60_000);

  afterAll(async () => {
    await context?.close();
    server?.close();
    rmSync(profile, { recursive: true, force: true });
  });

  const readable = readdirSync(fixtures).filter(
    (name) =>
      /\.(png|jpg|webp|gif|bmp|ppm|pgm|tif)$/.test(name) && !/^(animated\.(png|webp)|cmyk\.jpg)/.test(name) && name !== "rgb-jpeg.tif",
  );
  it.each(readable)("gives the bytes of sharp for %s", async (name) => {
    const bytes = readFileSync(join(fixtures, name));
    const options = /^(signed|float|unsigned)/.test(name) ? { range: { low: -5000, high: 5000 } } : {};
    const [ours, sharps] = [await decodeInPage(bytes, options), await decodeImage(bytes, options)];
    expect(ours.message).toBeUndefined();
    expect([ours.width, ours.height]).toEqual([sharps.width, sharps.height]);
    const digest = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
    expect(digest(Uint8Array.from(ours.data!))).toBe(digest(sharps.data));
  });

  it.each([
    ["rgb-jpeg.tif", "decoder_unavailable"],
    ["cmyk.jpg", "unsupported_format"],
    ["animated.webp", "too_many_frames"],
  ])("refuses %s with %s", async (name, code) => {
    expect(await decodeInPage(readFileSync(join(fixtures, name)))).toMatchObject({ code });
  });

  it("gives the command line's bytes for a volume that bgzip packed, which browsers do not inflate by themselves", async () => {
    const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
    const volume = Buffer.from(rows.find((row) => row.name === "nifti int16 little 0")!.bytes, "base64");
    const blocks = Array.from({ length: Math.ceil(volume.length / 100) }, (_, i) => gzipSync(volume.subarray(100 * i, 100 * (i + 1))));
    const packed = Buffer.concat([...blocks, gzipSync("")]);
    const own = await page.evaluate(
      (numbers) =>
        new Response(new Blob([Uint8Array.from(numbers)]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer().then(
          () => "inflated",
          () => "refused",
        ),
      [...packed],
    );
    expect(own).toBe("refused");
    for (const plane of ["axial", "coronal"] as const) {
      const { data, ...size } = await decodeImage(volume, { plane });
      const ours = await decodeInPage(packed, { plane });
      expect(ours).toMatchObject({ width: size.width, height: size.height, data: [...data] });
    }
    expect(await decodeInPage(packed.subarray(0, -40))).toMatchObject({ code: "corrupt_image" });
  });

  it("refuses truncated files", async () => {
    for (const name of ["rgb.png", "rgb-75-2.jpg", "lossy.webp"]) {
      const bytes = readFileSync(join(fixtures, name));
      expect(await decodeInPage(bytes.subarray(0, bytes.length - 20))).toMatchObject({ code: "corrupt_image" });
    }
  });
});
