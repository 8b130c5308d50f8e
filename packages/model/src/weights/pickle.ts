// The part of Python's pickle that torch.save uses, as an interpreter that can build data and nothing else: numbers, text, lists, tuples,
// dicts (as Map) and what an allow-list of globals makes. A global that is not on the list ends the reading at once, before anything else is
// looked at; there is no name lookup, no attribute, no object with a prototype from the file. Its work is bounded by bytes and by steps.

import { quoted } from "@biovlm/files";
import { ModelError } from "../contract/errors.js";

/** A name on the allow-list. Without `call` it can only be referred to. */
export class PickleGlobal {
  readonly name: string;
  readonly call: ((args: readonly unknown[], spend: (steps: number) => void) => unknown) | undefined;

  constructor(name: string, call?: (args: readonly unknown[], spend: (steps: number) => void) => unknown) {
    this.name = name;
    this.call = call;
  }
}

export interface PickleHost {
  /** By "module name"; anything else is refused with `unsafe_pickle`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/** A full model's pickle is 70 kB; one with an optimiser's state is below 1 MB. */
export const MAX_PICKLE_BYTES = 8 << 20;
const MAX_STEPS = 250_000;
/** What a dict costs of them: it is large beside a number. */
const DICT_STEPS = 8;

export function malformedPickle(message: string): ModelError {
  return new ModelError("malformed_pickle", `pickle ${message} The file is damaged or holds more than tensors; get it again.`);
}

/**
 * Interprets the pickle that begins at `start`.
 * @returns its value and the position behind its end; tuples are frozen arrays, dicts are Maps, large integers are bigint.
 * @throws ModelError `unsafe_pickle` for a global outside the allow-list, `malformed_pickle` for all else.
 */
export function readPickle(bytes: Uint8Array, start: number, host: PickleHost): { readonly value: unknown; readonly end: number } {
  const machine = new PickleMachine(bytes, start, host);
  for (;;) {
    machine.spend(1);
    const opcode = machine.byte();
    if (opcode === STOP) return machine.end();
    const run = INSTRUCTIONS.get(opcode);
    if (run === undefined) {
      throw malformedPickle(`at ${machine.at - 1} — expected an instruction of a state dict, got 0x${opcode.toString(16)}.`);
    }
    run(machine);
  }
}

/** The stack, marks and memo of one reading, and the bytes that are still to come. Every way in is checked. */
class PickleMachine {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stop: number;
  readonly #host: PickleHost;
  readonly #stack: unknown[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #steps = 0;

  constructor(bytes: Uint8Array, start: number, host: PickleHost) {
    this.at = start;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#stop = Math.min(bytes.byteLength, start + MAX_PICKLE_BYTES);
    this.#host = host;
  }

  readonly spend = (steps: number): void => {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw malformedPickle(`— expected at most ${MAX_STEPS} steps.`);
  };

  fail(expected: string): never {
    throw malformedPickle(`at ${this.at} — expected ${expected}.`);
  }

  end(): { readonly value: unknown; readonly end: number } {
    const value = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) this.fail("one value at the end");
    return { value, end: this.at };
  }

  // what the bytes hold

  take(count: number): number {
    if (count > this.#stop - this.at) throw malformedPickle(`— expected ${count} bytes at ${this.at}, got ${this.#stop - this.at}.`);
    this.at += count;
    return this.at - count;
  }

  byte(): number {
    return this.#view.getUint8(this.take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.take(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.take(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.take(8), false);
  }

  /** A little-endian integer of two's complement; bigint where a number would not hold it. */
  integer(length: number): number | bigint {
    const from = this.take(length);
    let value = 0n;
    for (const byte of Array.from(this.#bytes.subarray(from, this.at)).reverse()) value = (value << 8n) | BigInt(byte);
    value = BigInt.asIntN(8 * length, value);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  text(length: number): string {
    const from = this.take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.#bytes.subarray(from, this.at));
    } catch {
      throw malformedPickle(`text at ${from} — expected UTF-8.`);
    }
  }

  wideLength(): number {
    const length = this.#view.getBigUint64(this.take(8), true);
    if (length > BigInt(this.#stop)) throw malformedPickle(`text at ${this.at} — expected it within the file, got ${length} bytes.`);
    return Number(length);
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 512) throw malformedPickle(`name at ${this.at} — expected a line of at most 512 bytes.`);
    const value = this.text(end - this.at);
    this.at++;
    return value;
  }

  // what the stack holds

  push(value: unknown): void {
    this.#stack.push(value);
  }

  top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw malformedPickle(`at ${this.at} — expected a value, got none.`);
    return this.#stack.at(-1);
  }

  pop(): unknown {
    const value = this.top();
    this.#stack.pop();
    return value;
  }

  popText(): string {
    const value = this.pop();
    return typeof value === "string" ? value : this.fail("a text");
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** A value, or a mark that nothing lies on. */
  popAny(): void {
    if (this.#stack.length > 0 && this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
    else this.pop();
  }

  popMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw malformedPickle(`at ${this.at} — expected a mark, got none.`);
    return this.#stack.splice(mark);
  }

  list(): unknown[] {
    const list = this.top();
    return Array.isArray(list) && !Object.isFrozen(list) ? list : this.fail("a list");
  }

  dict(): Map<unknown, unknown> {
    const dict = this.top();
    return dict instanceof Map ? dict : this.fail("a dict");
  }

  tuple(count: number): void {
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.unshift(this.pop());
    this.push(Object.freeze(items));
  }

  remember(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    this.push(this.#memo.has(index) ? this.#memo.get(index) : this.fail(`a value remembered as ${index}`));
  }

  // what the host allows

  global(module: string, name: string): void {
    const known = this.#host.globals.get(`${module} ${name}`);
    if (known === undefined) {
      throw new ModelError(
        "unsafe_pickle",
        `pickle — expected only tensors, got the global ${quoted(`${module}.${name}`)}, which could run code; nothing of it was looked up. Save model.state_dict() alone, or convert it to safetensors.`,
      );
    }
    this.push(known);
  }

  call(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!Array.isArray(args) || !Object.isFrozen(args)) this.fail("a tuple of arguments");
    if (!(callee instanceof PickleGlobal) || callee.call === undefined) this.fail("a known function");
    this.push(callee.call(args, this.spend));
  }

  persistent(): void {
    this.push(this.#host.persistent(this.pop()));
  }
}

const STOP = 0x2e;

/** Opcode → what it does. What is not here is refused. */
const INSTRUCTIONS: ReadonlyMap<number, (m: PickleMachine) => void> = new Map<number, (m: PickleMachine) => void>([
  // PROTO
  [0x80, (m) => (m.byte() > 5 ? m.fail("protocol 5 or less") : undefined)],
  // FRAME
  [0x95, (m) => void m.take(8)],
  // MARK, POP, POP_MARK
  [0x28, (m) => m.mark()],
  [0x30, (m) => m.popAny()],
  [0x31, (m) => void m.popMark()],
  // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
  [0x71, (m) => m.remember(m.byte())],
  [0x72, (m) => m.remember(m.uint32())],
  [0x94, (m) => m.remember()],
  [0x68, (m) => m.recall(m.byte())],
  [0x6a, (m) => m.recall(m.uint32())],
  // NONE, NEWTRUE, NEWFALSE
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  // BININT, BININT1, BININT2, LONG1, BINFLOAT
  [0x4a, (m) => m.push(m.int32())],
  [0x4b, (m) => m.push(m.byte())],
  [0x4d, (m) => m.push(m.uint16())],
  [0x8a, (m) => m.push(m.integer(m.byte()))],
  [0x47, (m) => m.push(m.float64())],
  // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
  [0x58, (m) => m.push(m.text(m.uint32()))],
  [0x8c, (m) => m.push(m.text(m.byte()))],
  [0x8d, (m) => m.push(m.text(m.wideLength()))],
  // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
  [0x29, (m) => m.tuple(0)],
  [0x85, (m) => m.tuple(1)],
  [0x86, (m) => m.tuple(2)],
  [0x87, (m) => m.tuple(3)],
  [0x74, (m) => m.push(Object.freeze(m.popMark()))],
  // EMPTY_LIST, APPEND, APPENDS
  [0x5d, (m) => m.push([])],
  [0x61, append],
  [0x65, appends],
  // EMPTY_DICT, SETITEM, SETITEMS
  [0x7d, emptyDict],
  [0x73, setItem],
  [0x75, setItems],
  // GLOBAL, STACK_GLOBAL
  [0x63, (m) => m.global(m.line(), m.line())],
  [0x93, stackGlobal],
  // REDUCE, NEWOBJ
  [0x52, (m) => m.call()],
  [0x81, (m) => m.call()],
  // BUILD: attributes of a dict (a state dict's versions); not kept
  [0x62, build],
  // BINPERSID
  [0x51, (m) => m.persistent()],
]);

function append(m: PickleMachine): void {
  const item = m.pop();
  m.list().push(item);
}

function appends(m: PickleMachine): void {
  const items = m.popMark();
  const list = m.list();
  for (const item of items) list.push(item);
}

function emptyDict(m: PickleMachine): void {
  m.spend(DICT_STEPS);
  m.push(new Map());
}

function setItem(m: PickleMachine): void {
  const value = m.pop();
  const key = m.pop();
  m.dict().set(key, value);
}

function setItems(m: PickleMachine): void {
  const items = m.popMark();
  const dict = m.dict();
  if (items.length % 2 !== 0) m.fail("keys and values in pairs");
  for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
}

function build(m: PickleMachine): void {
  m.pop();
  m.dict();
}

function stackGlobal(m: PickleMachine): void {
  const name = m.popText();
  m.global(m.popText(), name);
}

/** `collections.OrderedDict`, empty or of a list of pairs. */
export const ORDERED_DICT = new PickleGlobal("collections.OrderedDict", (args, spend) => {
  spend(DICT_STEPS);
  const pairs = args[0] ?? [];
  if (args.length > 1 || !Array.isArray(pairs)) throw malformedPickle("OrderedDict — expected a list of pairs.");
  spend(pairs.length);
  const dict = new Map<unknown, unknown>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) throw malformedPickle("OrderedDict — expected a list of pairs.");
    dict.set(pair[0], pair[1]);
  }
  return dict;
});
