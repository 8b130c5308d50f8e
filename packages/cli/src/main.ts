#!/usr/bin/env node
// The executable: hands the process to run() and turns signals, a closed pipe and stray faults into an orderly end.

import { reportError } from "./errors.js";
import { run } from "./run.js";

const stop = new AbortController();
/** milliseconds that a command may take to end */
let toEndMs = 15_000;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // A second signal, or a command that does not come to an end, leaves at once; files are written so that this is safe.
    if (stop.signal.aborted) process.exit(name === "SIGTERM" ? 143 : 130);
    stop.abort(name);
    setTimeout(() => process.exit(name === "SIGTERM" ? 143 : 130), toEndMs).unref();
  });
}
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // The reader went away (`| head`): nothing is wrong, and nobody is left to tell.
    if (error.code === "EPIPE") process.exit(0);
    // What is said to a person costs no work where it cannot be said: a server goes on, a command's exit code tells.
    if (stream === process.stderr) return;
    const { code, message } = reportError(error);
    process.stderr.write(`error[${code}]: standard output — ${message}\n`);
    process.exit(1);
  });
}
process.on("uncaughtException", (error) => {
  process.stderr.write(`error[internal_error]: ${error.message}\n${process.argv.includes("--debug") ? `${error.stack}\n` : ""}`);
  process.exit(1);
});

const code = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: stop.signal,
  endsWithin(ms) {
    toEndMs = ms;
  },
  onHangup: (listener) => void process.on("SIGHUP", listener),
});
// Runtimes may hold worker threads; leave when both streams have taken everything.
for (const stream of [process.stdout, process.stderr]) {
  if (stream.writableLength > 0) await new Promise((resolve) => stream.write("", resolve));
}
process.exit(code);
