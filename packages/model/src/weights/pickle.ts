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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stop = Math.min(bytes.byteLength, start + MAX_PICKLE_BYTES);
  const stack: unknown[] = [];
  const marks: number[] = [];
  const memo = new Map<number, unknown>();
  let at = start;
  let steps = 0;

  const spend = (n: number) => {
    steps += n;
    if (steps > MAX_STEPS) throw malformedPickle(`— expected at most ${MAX_STEPS} steps.`);
  };
  const take = (n: number): number => {
    if (n > stop - at) throw malformedPickle(`— expected ${n} bytes at ${at}, got ${stop - at}.`);
    at += n;
    return at - n;
  };
  const text = (length: number): string => {
    const from = take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(from, at));
    } catch {
      throw malformedPickle(`text at ${from} — expected UTF-8.`);
    }
  };
  const wideLength = (): number => {
    const n = view.getBigUint64(take(8), true);
    if (n > BigInt(stop)) throw malformedPickle(`text at ${at} — expected it within the file, got ${n} bytes.`);
    return Number(n);
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0 || end - at > 512) throw malformedPickle(`name at ${at} — expected a line of at most 512 bytes.`);
    const value = text(end - at);
    at++;
    return value;
  };
  const pop = (): unknown => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw malformedPickle(`at ${at} — expected a value, got none.`);
    return stack.pop();
  };
  const top = (): unknown => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw malformedPickle(`at ${at} — expected a value, got none.`);
    return stack.at(-1);
  };
  const popMark = (): unknown[] => {
    const mark = marks.pop();
    if (mark === undefined) throw malformedPickle(`at ${at} — expected a mark, got none.`);
    return stack.splice(mark);
  };
  const popText = (): string => {
    const value = pop();
    return typeof value === "string" ? value : fail("a text");
  };
  const fail = (expected: string): never => {
    throw malformedPickle(`at ${at} — expected ${expected}.`);
  };
  const remembered = (index: number): unknown => (memo.has(index) ? memo.get(index) : fail(`a value remembered as ${index}`));
  const tuple = (count: number) => {
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.unshift(pop());
    stack.push(Object.freeze(items));
  };
  const global = (module: string, name: string) => {
    const known = host.globals.get(`${module} ${name}`);
    if (known === undefined) {
      throw new ModelError(
        "unsafe_pickle",
        `pickle — expected only tensors, got the global ${quoted(`${module}.${name}`)}, which could run code; nothing of it was looked up. Save model.state_dict() alone, or convert it to safetensors.`,
      );
    }
    stack.push(known);
  };
  const call = () => {
    const args = pop();
    const callee = pop();
    if (!Array.isArray(args) || !Object.isFrozen(args)) return fail("a tuple of arguments");
    if (!(callee instanceof PickleGlobal) || callee.call === undefined) return fail("a known function");
    stack.push(callee.call(args, spend));
  };
  const listAt = (): unknown[] => {
    const list = top();
    return Array.isArray(list) && !Object.isFrozen(list) ? list : fail("a list");
  };
  const dictAt = (): Map<unknown, unknown> => {
    const dict = top();
    return dict instanceof Map ? dict : fail("a dict");
  };
  const integer = (length: number): number | bigint => {
    const from = take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i]!);
    value = BigInt.asIntN(8 * length, value);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  };

  for (;;) {
    spend(1);
    const opcode = bytes[take(1)]!;
    switch (opcode) {
      case 0x80: // PROTO
        if (bytes[take(1)]! > 5) fail("protocol 5 or less");
        break;
      case 0x95: // FRAME
        take(8);
        break;
      case 0x2e: {
        // STOP
        const value = pop();
        if (stack.length > 0 || marks.length > 0) fail("one value at the end");
        return { value, end: at };
      }
      case 0x28: // MARK
        marks.push(stack.length);
        break;
      case 0x30: // POP
        if (stack.length > 0 && marks.at(-1) === stack.length) marks.pop();
        else pop();
        break;
      case 0x31: // POP_MARK
        popMark();
        break;
      case 0x71: // BINPUT
        memo.set(bytes[take(1)]!, top());
        break;
      case 0x72: // LONG_BINPUT
        memo.set(view.getUint32(take(4), true), top());
        break;
      case 0x94: // MEMOIZE
        memo.set(memo.size, top());
        break;
      case 0x68: // BINGET
        stack.push(remembered(bytes[take(1)]!));
        break;
      case 0x6a: // LONG_BINGET
        stack.push(remembered(view.getUint32(take(4), true)));
        break;
      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        stack.push(opcode === 0x88);
        break;
      case 0x4a: // BININT
        stack.push(view.getInt32(take(4), true));
        break;
      case 0x4b: // BININT1
        stack.push(bytes[take(1)]!);
        break;
      case 0x4d: // BININT2
        stack.push(view.getUint16(take(2), true));
        break;
      case 0x8a: // LONG1
        stack.push(integer(bytes[take(1)]!));
        break;
      case 0x47: // BINFLOAT
        stack.push(view.getFloat64(take(8), false));
        break;
      case 0x58: // BINUNICODE
        stack.push(text(view.getUint32(take(4), true)));
        break;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(text(bytes[take(1)]!));
        break;
      case 0x8d: // BINUNICODE8
        stack.push(text(wideLength()));
        break;
      case 0x29: // EMPTY_TUPLE
        tuple(0);
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        tuple(opcode - 0x84);
        break;
      case 0x74: // TUPLE
        stack.push(Object.freeze(popMark()));
        break;
      case 0x5d: // EMPTY_LIST
        stack.push([]);
        break;
      case 0x61: {
        // APPEND
        const item = pop();
        listAt().push(item);
        break;
      }
      case 0x65: {
        // APPENDS
        const items = popMark();
        const list = listAt();
        for (const item of items) list.push(item);
        break;
      }
      case 0x7d: // EMPTY_DICT
        spend(DICT_STEPS);
        stack.push(new Map());
        break;
      case 0x73: {
        // SETITEM
        const value = pop();
        const key = pop();
        dictAt().set(key, value);
        break;
      }
      case 0x75: {
        // SETITEMS
        const items = popMark();
        const dict = dictAt();
        if (items.length % 2 !== 0) fail("keys and values in pairs");
        for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
        break;
      }
      case 0x63: {
        // GLOBAL
        const module = line();
        global(module, line());
        break;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = popText();
        global(popText(), name);
        break;
      }
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        call();
        break;
      case 0x62: // BUILD: attributes of a dict (a state dict's versions); not kept
        pop();
        dictAt();
        break;
      case 0x51: // BINPERSID
        stack.push(host.persistent(pop()));
        break;
      default:
        throw malformedPickle(`at ${at - 1} — expected an instruction of a state dict, got 0x${opcode.toString(16)}.`);
    }
  }
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
