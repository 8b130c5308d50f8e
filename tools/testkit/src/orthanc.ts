// A real archive: Orthanc with its DICOMweb plugin, in a folder of its own, on 127.0.0.1 with a name and a password; it can be ended and
// started again on what it has stored.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** An archive of a test. */
export class Orthanc {
  /** "USER:PASSWORD" that it lets in */
  readonly credentials = "ann:pw";
  private readonly folder = mkdtempSync(join(tmpdir(), "biovlm-orthanc-"));
  private port = 0;
  private running: ChildProcess | undefined;

  /** root of its DICOMweb service */
  get url(): string {
    return `http://127.0.0.1:${this.port}/dicom-web`;
  }

  /** Starts, or starts again on what is stored. */
  async start(): Promise<void> {
    if (this.port === 0) {
      this.port = await freePort();
      const [user = "", password = ""] = this.credentials.split(":");
      const configuration = {
        Name: "test",
        StorageDirectory: join(this.folder, "storage"),
        IndexDirectory: join(this.folder, "index"),
        HttpPort: this.port,
        RemoteAccessAllowed: false,
        AuthenticationEnabled: true,
        RegisteredUsers: { [user]: password },
        DicomServerEnabled: false,
        Plugins: ["/usr/lib/orthanc/libOrthancDicomWeb.so", "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"]
          .filter(existsSync)
          .slice(0, 1),
        DicomWeb: { Enable: true, Root: "/dicom-web/" },
      };
      writeFileSync(join(this.folder, "orthanc.json"), JSON.stringify(configuration));
    }
    this.running = spawn("Orthanc", [join(this.folder, "orthanc.json")], { stdio: "ignore" });
    for (let i = 0; i < 600; i++) {
      const ready = await fetch(`http://127.0.0.1:${this.port}/system`).then(
        (r) => r.status === 200 || r.status === 401,
        () => false,
      );
      if (ready) return;
      await delay(50);
    }
    throw new Error("Orthanc did not start");
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.running?.once("exit", resolve));
    this.running?.kill("SIGTERM");
    await ended;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
