// `biovlm serve` in this process: it listens before its model is opened, and ends with the reason where that fails.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Called, call, folder } from "./call.js";

interface Served {
  readonly url: string;
  readonly ended: Promise<Called>;
  /** as a platform stops it, or as a person does */
  stop(signal?: "SIGTERM" | "SIGINT"): Promise<Called>;
  hangUp(): void;
}

/** Starts a server and waits until it says what `until` looks for. */
async function serve(words: readonly string[], cwd: string, until = /^ready: /m): Promise<Served> {
  const stop = new AbortController();
  let hangUp = () => {};
  let heard = (_text: string) => {};
  const listening = new Promise<string>((done) => {
    heard = (text) => until.test(text) && done(/listening on (\S+?)\/?;/.exec(text)![1]!);
  });
  const onHangup = (listener: () => void) => {
    hangUp = listener;
  };
  const all = ["serve", "--port", "0", "--pool", "0", "--device", "cpu", "--threads", "1", "--drain-delay-ms", "0", ...words];
  const ended = call(all, { cwd, signal: stop.signal, said: (text) => heard(text), onHangup });
  const url = await Promise.race([
    listening,
    ended.then(({ code, err }): never => {
      throw new Error(`ended with ${code}: ${err}`);
    }),
  ]);
  return {
    url,
    ended,
    stop(signal = "SIGTERM") {
      stop.abort(signal);
      return ended;
    },
    hangUp: () => hangUp(),
  };
}

describe("serve", () => {
  it("listens first, then ends with the code of what could not be opened", async () => {
    const place = folder("served");
    writeFileSync(join(place, "bank.safetensors"), "no bank");
    const { code, err } = await call(["serve", "--port", "0", "--pool", "0", "--device", "cpu", "--bank", "bank.safetensors"], {
      cwd: place,
    });
    expect(code).toBe(1);
    expect(err.indexOf("listening on")).toBeGreaterThan(0);
    expect(err.indexOf("error[bad_bank]")).toBeGreaterThan(err.indexOf("listening on"));
  });

  it("names a port in use before anything is opened", async () => {
    const server = await serve([], folder("served"));
    const { code, err } = await call(["serve", "--port", new URL(server.url).port]);
    expect(code).toBe(2);
    expect(err).toMatch(/error\[port_in_use\]/);
    expect(err).not.toMatch(/listening/);
    expect((await server.stop("SIGINT")).code).toBe(0);
  });
});
