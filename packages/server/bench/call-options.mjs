// Options that the benches of gRPC share.
import { parseArgs } from "node:util";

/** @param seconds of a round, unless given @param rounds unless given @param more options of this bench @returns them as given, and numbers by name */
export function callOptions(seconds, rounds, more = {}) {
  const text = (value) => ({ type: "string", default: value });
  const numbers = { seconds: text(seconds), rounds: text(rounds), connections: text("16"), images: text("1"), streams: text("1") };
  const switches = { go: { type: "boolean", default: false }, stream: { type: "boolean", default: false } };
  const { values } = parseArgs({ options: { ...numbers, ...switches, ...more } });
  return { values, ...Object.fromEntries(Object.keys(numbers).map((name) => [name, Number(values[name])])) };
}
