// The one error class of this package. `code` is stable and meant for programs; the message is meant for people.

/** Stable codes of GraphError. */
export type GraphErrorCode =
  | "shape_mismatch" // operands whose shapes do not fit the operator
  | "dtype_mismatch" // operands whose element types do not fit the operator
  | "bad_argument" // an attribute, name, axis or option out of range
  | "unknown_value" // a name that the graph does not hold
  | "duplicate_name" // two inputs, outputs or constants of one name
  | "too_large" // more bytes than a protobuf message may hold (2 GiB), or than the reader's limits allow
  | "malformed_model" // bytes that are no ONNX model of the subset this package writes
  | "unsupported_model" // a well-formed model that uses what this package does not read
  | "unsafe_location" // external data outside the model's folder
  | "missing_data" // an initializer whose bytes lie in a file that was not given
  | "unsupported_operator" // no evaluation rule
  | "not_differentiable"; // no derivative rule, or an integer on the way

/** Error of @biovlm/graph: `what — expected …, got …. What to do.` */
export class GraphError extends Error {
  readonly code: GraphErrorCode;
  readonly package = "graph";

  constructor(code: GraphErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "GraphError";
    this.code = code;
    if (this.stack !== undefined) this.stack = `[biovlm:graph] ${this.stack.replace(/^Error\b/, this.name)}`;
  }

  /** What was expected and what came. */
  get what(): string {
    return this.message.replace(/(?<=[.!?])\s+(?=[A-Z`]).*$/s, "");
  }

  /** What to do; undefined where there is nothing to be done. */
  get remedy(): string | undefined {
    return this.message.slice(this.what.length).trim() || undefined;
  }
}
