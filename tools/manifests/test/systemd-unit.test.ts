// The systemd unit: by our reading of it everywhere, by systemd's own where it is installed; as a service of a systemd in namespaces in the soak alone.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { soak, withoutProgram } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { unitProblems } from "../src/unit-problems.js";
import { noSystemd, startSystemd } from "./own-systemd.js";

const unit = readFileSync(new URL("../../../deploy/systemd/biovlm.service", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "biovlm-unit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const documented = readFileSync(new URL("../../../docs/deploy.md", import.meta.url), "utf8");
/** The drop-in for keys, as the documents give it. */
const dropIn = /^```ini biovlm\.service\.d\/keys\.conf\n([\s\S]*?)^```$/m.exec(documented)?.[1] ?? "";

describe("the systemd unit", () => {
  it("has known directives with values they take, and gives the service no more than it needs", () => {
    expect(unitProblems(unit)).toEqual([]);
  });

  it("would be found out: each of these mistakes is named", () => {
    const mistakes: [from: string, to: string, named: RegExp][] = [
      ["NoNewPrivileges=yes", "NoNewPrivilege=yes", /NoNewPrivilege is no directive/],
      ["DynamicUser=yes", "User=root", /DynamicUser/],
      ["ProtectSystem=strict", "ProtectSystem=srict", /srict/],
      ["TimeoutStopSec=30", "TimeoutStopSec=soon", /soon/],
      ["CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_SYS_ADMIN", /CapabilityBoundingSet/],
      ["Type=notify", "Type=notifies", /notifies/],
      ["MemoryMax=4G", "MemoryMax=lots", /lots/],
      ["ExecReload=/bin/kill", "ExecReload=kill", /ExecReload/],
      ["[Install]", "[Instal]", /Instal/],
      ["ExecStart=/usr/bin/env", "ExecStart=env", /ExecStart/],
      ["IPAddressDeny=any", "", /IPAddressDeny/],
      ["PrivateTmp=yes", "PrivateTmp=no", /PrivateTmp/],
      ["WantedBy=multi-user.target", "", /WantedBy/],
    ];
    for (const [from, to, named] of mistakes) {
      expect(unit, from).toContain(from);
      expect(unitProblems(unit.replace(from, to)).join("\n"), `${from} → ${to}`).toMatch(named);
    }
    expect(() => unitProblems(unit.replace("PrivateTmp=yes", "PrivateTmp yes"))).toThrow(/PrivateTmp yes/);
    expect(() => unitProblems(`${unit}WantedBy=x.target\n`)).toThrow(/twice/);
  });

  it.skipIf(withoutProgram("systemd-analyze"))("is taken by systemd-analyze without a word, and rated exposed by at most 2 of 10", () => {
    const analyze = (text: string, ...words: string[]) => {
      const file = join(folder, "biovlm.service");
      writeFileSync(file, text);
      const { status, stdout, stderr } = spawnSync("systemd-analyze", [...words, file], {
        encoding: "utf8",
        env: { ...process.env, LC_ALL: "C" },
      });
      return { status, said: `${stderr}${stdout}` };
    };
    expect(analyze(unit, "verify")).toEqual({ status: 0, said: "" });
    expect(analyze(unit.replace("NoNewPrivileges", "NoNewPrivilege"), "verify").said).toMatch(/Unknown key/);
    // with the drop-in beside it, which replaces the command
    const beside = join(folder, "biovlm.service.d");
    mkdirSync(beside);
    writeFileSync(join(beside, "keys.conf"), dropIn);
    expect(analyze(unit, "verify")).toEqual({ status: 0, said: "" });
    writeFileSync(join(beside, "keys.conf"), dropIn.replace("ExecStart=\n", ""));
    // a second command where one is allowed
    expect(analyze(unit, "verify").said).toMatch(/ExecStart/);
    rmSync(beside, { recursive: true });
    // the threshold is in tenths
    const rated = analyze(unit, "security", "--offline=true", "--no-pager", "--threshold=20");
    if (/unrecognized option|Unknown option/.test(rated.said)) console.log("skipped: this systemd-analyze rates no unit offline");
    else {
      expect(rated.status, rated.said.slice(-300)).toBe(0);
      expect(
        analyze(unit.replaceAll(/^(Protect|Private|Restrict).*$/gm, ""), "security", "--offline=true", "--threshold=20").status,
      ).not.toBe(0);
    }
  });
});

/** Whether the unit can be started here; what cannot is said. */
function startable(): boolean {
  const reason = noSystemd();
  if (reason !== undefined) console.log(`skipped: ${reason}`);
  return reason === undefined;
}

describe.skipIf(!soak || !startable())("the unit as a service", () => {
  const main = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
  const program = `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`;

  it("takes keys that only root may read, by the drop-in that the documents give", { timeout: 600_000 }, async ({ skip }) => {
    const place = mkdtempSync(join(tmpdir(), "biovlm-systemd-"));
    const keys = JSON.stringify([{ name: "clinic", sha256: createHash("sha256").update("secret").digest("hex"), scopes: ["infer"] }]);
    const systemd = await startSystemd(place, {
      "etc/systemd/system/biovlm.service": unit,
      "etc/biovlm-keys.conf": dropIn,
      "etc/biovlm-keys.json": keys,
      "usr/local/bin/biovlm": program,
    });
    try {
      const systemctl = (...words: string[]) => systemd.run("systemctl", "--no-pager", ...words);
      systemd.run(
        "sh",
        "-c",
        "mkdir -p /etc/biovlm /etc/systemd/system/biovlm.service.d && mv /etc/biovlm-keys.conf /etc/systemd/system/biovlm.service.d/keys.conf",
      );
      systemd.run("sh", "-c", "mv /etc/biovlm-keys.json /etc/biovlm/keys.json && chmod 700 /etc/biovlm && chmod 600 /etc/biovlm/keys.json");
      const plain = ["-p", "User=nobody", "-p", "LoadCredential=k:/etc/biovlm/keys.json", "cat", "/run/credentials/k.service/k"];
      if (systemd.run("systemd-run", "--wait", "-q", "--unit=k", ...plain).code !== 0)
        skip("this systemd, in its namespaces, gives no user a credential");
      expect(systemctl("daemon-reload").code).toBe(0);
      const journal = () => systemd.run("journalctl", "-u", "biovlm", "--no-pager", "-n", "30").said;
      const { code } = systemctl("start", "biovlm");
      expect(code, journal()).toBe(0);
      const asked = (...words: string[]) =>
        systemd.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", ...words, "http://127.0.0.1:8080/v1/models").said;
      expect([asked(), asked("-H", "Authorization: Bearer secret")]).toEqual(["401", "200"]);
      expect(systemctl("stop", "biovlm").code).toBe(0);
    } finally {
      await systemd.stop();
      rmSync(place, { recursive: true, force: true });
    }
  });

  it("is started when models answer, reloads, stops cleanly, and comes back when it is killed", { timeout: 600_000 }, async () => {
    const place = mkdtempSync(join(tmpdir(), "biovlm-systemd-"));
    const systemd = await startSystemd(place, {
      "etc/systemd/system/biovlm.service": unit,
      "usr/local/bin/biovlm": program,
    });
    try {
      const systemctl = (...words: string[]) => systemd.run("systemctl", "--no-pager", ...words);
      const shown = (name: string) => systemctl("show", "biovlm", "--value", "-p", name).said.trim();
      const asked = () => systemd.run("curl", "-s", "--unix-socket", "/run/biovlm/biovlm.sock", "http://biovlm/readyz");
      // a start that returns is a server that is ready: no second of waiting between them
      expect(systemctl("start", "biovlm"), systemctl("status", "biovlm").said).toEqual({ code: 0, said: "" });
      expect(JSON.parse(asked().said)).toMatchObject({ ready: true });
      expect(shown("StatusText")).toBe("models answer");
      const pid = shown("MainPID");
      expect(systemd.run("ps", "-o", "user=", "-p", pid).said.trim()).toBe("biovlm");
      expect(systemctl("reload", "biovlm").code).toBe(0);
      expect(shown("MainPID")).toBe(pid);
      systemd.run("kill", "-KILL", pid);
      for (let i = 0; i < 600 && (shown("MainPID") === pid || shown("ActiveState") !== "active"); i++) await delay(200);
      expect(JSON.parse(asked().said)).toMatchObject({ ready: true });
      expect(systemctl("stop", "biovlm").code).toBe(0);
      expect([shown("Result"), shown("ExecMainStatus"), shown("ActiveState")]).toEqual(["success", "0", "inactive"]);
    } finally {
      await systemd.stop();
      rmSync(place, { recursive: true, force: true });
    }
  });
});
