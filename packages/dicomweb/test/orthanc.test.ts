// A real archive: Orthanc with its DICOMweb plugin, started here with a folder of its own. Files go in as they are and come out unchanged;
// a report is stored and found under its study, also after a restart, and never twice.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { golden } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openArchive, readSourceImage, structuredReport } from "../src/index.js";

const present = spawnSync("Orthanc", ["--version"]).status === 0;
if (!present) console.log("skipped: no Orthanc (Debian: orthanc, orthanc-dicomweb)");
if (!present && process.env["BIOVLM_REQUIRE_ORTHANC"] === "1") throw new Error("Orthanc was to be there, and is not");

const file = (name: string) => readFileSync(golden(`dicom/${name}`));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

describe.skipIf(!present)("Orthanc", () => {
  const folder = mkdtempSync(join(tmpdir(), "biovlm-orthanc-"));
  let port = 0;
  let orthanc: ChildProcess | undefined;

  async function start() {
    orthanc = spawn("Orthanc", [join(folder, "orthanc.json")], { stdio: "ignore" });
    for (let i = 0; i < 200; i++) {
      const ready = await fetch(`http://127.0.0.1:${port}/system`).then(
        (r) => r.status === 200 || r.status === 401,
        () => false,
      );
      if (ready) return;
      await delay(50);
    }
    throw new Error("Orthanc did not start");
  }
  async function end() {
    const ended = new Promise((resolve) => orthanc?.once("exit", resolve));
    orthanc?.kill("SIGTERM");
    await ended;
  }

  beforeAll(async () => {
    port = await freePort();
    writeFileSync(
      join(folder, "orthanc.json"),
      JSON.stringify({
        Name: "test",
        StorageDirectory: join(folder, "storage"),
        IndexDirectory: join(folder, "index"),
        HttpPort: port,
        RemoteAccessAllowed: false,
        AuthenticationEnabled: true,
        RegisteredUsers: { ann: "pw" },
        DicomServerEnabled: false,
        Plugins: ["/usr/lib/orthanc/libOrthancDicomWeb.so", "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"]
          .filter((path) => spawnSync("test", ["-e", path]).status === 0)
          .slice(0, 1),
        DicomWeb: { Enable: true, Root: "/dicom-web/" },
      }),
    );
    await start();
  }, 60_000);
  afterAll(async () => {
    await end();
    rmSync(folder, { recursive: true, force: true });
  });

  const archive = (authorization = `Basic ${Buffer.from("ann:pw").toString("base64")}`) =>
    openArchive({ url: `http://127.0.0.1:${port}/dicom-web`, authorization, backoffMs: 50 });

  it("takes files, lists them and gives back the bytes that were stored", async () => {
    const files = [file("window_linear.dcm"), file("enhanced_window_per_frame.dcm")];
    await archive().store(files);
    const found = await archive().findInstances("2.25.4242.100");
    expect(found.map(({ instance }) => instance).sort()).toEqual(files.map((bytes) => readSourceImage(bytes).sopInstance).sort());
    for (const reference of found) {
      const stored = files.find((bytes) => readSourceImage(bytes).sopInstance === reference.instance);
      expect(Buffer.from(await archive().readInstance(reference)).equals(stored ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it("stores a report under the study of its image; again, and after a restart, it is still one", async () => {
    const source = readSourceImage(file("window_linear.dcm"));
    const author = { model: "tiny", modelDigest: `sha256:${"ab".repeat(32)}`, version: "0.1.0" };
    const report = structuredReport([{ source, classes: [{ name: "benign", probability: 0.75 }] }], author, new Date(0));
    await archive().store([report.bytes]);
    await end();
    const storing = archive().store([report.bytes]);
    await start();
    await storing;
    const reports = (await archive().findInstances(source.study)).filter(({ modality }) => modality === "SR");
    expect(reports.map(({ instance, series }) => ({ instance, series }))).toEqual([
      { instance: report.sopInstance, series: report.series },
    ]);
    expect(reports[0]?.sopClass).toBe("1.2.840.10008.5.1.4.1.1.88.33");
  });

  it("refuses wrong credentials and unknown studies by name", async () => {
    await expect(archive("Bearer wrong").findInstances("2.25.4242.100")).rejects.toMatchObject({ code: "refused" });
    await expect(archive().findInstances("2.25.1")).rejects.toMatchObject({ code: "not_found" });
  });

  it("says what it does not take", async () => {
    await expect(archive().store([Buffer.from("no DICOM")])).rejects.toMatchObject({ code: expect.stringMatching(/not_stored|refused/) });
  });
});
