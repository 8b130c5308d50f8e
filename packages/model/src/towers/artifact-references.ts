// Which other files an ONNX model would have a runtime open. Asked before the runtime sees the model, so that none of them lies elsewhere.

import { parseModel } from "@biovlm/graph";
import type { OnnxArtifact } from "../contract/encoder-graphs.js";
import { ModelError } from "../contract/errors.js";

/**
 * Locations of external data in a model, each a plain relative path.
 * @throws GraphError `unsafe_location` for any other path, `malformed_model`, `unsupported_model`, `too_large`
 */
export function externalReferences(model: Uint8Array): string[] {
  const graph = parseModel(model);
  const inner = graph.nodes.flatMap((n) =>
    Object.values(n.attributes).flatMap((a) => ("tensor" in a && a.tensor !== undefined ? [a.tensor] : [])),
  );
  const tensors = [...graph.initializers.values(), ...inner];
  return [...new Set(tensors.flatMap((t) => (t.external === undefined ? [] : [t.external.location])))];
}

/**
 * A model in memory brings all its data along: a reference to a file that was not handed over would be looked for on the disk.
 * @throws ModelError `missing_file`; GraphError as {@link externalReferences}
 */
export function checkReferences(artifact: Extract<OnnxArtifact, { kind: "bytes" }>): void {
  const given = new Set(artifact.externalData?.map(({ path }) => path));
  for (const location of externalReferences(artifact.model)) {
    if (given.has(location)) continue;
    throw new ModelError(
      "missing_file",
      `model in memory — expected its data with it, got a reference to ${JSON.stringify(location)}. Refuse it.`,
    );
  }
}
