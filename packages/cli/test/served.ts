// `biovlm serve` in this process, on one thread and without a pool, for as long as a test wants it.

import { type Called, call } from "./call.js";

export interface Served {
  readonly url: string;
  /** of gRPC, where it was asked for */
  readonly grpcPort: number;
  readonly ended: Promise<Called>;
  /** as a platform stops it, or as a person does */
  stop(signal?: "SIGTERM" | "SIGINT"): Promise<Called>;
  hangUp(): void;
}

/** Starts a server and waits until it says what `until` looks for. */
export async function serve(words: readonly string[], cwd: string, until = /^ready: /m): Promise<Served> {
  const stop = new AbortController();
  let hangUp = () => {};
  let heard = (_text: string) => {};
  const listening = new Promise<RegExpExecArray>((done) => {
    heard = (text) => until.test(text) && done(/listening on (\S+?)\/?(?: and grpcs?:\/\/\S+:(\d+))?;/.exec(text)!);
  });
  const onHangup = (listener: () => void) => {
    hangUp = listener;
  };
  const all = [
    "serve",
    "--port",
    "0",
    "--pool",
    "0",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--drain-delay-ms",
    "0",
    "--log-level",
    "silent",
    ...words,
  ];
  const ended = call(all, { cwd, signal: stop.signal, said: (text) => heard(text), onHangup });
  const [, url = "", grpcPort] = await Promise.race([
    listening,
    ended.then(({ code, err }): never => {
      throw new Error(`ended with ${code}: ${err}`);
    }),
  ]);
  return {
    url,
    grpcPort: Number(grpcPort),
    ended,
    stop(signal = "SIGTERM") {
      stop.abort(signal);
      return ended;
    },
    hangUp: () => hangUp(),
  };
}
