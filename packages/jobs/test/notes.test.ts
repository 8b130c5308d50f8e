// What a kill costs, on a clock that the test turns: the beginning of a chunk is kept once it took long enough, whatever the speed, and a store
// that takes no note, or half of one, changes nothing of what comes out.

import { setImmediate as breath } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { collectGarbage, folderStore, type PlanRow, verifyJob, type WorkOptions, workShard } from "../src/index.js";
import type { JobStore } from "../src/job-store.js";
import { committed, place, planned } from "./made-up-job.js";
import { embedMadeUp, joinMadeUp, MADE_UP } from "./made-up-work.js";

const PIECE = 2;
const CHUNK = 16;

/** A store in memory, and how often each folder of it was written to. */
function memory() {
  const entries = new Map<string, Uint8Array>();
  const writes: Record<string, number> = {};
  const wrote = (key: string) => {
    const below = key.split("/")[0] ?? "";
    const kind = below === "partial" && key.includes("begun") ? "pieces" : below;
    writes[kind] = (writes[kind] ?? 0) + 1;
  };
  const store: JobStore = {
    get: async (key) => entries.get(key),
    async put(key, bytes) {
      wrote(key);
      entries.set(key, bytes);
    },
    async create(key, bytes) {
      if (entries.has(key)) return false;
      wrote(key);
      entries.set(key, bytes);
      return true;
    },
    list: async (below) => [...entries.keys()].filter((key) => key.startsWith(`${below}/`)).map((key) => key.slice(below.length + 1)),
    remove: async (key) => void entries.delete(key),
  };
  return { store, entries, writes };
}

/** An embedder that takes `pieceMs` for each piece on the clock that comes with it, and stands still behind its `last`th. */
function clocked(pieceMs: number, last = Number.POSITIVE_INFINITY) {
  let time = 0;
  let still = () => {};
  const state = { rows: 0, pieces: 0, stands: new Promise<void>((done) => (still = done)) };
  const embed: WorkOptions["embed"] = async function* (rows: readonly PlanRow[]) {
    for (let at = 0; at < rows.length; at += PIECE) {
      if (state.pieces === last) {
        still();
        await new Promise<never>(() => {});
      }
      const some = rows.slice(at, at + PIECE);
      time += pieceMs;
      state.rows += some.length;
      state.pieces++;
      yield { rows: some.length, bytes: await embedMadeUp(some) };
      await breath();
    }
  };
  const options: WorkOptions = { chunkRows: CHUNK, embed, join: joinMadeUp, now: () => time };
  return { options, state, time: () => time };
}

describe("the beginning of a chunk", () => {
  it.each([5, 90, 400, 700, 1500])(
    "is kept so often that a kill costs at most two seconds of what was done, a piece taking %i ms",
    async (pieceMs) => {
      const rows = 100;
      for (let killed = 1; killed <= rows / PIECE; killed++) {
        const { store } = memory();
        const job = await planned(store, rows, rows);
        const first = clocked(pieceMs, killed);
        if (killed * PIECE === rows) continue;
        void workShard(store, job, 0, first.options);
        await first.state.stands;
        await breath();
        const second = clocked(pieceMs);
        expect(await workShard(store, job, 0, second.options)).toBe("committed");
        const twice = first.state.rows + second.state.rows - rows;
        expect(twice).toBeGreaterThanOrEqual(0);
        expect((twice / PIECE) * pieceMs).toBeLessThanOrEqual(Math.min(2000, Math.max(1500, (CHUNK / PIECE) * pieceMs)));
      }
    },
  );

  it.each([5, 90, 400, 700, 1500])(
    "is written no oftener than once a second, a piece taking %i ms, and gone at the end",
    async (pieceMs) => {
      const { store, writes, entries } = memory();
      const job = await planned(store, 200, 200);
      const { options, time } = clocked(pieceMs);
      await workShard(store, job, 0, options);
      expect(writes["pieces"] ?? 0).toBeLessThanOrEqual(time() / 1000);
      expect((writes["pieces"] ?? 0) > 0).toBe(pieceMs * 8 > 1000);
      expect(writes["partial"]).toBe(Math.ceil(200 / CHUNK));
      expect([...entries.keys()].filter((key) => /^(partial|begun)/.test(key))).toEqual([]);
    },
  );

  it("is kept of a shard of one chunk, too", async () => {
    const { store } = memory();
    const job = await planned(store, 12, 12);
    const first = clocked(1100, 4);
    void workShard(store, job, 0, first.options);
    await first.state.stands;
    const told: unknown[] = [];
    await workShard(store, job, 0, { ...clocked(1).options, onPiece: (...words) => void told.push(words) });
    expect(told).toEqual([
      [8, false],
      [2, true],
      [2, true],
    ]);
    expect(await store.list("partial")).toEqual([]);
  });

  it("counts as none where it is torn, of another chunk or of another job", async () => {
    const other = memory();
    const another = await planned(other.store, 13, 13);
    const foreign = clocked(1100, 4);
    void workShard(other.store, another, 0, foreign.options);
    await foreign.state.stands;
    const key = "partial/00000.00000.begun.bin";
    const whole = other.entries.get(key)!;
    for (const bytes of [whole, whole.subarray(0, 20), new Uint8Array(0)]) {
      const { store } = memory();
      const job = await planned(store, 12, 12);
      await store.put(key, bytes);
      const { options, state } = clocked(1);
      expect(await workShard(store, job, 0, options)).toBe("committed");
      expect(state.rows).toBe(12);
    }
    await other.store.put("partial/00000.00000.begun.bin", whole.subarray(0, whole.length - 1));
    const again = clocked(1);
    await workShard(other.store, another, 0, again.options);
    expect(again.state.rows).toBe(13);
  });

  it("that the store does not take, or takes half of, costs work and nothing else: the same bytes, however a worker is cut", async () => {
    const alone = { folder: place() };
    const job = await planned(folderStore(alone.folder), 50, 50);
    await workShard(folderStore(alone.folder), job, 0, { ...MADE_UP, chunkRows: CHUNK });
    for (const fault of ["refused", "half", "unlisted"] as const)
      for (const killed of [9, 22]) {
        const folder = place();
        const plain = folderStore(folder);
        await planned(plain, 50, 50);
        const bad: JobStore = {
          ...plain,
          async put(key, bytes) {
            if (fault === "refused" && key.includes(".begun.")) throw new Error("busy");
            await plain.put(key, fault === "half" && key.includes(".begun.") ? bytes.subarray(0, bytes.length >> 1) : bytes);
          },
          list: (below) => (fault === "unlisted" && below === "partial" ? Promise.reject(new Error("busy")) : plain.list(below)),
        };
        const first = clocked(600, killed);
        void workShard(bad, job, 0, first.options);
        await first.state.stands;
        expect(await workShard(bad, job, 0, clocked(600).options)).toBe("committed");
        await collectGarbage(plain, job);
        expect(await plain.list("partial")).toEqual([]);
        expect(committed(folder)).toEqual(committed(alone.folder));
        expect(await verifyJob(plain, job)).toEqual([]);
      }
  });

  it("is worked on while the chunk before it is being kept, so that a slow store holds nobody up", async () => {
    const { store, entries } = memory();
    const job = await planned(store, 3 * CHUNK, 3 * CHUNK);
    const firsts: number[] = [];
    let release = () => {};
    const released = new Promise<void>((done) => {
      release = done;
    });
    const slow: JobStore = {
      ...store,
      async create(key, bytes) {
        // as long as it takes until the next chunk is begun
        if (key.startsWith("partial/00000.00000")) await released;
        return store.create(key, bytes);
      },
    };
    const { options } = clocked(1);
    const embed: WorkOptions["embed"] = (rows, place) => {
      firsts.push(place.first);
      if (place.first === CHUNK) release();
      return options.embed(rows, place);
    };
    expect(await workShard(slow, job, 0, { ...options, embed })).toBe("committed");
    expect(firsts).toEqual([0, CHUNK, 2 * CHUNK]);
    expect([...entries.keys()].filter((key) => key.startsWith("partial/"))).toEqual([]);
  });

  it("is asked for together with others where a worker goes on from them, and removed so", async () => {
    const { store } = memory();
    const job = await planned(store, 5 * CHUNK, 5 * CHUNK);
    const first = clocked(1, (3 * CHUNK) / PIECE + 1);
    void workShard(store, job, 0, first.options);
    await first.state.stands;
    expect(await store.list("partial")).toHaveLength(3);
    /** Each call waits for so many others of its kind. */
    const together = (count: number) => {
      const waiting: (() => void)[] = [];
      return async () => {
        if (count === 0) return;
        await new Promise<void>((go) => {
          waiting.push(go);
          if (waiting.length === count) for (const each of waiting) each();
        });
        count = 0;
      };
    };
    const [asked, removed] = [together(3), together(5)];
    const far: JobStore = {
      ...store,
      async get(key) {
        if (key.startsWith("partial/")) await asked();
        return store.get(key);
      },
      async remove(key) {
        if (key.startsWith("partial/")) await removed();
        return store.remove(key);
      },
    };
    const { options, state } = clocked(1);
    expect(await workShard(far, job, 0, options)).toBe("committed");
    expect(state.rows).toBe(2 * CHUNK);
    expect(await store.list("partial")).toEqual([]);
  });

  it("goes with its shard where a chunk cannot be kept: the reason is the store's, and who tries again takes what there is", async () => {
    const { store } = memory();
    const job = await planned(store, 3 * CHUNK, 3 * CHUNK);
    const full = Object.assign(new Error("no room"), { code: "disk_full" });
    const broken: JobStore = {
      ...store,
      create: (key, bytes) => (key.startsWith("partial/00000.00001") ? Promise.reject(full) : store.create(key, bytes)),
    };
    await expect(workShard(broken, job, 0, clocked(1).options)).rejects.toBe(full);
    expect(await store.list("commits")).toEqual([]);
    expect(Buffer.from((await store.get("failed/00000.json"))!).toString()).toContain('"code":"disk_full"');
    const { options, state } = clocked(1);
    expect(await workShard(store, job, 0, options)).toBe("committed");
    expect(state.rows).toBe(2 * CHUNK);
  });

  it("is refused where an embedder gives more rows or fewer than it was asked for", async () => {
    for (const wrong of [1, 3]) {
      const { store } = memory();
      const job = await planned(store, 20, 20);
      const embed: WorkOptions["embed"] = async function* () {
        yield { rows: wrong, bytes: new Uint8Array(1) };
      };
      await expect(workShard(store, job, 0, { ...MADE_UP, chunkRows: 2, embed })).rejects.toMatchObject({ code: "bad_argument" });
      expect(await store.list("commits")).toEqual([]);
    }
  });
});

describe("a row that takes long", () => {
  /** Rows that are told in ten steps each, on the clock; ends by `stop` at its `last`th step. */
  function slow(last = Number.POSITIVE_INFINITY) {
    let [time, steps] = [0, 0];
    const stop = new AbortController();
    const begun: (string | undefined)[] = [];
    const embed: WorkOptions["embed"] = async function* (rows: readonly PlanRow[], place) {
      begun.push(place.begun === undefined ? undefined : Buffer.from(place.begun).toString());
      for (const [i, row] of rows.entries()) {
        const from = i === 0 && place.begun !== undefined ? Number(Buffer.from(place.begun).toString().split(" ")[1]) : 0;
        for (let step = from + 1; step < 10; step++) {
          if (++steps > last) stop.abort(new Error("killed"));
          time += 600;
          yield { rows: 0, bytes: Buffer.from(`${row.uri} ${step}`) };
          await breath();
        }
        yield { rows: 1, bytes: await embedMadeUp([row]) };
      }
    };
    const options: WorkOptions = { chunkRows: 4, embed, join: joinMadeUp, now: () => time, signal: stop.signal };
    return { options, begun, steps: () => steps };
  }

  it("is gone on with where its worker ended; how far it was is one note, and nothing of what comes out", async () => {
    const { store, entries } = memory();
    const job = await planned(store, 3);
    await expect(workShard(store, job, 0, slow(14).options)).rejects.toThrow("killed");
    const note = [...entries].find(([key]) => key.startsWith("partial/"))![1];
    // the first row, and of the second one the last step that was told
    expect(
      Buffer.from(note)
        .toString("latin1")
        .match(/image-1\.png \d/g),
    ).toHaveLength(1);
    const next = slow();
    expect(await workShard(store, job, 0, next.options)).toBe("committed");
    expect(next.begun).toEqual([expect.stringMatching(/image-1\.png [3-5]/)]);
    expect(next.steps()).toBeLessThan(18);
    const whole = memory();
    await planned(whole.store, 3);
    await workShard(whole.store, job, 0, slow().options);
    const parts = (of: ReadonlyMap<string, Uint8Array>) => [...of].filter(([key]) => /^(parts|commits)\//.test(key));
    expect(parts(entries)).toEqual(parts(whole.entries));
    expect([...entries.keys()].filter((key) => key.startsWith("partial/"))).toEqual([]);
  });
});
