// What the children of the tests do: one job by name, its arguments as JSON. Prints "ready" when it starts in earnest and one JSON line at the
// end: {ok: …} or {code, message}.

import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { fileStore, withLock, writeFileAtomic } from "@biovlm/files/node";
import { hubSettings, openModelStore, pullModel } from "../../src/node/index.js";

type Arguments = Record<string, string>;

const jobs: Record<string, (a: Arguments) => Promise<unknown>> = {
  /** writes entries of one key without end; each is filled with one byte value */
  async put({ folder }) {
    const store = fileStore(folder!);
    for (let i = 0; ; i++) {
      await store.put("runs/checkpoint", new Uint8Array(20_000 + (i % 7) * 1000).fill(i % 256));
      if (i === 0) console.log("ready");
    }
  },
  /** imports two models in turn under one name, without end */
  async import({ home, a, b }) {
    const store = openModelStore(home!);
    for (let i = 0; ; i++) {
      if (i === 1) console.log("ready");
      await store.importFrom(i % 2 === 0 ? a! : b!, { name: "m", replace: true });
    }
  },
  async pull({ home, cache, endpoint, repo }) {
    console.log("ready");
    const settings = { ...hubSettings(), endpoint: endpoint!, cache: cache!, offline: false };
    const model = await pullModel(openModelStore(home!), repo!, { name: "m", settings, backoffMs: 5 });
    return { digest: model.manifest.digest, fresh: model.fresh };
  },
  /** adds one to a number in a file, under the lock: lost updates show that two held it */
  async count({ lock, file, times }) {
    for (let i = 0; i < Number(times); i++) {
      await withLock(lock!, async () => {
        const value = Number(readFileSync(file!, "utf8"));
        await new Promise((done) => setTimeout(done, 1));
        writeFileSync(file!, String(value + 1));
      });
    }
    return Number(times);
  },
  /** holds the lock until it is killed */
  async hold({ lock }) {
    return withLock(lock!, () => {
      console.log("ready");
      return new Promise(() => setInterval(() => {}, 1000));
    });
  },
  async write({ path, size, user }) {
    if (user !== undefined) {
      process.setgid!(Number(user));
      process.setuid!(Number(user));
    }
    console.log("ready");
    await writeFileAtomic(path!, new Uint8Array(Number(size)).fill(1));
    return Number(size);
  },
  async importOnce({ home, source }) {
    console.log("ready");
    return (await openModelStore(home!).importFrom(source!, { name: "m", replace: true })).manifest.digest;
  },
  /** the most memory an import took, in bytes, beyond what the process had before */
  async importMeasured({ home, source }) {
    const before = process.resourceUsage().maxRSS;
    const started = performance.now();
    const { manifest } = await openModelStore(home!).importFrom(source!, { name: "m", replace: true });
    const { maxRSS } = process.resourceUsage();
    return { bytes: maxRSS * 1024, before: before * 1024, seconds: (performance.now() - started) / 1000, digest: manifest.digest };
  },
  /** as `write` and `importOnce`, with every file descriptor taken */
  async starved({ path, home, source }) {
    console.log("ready");
    // Node 24 closes one of its own files a moment after the start
    await new Promise((done) => setTimeout(done, 50));
    const taken: number[] = [];
    const failures: unknown[] = [];
    for (const work of [
      () => writeFileAtomic(path!, "new"),
      () => fileStore(`${path}-store`).put("k", new Uint8Array(3)),
      () => openModelStore(home!).importFrom(source!, { name: "m", replace: true }),
      () => openModelStore(home!).open("m"),
    ]) {
      try {
        for (;;) taken.push(openSync("/dev/null", "r"));
      } catch {
        // none left
      }
      failures.push(
        await work().then(
          () => "ok",
          (error: { code?: string; message: string }) => error.code ?? error.message,
        ),
      );
      for (const file of taken.splice(0)) closeSync(file);
    }
    return failures;
  },
};

const [job = "", json = "{}"] = process.argv.slice(2);
try {
  console.log(JSON.stringify({ ok: await jobs[job]!(JSON.parse(json) as Arguments) }));
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  console.log(JSON.stringify({ code: code ?? "none", message }));
}
