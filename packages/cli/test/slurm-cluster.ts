// A Slurm of one node in a folder of its own: munged, slurmctld and slurmd as the user who runs the tests, on ports of 127.0.0.1. Not a cluster's
// configuration: no accounting, no cgroups, memory not counted.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface SlurmCluster {
  /** what a Slurm command prints */
  run(program: string, ...words: string[]): string;
  /** "ARRAY_TASK STATE" of every task that has not ended */
  queued(): string[];
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts one with `processors` to give; resolves when its node is idle. @throws Error with the daemons' words */
export async function startSlurm(folder: string, processors: number): Promise<SlurmCluster> {
  const at = (name: string) => join(folder, name);
  const [user, host] = [userInfo().username, hostname()];
  writeFileSync(at("munge.key"), Buffer.alloc(128, 7), { mode: 0o400 });
  writeFileSync(
    at("slurm.conf"),
    `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
AuthInfo=socket=${at("munge.sock")}
SlurmctldPort=${await freePort()}
SlurmdPort=${await freePort()}
StateSaveLocation=${at("state")}
SlurmdSpoolDir=${at("spool")}
SlurmctldPidFile=${at("slurmctld.pid")}
SlurmdPidFile=${at("slurmd.pid")}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SchedulerParameters=sched_interval=1
KillWait=1
NodeName=${host} NodeAddr=127.0.0.1 CPUs=${processors} RealMemory=1024 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`,
  );
  const env = { ...process.env, SLURM_CONF: at("slurm.conf") };
  let said = "";
  const daemon = (program: string, ...words: string[]) => {
    const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += String(data)));
    return child;
  };
  const munge = ["key-file=munge.key", "socket=munge.sock", "pid-file=munge.pid", "log-file=munge.log", "seed-file=munge.seed"];
  const daemons = [daemon("munged", "--foreground", "--force", ...munge.map((word) => `--${word.replace("=", `=${folder}/`)}`))];
  await delay(300);
  daemons.push(daemon("slurmctld", "-D"), daemon("slurmd", "-D"));
  const stop = async () => {
    for (const child of daemons.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGTERM");
      await Promise.race([once(child, "exit"), delay(10_000).then(() => child.kill("SIGKILL"))]);
    }
  };
  const run = (program: string, ...words: string[]) => execFileSync(program, words, { env, encoding: "utf8", timeout: 60_000 });
  for (let i = 0; i < 300; i++) {
    try {
      if (run("sinfo", "-h", "-o", "%T").trim() === "idle")
        return { run, stop, queued: () => run("squeue", "-h", "-r", "-o", "%K %T").split("\n").filter(Boolean) };
    } catch {
      // not listening yet
    }
    await delay(200);
  }
  await stop();
  throw new Error(`Slurm did not start: ${said.slice(-2000)}`);
}
