// The memory of one WASM instance, laid out anew for every call: buffers end to end from the heap base, nothing kept between calls.
// Memory grows to the largest call and stays there; the kernels work in blocks, so that the largest call is small.

import { CoreError } from "./errors.js";

const PAGE = 65536;
/** v128 loads are fastest, and Int32Array and Float32Array views possible, on 16-byte boundaries. */
const ALIGN = 16;
const CANARY = 0xa5;

/** One address for each length that was asked for. */
export type Addresses<L extends readonly number[]> = { -readonly [K in keyof L]: number };

export class Arena {
  readonly #memory: WebAssembly.Memory;
  readonly #base: number;
  readonly #guard: number;
  #guards: number[] = [];
  /** Views of the whole memory; growth detaches them, so they are read from here after every `lay`, never held. */
  bytes!: Uint8Array;
  floats!: Float32Array;
  ints!: Int32Array;

  /** `guard`: bytes of canary before and after each buffer, for tests; 0 in use. */
  constructor(memory: WebAssembly.Memory, base: number, guard = 0) {
    this.#memory = memory;
    this.#base = align(base);
    this.#guard = align(guard);
    this.#view();
  }

  /** Places buffers of these byte lengths and returns their addresses, 16-byte aligned. Throws `out_of_memory`. */
  lay<L extends readonly number[]>(...lengths: L): Addresses<L> {
    const guard = this.#guard;
    let top = this.#base + guard;
    const ends: number[] = [];
    const at = lengths.map((length) => {
      const start = top;
      ends.push(start + length);
      top = align(start + length) + guard;
      return start;
    });
    this.#reserve(top);
    if (guard > 0) this.#plant(at, ends, top);
    return at as Addresses<L>; // map keeps the length
  }

  /** Whether every canary of the last `lay` still stands. */
  intact(): boolean {
    return this.#guards.every((at) => this.bytes[at] === CANARY);
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  #reserve(top: number): void {
    const missing = top - this.byteLength;
    if (missing > 0) {
      try {
        this.#memory.grow(Math.ceil(missing / PAGE));
      } catch (cause) {
        const mib = Math.ceil(top / 2 ** 20);
        throw new CoreError("out_of_memory", `working memory — expected to grow to ${mib} MiB, got a refusal. Use smaller batches.`, {
          cause,
        });
      }
    }
    if (this.bytes.length !== this.byteLength) this.#view();
  }

  #view(): void {
    const { buffer } = this.#memory;
    this.bytes = new Uint8Array(buffer);
    this.floats = new Float32Array(buffer);
    this.ints = new Int32Array(buffer);
  }

  /** Canaries before each buffer, from its end to the next boundary, and after the last. */
  #plant(at: readonly number[], ends: readonly number[], top: number): void {
    this.#guards = [
      ...at.flatMap((start) => span(start - this.#guard, start)),
      ...ends.flatMap((end) => span(end, align(end))),
      ...span(top - this.#guard, top),
    ];
    for (const guard of this.#guards) this.bytes[guard] = CANARY;
  }
}

function align(n: number): number {
  return Math.ceil(n / ALIGN) * ALIGN;
}

function span(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
