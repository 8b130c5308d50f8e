// Go's own clients as the load of a bench (load-client/main.go): built when they are asked for, with the `go` of this machine.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/**
 * @param files bytes of images, sent in turn
 * @param pin words that stand before the command, such as taskset's
 * @returns a function of "http", "grpc" or "stream": one round's { answered, seconds, client (ms), p50, p99 }; and `end`
 */
export function goClient({ http, grpc, seconds, connections, images = 1, embedding = 0, streams = 1, files = [], pin = [] }) {
  const folder = mkdtempSync(join(tmpdir(), "load-client-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  const program = join(folder, "load-client");
  execFileSync("go", ["build", "-o", program, "."], { cwd: join(import.meta.dirname, "load-client"), stdio: "inherit" });
  const paths = files.map((bytes, i) => {
    writeFileSync(join(folder, String(i)), bytes);
    return join(folder, String(i));
  });
  const settings = { http, grpc, seconds, connections, images, embedding, streams };
  const flags = Object.entries(settings).map(([name, value]) => `-${name}=${value}`);
  const [command, ...words] = [...pin, program, ...flags, ...paths];
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
  return askedByLines(child, "Go's client");
}

/** A child that makes a round for each line that names one, and answers with a line of JSON, seconds of its processor as `client`. */
export function askedByLines(child, who) {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async round(name) {
      child.stdin.write(`${name}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${who} ended`);
      const said = JSON.parse(value);
      return { ...said, client: said.client * 1000 };
    },
    end: () => void child.stdin.end(),
  };
}
