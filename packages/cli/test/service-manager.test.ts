// What the server tells a service manager, by a program that writes it down. systemd itself hears it in the manifests' soak test of the unit.

import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, it } from "vitest";
import { tellManager } from "../src/service-manager.js";
import { call, folder } from "./call.js";

/** A folder with a systemd-notify that writes down what it is told. */
function recorder(exitCode = 0) {
  const place = folder("notify");
  const notes = join(place, "notes.txt");
  writeFileSync(notes, "");
  const program = `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${notes}'\nexit ${exitCode}\n`;
  writeFileSync(join(place, "systemd-notify"), program, { mode: 0o755 });
  return { path: `${place}${delimiter}${process.env["PATH"]}`, told: () => readFileSync(notes, "utf8") };
}

async function warnings(env: Record<string, string>): Promise<string[]> {
  const warned: string[] = [];
  await tellManager("ready", env, (text) => warned.push(text));
  return warned;
}

it("tells nothing, and starts no program, where nobody asked", async () => {
  const { path, told } = recorder();
  expect(await warnings({ PATH: path })).toEqual([]);
  expect(await warnings({ PATH: path, NOTIFY_SOCKET: "" })).toEqual([]);
  expect(told()).toBe("");
});

it("says what to do where the program is missing or fails, and goes on", async () => {
  const [missing, failing] = [await warnings({ PATH: folder("none"), NOTIFY_SOCKET: "/a" }), recorder(1)];
  expect(missing).toEqual([expect.stringMatching(/no program systemd-notify\. Install it, or set Type=exec/)]);
  expect(await warnings({ PATH: failing.path, NOTIFY_SOCKET: "/a" })).toEqual([expect.stringContaining("a failure of systemd-notify")]);
});

it("a server tells that it answers once it does, then that it ends", async () => {
  const { path, told } = recorder();
  const stop = new AbortController();
  const words = ["--port", "0", "--pool", "0", "--device", "cpu", "--threads", "1", "--drain-delay-ms", "0", "--log-level", "silent"];
  const { code, err } = await call(["serve", ...words], {
    env: { PATH: path, NOTIFY_SOCKET: "/run/manager" },
    signal: stop.signal,
    said(text) {
      if (/listening on/.test(text)) expect(told()).toBe("");
      if (/^ready: /m.test(text)) {
        const asked = setInterval(() => {
          if (!told().includes("READY=1")) return;
          clearInterval(asked);
          stop.abort("SIGTERM");
        }, 20);
      }
    },
  });
  expect(code, err).toBe(0);
  expect(told()).toMatch(/^\/run\/manager READY=1 STATUS=models answer\n\/run\/manager STOPPING=1 STATUS=.+\n$/);
});
