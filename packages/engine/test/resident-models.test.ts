// Models in memory within a budget: who is loaded when, who goes for room, who is never taken away, and what is refused. Hosts are toys that say how
// much memory they take; engine.test.ts and the server's tests run real ones.

import { describe, expect, it } from "vitest";
import { type EngineObserver, SILENT } from "../src/contract/observer.js";
import type { ModelHost } from "../src/model-host.js";
import { ModelPlace } from "../src/model-place.js";
import { ResidentModels } from "../src/resident-models.js";

const MiB = 2 ** 20;

/** Places that take so many MiB each, and what happened to them in order. */
function models(
  sizes: Readonly<Record<string, number>>,
  budget: number,
  more: { weights?: number; roomMs?: number; fails?: Set<string> } = {},
) {
  const events: string[] = [];
  const opened: string[] = [];
  const places = Object.entries(sizes).map(
    ([name, size]) =>
      new ModelPlace({
        name,
        weightBytes: (more.weights ?? size) * MiB,
        prepare: async () => {},
        open: async () => {
          opened.push(name);
          await new Promise((done) => setImmediate(done));
          if (more.fails?.has(name)) throw Object.assign(new Error("torn"), { code: "integrity" });
          const host = {
            model: { name, digest: `sha256:${name}`, spec: {} },
            encoding: { start: async () => {}, memory: () => size * MiB },
            close: async () => void events.push(`closed ${name}`),
          };
          return host as unknown as ModelHost;
        },
      }),
  );
  const observer: EngineObserver = {
    ...SILENT,
    modelLoaded: (name) => events.push(`loaded ${name}`),
    modelUnloaded: (name, _digest, reason) => events.push(`unloaded ${name} ${reason}`),
    modelLoadFailed: (name, code) => events.push(`failed ${name} ${code}`),
  };
  const resident = new ResidentModels(places, { budget: budget * MiB, observer, roomMs: more.roomMs });
  const place = (name: string) => places.find(({ options }) => options.name === name)!;
  const use = (name: string, work: () => Promise<unknown> = async () => {}) => resident.use(place(name), work);
  const inMemory = () => places.flatMap(({ host, options }) => (host === undefined ? [] : [options.name]));
  return { resident, place, use, inMemory, events, opened };
}

/** Work that goes on until it is let go. */
function held() {
  let letGo = () => {};
  const until = new Promise<void>((done) => {
    letGo = done;
  });
  return { work: () => until, letGo };
}

describe("models in memory", () => {
  it("are from the start as many as fit, in their order", () => {
    const { resident } = models({ a: 40, b: 70, c: 50 }, 100);
    expect(resident.atStart().map(({ options }) => options.name)).toEqual(["a", "c"]);
  });

  it("come when they are asked for; the one unused for longest goes", async () => {
    const { use, inMemory, events } = models({ a: 40, b: 40, c: 40 }, 100);
    for (const name of ["a", "b", "a", "c"]) await use(name);
    expect(inMemory()).toEqual(["a", "c"]);
    expect(events).toEqual(["loaded a", "loaded b", "closed b", "unloaded b memory", "loaded c"]);
    await use("b");
    expect(inMemory()).toEqual(["b", "c"]);
  });

  it("are loaded once for all who wait", async () => {
    const { use, opened } = models({ a: 40 }, 100);
    await Promise.all(Array.from({ length: 20 }, () => use("a")));
    expect(opened).toEqual(["a"]);
  });

  it("stay while they are used: who needs the room waits, and others are answered meanwhile", async () => {
    const { use, inMemory, events } = models({ a: 60, b: 60 }, 100);
    const { work, letGo } = held();
    const busy = use("a", work);
    const waiting = use("b");
    await use("a");
    expect(inMemory()).toEqual(["a"]);
    letGo();
    await Promise.all([busy, waiting]);
    expect(events).toEqual(["loaded a", "closed a", "unloaded a memory", "loaded b"]);
  });

  it("refuse who waits too long for room, with a time to come back", async () => {
    const { use } = models({ a: 60, b: 60 }, 100, { roomMs: 5 });
    const { work, letGo } = held();
    const busy = use("a", work);
    await expect(use("b")).rejects.toMatchObject({
      code: "overloaded",
      retryAfter: 5,
      message: expect.stringContaining("room for 60 MiB within 100 MiB"),
    });
    letGo();
    await busy;
    await use("b");
  });

  it("are refused in words where one alone is beyond the budget: by its weights at once, by what it takes once it was seen", async () => {
    expect(() => models({ a: 20, b: 120 }, 100).resident.atStart()).toThrow(
      /model b — expected one that fits .*100 MiB, got one that takes 120 MiB/,
    );
    const { use, place, resident, inMemory, events, opened } = models({ a: 20, b: 120 }, 100, { weights: 10 });
    await use("a");
    await expect(use("b")).rejects.toMatchObject({ code: "model_too_large" });
    expect([inMemory(), events]).toEqual([["a"], ["loaded a", "closed b"]]);
    await expect(use("b")).rejects.toMatchObject({ code: "model_too_large" });
    expect(opened).toEqual(["a", "b"]);
    await expect(resident.load(place("b"))).rejects.toMatchObject({ code: "model_too_large" });
    expect(opened).toEqual(["a", "b", "b"]);
  });

  it("make room for what one really takes", async () => {
    const { use, inMemory } = models({ a: 60, b: 60 }, 100, { weights: 10 });
    await use("a");
    await use("b");
    expect(inMemory()).toEqual(["b"]);
  });

  it("that cannot be loaded are refused with the code, tried again by name at once, and else later", async () => {
    const fails = new Set(["a"]);
    const { use, resident, place, events, opened } = models({ a: 10 }, 100, { fails });
    await expect(use("a")).rejects.toMatchObject({ code: "load_failed", message: expect.stringContaining("integrity") });
    await expect(use("a")).rejects.toMatchObject({ code: "load_failed" });
    expect([opened, events]).toEqual([["a"], ["failed a integrity"]]);
    fails.clear();
    await resident.load(place("a"));
    await use("a");
    expect(events).toEqual(["failed a integrity", "loaded a"]);
  });

  it("are unloaded by name once no call uses them, and stay where they are wanted again", async () => {
    const { use, resident, place, inMemory, events } = models({ a: 10, b: 10 }, 100);
    const { work, letGo } = held();
    const busy = use("a", work);
    await use("b");
    let done = false;
    const unloading = resident
      .unload(place("a"), () => false)
      .then(() => {
        done = true;
      });
    await use("b");
    expect([done, inMemory()]).toEqual([false, ["a", "b"]]);
    letGo();
    await Promise.all([busy, unloading]);
    expect(inMemory()).toEqual(["b"]);
    await resident.unload(place("b"), () => true);
    expect(events.at(-1)).toBe("unloaded a asked");
  });

  it("are all closed at the end, and what waits for room is refused", async () => {
    const { use, resident, inMemory } = models({ a: 60, b: 60 }, 100);
    const { work, letGo } = held();
    await use("a");
    const busy = use("a", work);
    const waiting = use("b");
    waiting.catch(() => {});
    await resident.close(0);
    letGo();
    await busy;
    await expect(waiting).rejects.toMatchObject({ code: "not_ready" });
    expect(inMemory()).toEqual([]);
  });
});
