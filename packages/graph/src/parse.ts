// ONNX protobuf → Graph: the inverse of serialize.ts, for files this package wrote (fields it does not write are stepped over). The bytes
// may be hostile: a result is a graph whose names, shapes, sizes and order hold together, and everything else is a typed error. No
// subgraphs, so nothing recurses; counts are limited besides by the limits below. Tensors are views of `bytes`, not copies.

import { named } from "./elements.js";
import { GraphError } from "./errors.js";
import { checkExternalLocation } from "./external-location.js";
import { type Attribute, type Dim, DTYPE_CODE, type DType, type Graph, type Node, OPSET, type Tensor, type Value } from "./graph.js";
import { ELEMENT_BYTES, elementCount, lazyTensor } from "./tensor.js";
import { malformed, WireReader } from "./wire-reader.js";

/** How to read a model. */
export interface ParseOptions {
  /** Gives the bytes of a checked location beside the model. Without it, tensors in other files throw `missing_data` when asked for bytes. */
  readonly external?: (location: string, offset: number, length: number) => Uint8Array;
}

/** Largest counts accepted: some tens of times those of a model of this package. */
const LIMITS = { nodes: 65_536, values: 262_144, operands: 4096, attributes: 64, numbers: 65_536, rank: 8 } as const;
/** IR versions and opsets whose operators mean here what they mean there. */
const [OLDEST_IR, NEWEST_IR, OLDEST_OPSET] = [8, 13, 18];

const DTYPE_OF = new Map(Object.entries(DTYPE_CODE).map(([dtype, code]) => [code, dtype as DType]));
const DOMAINS = ["", "ai.onnx", "com.microsoft"];

function unsupported(what: string, expected: string, got: string | number): never {
  throw new GraphError("unsupported_model", `${what} — expected ${expected}, got ${got}. Only models written by this package are read.`);
}

function dtypeOf(what: string, code: number): DType {
  return DTYPE_OF.get(code) ?? unsupported(what, `an element type of ${[...DTYPE_OF.values()].join(", ")}`, `ONNX type ${code}`);
}

function counted(what: string, count: number, limit: number): void {
  if (count > limit) throw new GraphError("too_large", `${what} — expected at most ${limit}, got more. Refuse this model.`);
}

/**
 * Reads a model.
 * Throws `malformed_model` for bytes that are no model or do not hold together, `unsupported_model` for operators' domains, versions, types
 * or encodings of other writers, `too_large` above the limits, `unsafe_location` for external data outside the model's folder.
 * @example const graph = parseModel(await readFile("tower.onnx"));
 */
export function parseModel(bytes: Uint8Array, options: ParseOptions = {}): Graph {
  const r = new WireReader(bytes);
  let [irVersion, opset] = [0, 0];
  let body: WireReader | undefined;
  while (r.next()) {
    if (r.field === 1) irVersion = r.intField("ir_version");
    else if (r.field === 7) body = once("graph", body, r.messageField("graph"));
    else if (r.field === 8) {
      const { domain, version } = readOpset(r.messageField("opset_import"));
      if (!DOMAINS.includes(domain)) unsupported("operator set", "ai.onnx or com.microsoft", JSON.stringify(domain));
      if (domain !== "com.microsoft") opset = version;
    } else if (r.field === 25) unsupported("model", "one graph", "functions besides");
    else r.skip();
  }
  if (body === undefined) return malformed("model", "a graph", "none");
  if (irVersion < OLDEST_IR || irVersion > NEWEST_IR) unsupported("ir_version", `${OLDEST_IR} to ${NEWEST_IR}`, irVersion);
  if (opset < OLDEST_OPSET || opset > OPSET) unsupported("operator set version", `${OLDEST_OPSET} to ${OPSET}`, opset);
  return assemble(readGraph(body, options), irVersion, opset);
}

/** Protobuf merges a message that comes twice: another reader would see what this one did not check. */
function once<T>(what: string, before: T | undefined, now: T): T {
  return before === undefined ? now : malformed(what, "one", "two");
}

function readOpset(r: WireReader): { domain: string; version: number } {
  let [domain, version] = ["", 0];
  while (r.next()) {
    if (r.field === 1) domain = r.stringField("opset domain");
    else if (r.field === 2) version = r.intField("opset version");
    else r.skip();
  }
  return { domain, version };
}

interface GraphParts {
  name: string;
  readonly nodes: Node[];
  readonly initializers: { name: string; tensor: Tensor }[];
  readonly inputs: Value[];
  readonly outputs: Value[];
  readonly inner: Value[];
}

function readGraph(r: WireReader, options: ParseOptions): GraphParts {
  const g: GraphParts = { name: "", nodes: [], initializers: [], inputs: [], outputs: [], inner: [] };
  while (r.next()) {
    if (r.field === 1) g.nodes.push(readNode(r.messageField("node")));
    else if (r.field === 2) g.name = r.stringField("graph name");
    else if (r.field === 5) g.initializers.push(readTensor(r.messageField("initializer"), options));
    else if (r.field === 11) g.inputs.push(readValue(r.messageField("input")));
    else if (r.field === 12) g.outputs.push(readValue(r.messageField("output")));
    else if (r.field === 13) g.inner.push(readValue(r.messageField("value_info")));
    else if (r.field === 15) unsupported("sparse initializer", "dense tensors", "a sparse one");
    else r.skip();
    counted("graph nodes", g.nodes.length, LIMITS.nodes);
    counted("graph values", g.initializers.length + g.inputs.length + g.outputs.length + g.inner.length, LIMITS.values);
  }
  return g;
}

/** Names to values, each defined once and before its use. */
function assemble(g: GraphParts, irVersion: number, opset: number): Graph {
  const values = new Map<string, Value>();
  const initializers = new Map<string, Tensor>();
  const defined = new Set<string>();
  const define = (name: string, what: string) => {
    if (name === "" || defined.has(name)) malformed(what, "a new name", JSON.stringify(name));
    defined.add(name);
  };
  for (const v of g.inputs) {
    define(v.name, "input");
    values.set(v.name, v);
  }
  for (const { name, tensor } of g.initializers) {
    define(name, "initializer");
    initializers.set(name, tensor);
    values.set(name, { name, dtype: tensor.dtype, shape: tensor.shape });
  }
  for (const v of [...g.inner, ...g.outputs]) {
    const known = values.get(v.name);
    if (known === undefined) values.set(v.name, v);
    else if (!g.outputs.includes(v) || !sameType(known, v)) malformed("value", "one declaration of a name", JSON.stringify(v.name));
  }
  for (const n of g.nodes) {
    for (const name of n.inputs)
      if (name !== "" && !defined.has(name)) malformed(`${n.op} input`, "a value defined before", JSON.stringify(name));
    for (const name of n.outputs) {
      if (name === "") continue;
      define(name, `${n.op} output`);
      if (!values.has(name)) unsupported(`${n.op} output`, "a declared type and shape", `none for ${JSON.stringify(name)}`);
    }
  }
  for (const name of values.keys()) if (!defined.has(name)) malformed("value", "one that a node makes", JSON.stringify(name));
  const names = new Set(g.outputs.map((v) => v.name));
  if (names.size !== g.outputs.length) malformed("outputs", "distinct names", "one twice");
  const outputs = g.outputs.map((v) => ({ name: v.name, value: named(values, v.name) }));
  return { name: g.name, opset, irVersion, inputs: g.inputs, outputs, nodes: g.nodes, initializers, values };
}

function sameType(a: Value, b: Value): boolean {
  return a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]);
}

function readNode(r: WireReader): Node {
  const [inputs, outputs, attributes]: [string[], string[], [string, Attribute][]] = [[], [], []];
  let [op, domain] = ["", ""];
  while (r.next()) {
    if (r.field === 1) inputs.push(r.stringField("node input"));
    else if (r.field === 2) outputs.push(r.stringField("node output"));
    else if (r.field === 4) op = r.stringField("operator");
    else if (r.field === 5) attributes.push(readAttribute(r.messageField("attribute")));
    else if (r.field === 7) domain = r.stringField("operator domain");
    else r.skip();
    counted("node inputs and outputs", inputs.length + outputs.length, LIMITS.operands);
    counted("node attributes", attributes.length, LIMITS.attributes);
  }
  if (op === "" || outputs.length === 0) malformed("node", "an operator with outputs", JSON.stringify(op));
  if (!DOMAINS.includes(domain)) unsupported(`operator ${op}`, "domain ai.onnx or com.microsoft", JSON.stringify(domain));
  // fromEntries defines own properties, so that a name like __proto__ is a name.
  return { op, domain: domain === "ai.onnx" ? "" : domain, inputs, outputs, attributes: Object.fromEntries(attributes) };
}

function readAttribute(r: WireReader): [string, Attribute] {
  let [name, type, int, float, string] = ["", 0, 0, 0, ""];
  let tensor: Tensor | undefined;
  const [ints, floats]: [number[], number[]] = [[], []];
  while (r.next()) {
    if (r.field === 1) name = r.stringField("attribute name");
    else if (r.field === 2) float = r.floatField("attribute float");
    else if (r.field === 3) int = r.intField("attribute int");
    else if (r.field === 4) string = r.stringField("attribute string", 65_536);
    else if (r.field === 5) tensor = once("attribute tensor", tensor, readTensor(r.messageField("attribute tensor"), {}).tensor);
    else if ([6, 10, 11, 22, 23].includes(r.field))
      unsupported("attribute", "plain values or one tensor", `ONNX attribute field ${r.field}`);
    else if (r.field === 7) r.floatFields("attribute floats", floats, LIMITS.numbers);
    else if (r.field === 8) r.intFields("attribute ints", ints, LIMITS.numbers);
    else if (r.field === 20) type = r.intField("attribute type");
    else r.skip();
  }
  if (name === "") malformed("attribute", "a name", "none");
  if (type === 1) return [name, { float }];
  if (type === 2) return [name, { int }];
  if (type === 3) return [name, { string }];
  if (type === 4) return [name, { tensor: tensor ?? malformed(`attribute ${name}`, "a tensor", "none") }];
  if (type === 6) return [name, { floats }];
  if (type === 7) return [name, { ints }];
  return unsupported(`attribute ${name}`, "a number, text, list of numbers or tensor", `ONNX attribute type ${type}`);
}

function readTensor(r: WireReader, options: ParseOptions): { name: string; tensor: Tensor } {
  const shape: number[] = [];
  const entries = new Map<string, string>();
  let [name, code, place, typed] = ["", 0, 0, false];
  let raw: Uint8Array | undefined;
  while (r.next()) {
    if (r.field === 1) r.intFields("tensor shape", shape, LIMITS.rank);
    else if (r.field === 2) code = r.intField("tensor type");
    else if (r.field === 8) name = r.stringField("tensor name");
    else if (r.field === 9) raw = r.bytesField("tensor data");
    else if (r.field === 13) readEntry(r.messageField("external data"), entries);
    else if (r.field === 14) place = r.intField("tensor data location");
    else {
      typed ||= [3, 4, 5, 6, 7, 10, 11].includes(r.field);
      r.skip();
    }
  }
  const what = `tensor ${JSON.stringify(name.slice(0, 80))}`;
  const dtype = dtypeOf(what, code);
  const length = elementCount(shape) * ELEMENT_BYTES[dtype];
  if (!shape.every((d) => d >= 0) || !Number.isSafeInteger(length)) malformed(what, "whole sizes", `[${shape.join(", ")}]`);
  if (typed) unsupported(what, "raw or external data", "typed fields");
  if (place === 0) {
    const data = raw ?? new Uint8Array(0);
    if (data.byteLength !== length) malformed(what, `${length} bytes for [${shape.join(", ")}]`, data.byteLength);
    return { name, tensor: lazyTensor(dtype, shape, () => data) };
  }
  if (place !== 1 || raw !== undefined) malformed(what, "raw or external data", `location ${place}`);
  const location = checkExternalLocation(entries.get("location") ?? "");
  const offset = wholeNumber(what, entries.get("offset") ?? "0");
  const declared = wholeNumber(what, entries.get("length") ?? String(length));
  if (declared !== length || !Number.isSafeInteger(offset + length)) malformed(what, `${length} bytes for [${shape.join(", ")}]`, declared);
  const read = (): Uint8Array => {
    if (options.external === undefined)
      throw new GraphError("missing_data", `${what} — expected the bytes of ${location}, got none. Pass \`external\` to parseModel.`);
    return options.external(location, offset, length);
  };
  return { name, tensor: lazyTensor(dtype, shape, read, { location, offset, length }) };
}

function readEntry(r: WireReader, into: Map<string, string>): void {
  let [key, value] = ["", ""];
  while (r.next()) {
    if (r.field === 1) key = r.stringField("external data key");
    else if (r.field === 2) value = r.stringField("external data value", 4096);
    else r.skip();
  }
  if (into.has(key)) malformed("external data", "each key once", JSON.stringify(key.slice(0, 40)));
  into.set(key, value);
}

function wholeNumber(what: string, text: string): number {
  const n = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(n) ? n : malformed(what, "a whole number of bytes", JSON.stringify(text.slice(0, 40)));
}

function readValue(r: WireReader): Value {
  let name = "";
  let type: { dtype: DType; shape: Dim[] } | undefined;
  while (r.next()) {
    if (r.field === 1) name = r.stringField("value name");
    else if (r.field === 2) type = readType(r.messageField("value type"), name);
    else r.skip();
  }
  if (name === "") malformed("value", "a name", "none");
  return { name, ...(type ?? unsupported(`value ${JSON.stringify(name)}`, "a tensor type", "none")) };
}

function readType(r: WireReader, name: string): { dtype: DType; shape: Dim[] } | undefined {
  while (r.next()) {
    if (r.field !== 1) unsupported(`value ${JSON.stringify(name)}`, "a dense tensor", `ONNX type field ${r.field}`);
    const t = r.messageField("tensor type");
    let code = 0;
    let shape: Dim[] | undefined;
    while (t.next()) {
      if (t.field === 1) code = t.intField("element type");
      else if (t.field === 2) shape = readShape(t.messageField("shape"));
      else t.skip();
    }
    const dtype = dtypeOf(`value ${JSON.stringify(name)}`, code);
    return { dtype, shape: shape ?? unsupported(`value ${JSON.stringify(name)}`, "a shape", "none") };
  }
  return undefined;
}

function readShape(r: WireReader): Dim[] {
  const shape: Dim[] = [];
  while (r.next()) {
    if (r.field !== 1) {
      r.skip();
      continue;
    }
    const d = r.messageField("size");
    let size: Dim | undefined;
    while (d.next()) {
      if (d.field === 1) size = d.intField("size");
      else if (d.field === 2) size = d.stringField("size");
      else d.skip();
    }
    if (size === undefined || size === "" || (typeof size === "number" && size < 0))
      malformed("size", "a whole number or a symbol", String(size));
    shape.push(size as Dim);
    if (shape.length > LIMITS.rank) malformed("shape", `at most ${LIMITS.rank} axes`, "more");
  }
  return shape;
}
