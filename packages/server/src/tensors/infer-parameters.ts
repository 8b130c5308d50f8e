// Parameters of a protocol request and of its outputs: ours, those of Triton's clients that mean something here, and the others refused, because an
// answer that ignores them would be another than was asked for.

import type { ClassifyOptions } from "@biovlm/engine";
import { parseStrictJson } from "@biovlm/files";
import { ServerError } from "../errors.js";

type Parameters = Readonly<Record<string, string | number | boolean>>;

/** Taken and without effect: what clients always send, in its meaning of "nothing". */
const NEUTRAL: Readonly<Record<string, (value: unknown) => boolean>> = {
  priority: (value) => Number(value) === 0,
  sequence_id: (value) => value === 0 || value === "",
  sequence_start: (value) => value === false,
  sequence_end: (value) => value === false,
  binary_data_output: (value) => typeof value === "boolean",
  content_type: (value) => typeof value === "string",
  // a request has one answer, and never an empty one after it
  triton_enable_empty_final_response: (value) => typeof value === "boolean",
};
const SHOWN = ["frame", "plane", "window", "range"] as const;
/** Parameters of an input. */
const INPUTS = ["binary_data_size", "content_type"];
const OURS = ["classes", "rho", "prevalence", "timeout", "cropped", ...SHOWN];

/**
 * `frame` (middle, or a number from 1), `plane`, `window`, `range`, `cropped`, `classes` (a JSON list), `rho`, `prevalence` (NAME=SHARE with commas between, or "train") and `timeout` (microseconds, as in Triton's clients; never longer than the server's own) of a request's parameters.
 * @throws ServerError `bad_classes`, `bad_request`
 */
export function requestParameters(
  parameters: Parameters,
  deadline?: number,
): Pick<ClassifyOptions, "classes" | "rho" | "prevalence" | "deadline" | "cropped" | (typeof SHOWN)[number]> {
  const { classes, rho, prevalence, timeout, cropped } = parameters;
  for (const [name, value] of Object.entries(parameters)) {
    if (name === "volumes" || (name === "frame" && /^(all|every=)/.test(String(value))))
      throw new ServerError(
        "bad_request",
        `parameter ${name} — expected one picture of each image, as a tensor has one row for it, got more. Ask POST /v1/classify, which answers frames and volumes.`,
      );
    if (OURS.includes(name)) continue;
    const neutral = Object.hasOwn(NEUTRAL, name) ? NEUTRAL[name] : undefined;
    if (neutral === undefined) {
      throw new ServerError("bad_request", `parameters — expected only ${OURS.join(", ")}, got another. Leave it out.`);
    }
    if (neutral(value)) continue;
    const why = name === "priority" ? "requests are answered in their order" : "requests do not depend on each other";
    throw new ServerError("bad_request", `parameter ${name} — expected none, because ${why}. Leave it out.`);
  }
  if (rho !== undefined && !(typeof rho === "number" && rho > 0 && rho <= 1))
    throw new ServerError("bad_request", "parameter rho — expected a number in (0, 1], got another. Correct it.");
  if (prevalence !== undefined && !(typeof prevalence === "string" && prevalence.length <= 16_384))
    throw new ServerError(
      "bad_request",
      "parameter prevalence — expected a text, got another. Give NAME=SHARE with commas between, or train.",
    );
  if (timeout !== undefined && !(typeof timeout === "number" && Number.isInteger(timeout) && timeout > 0))
    throw new ServerError("bad_request", "parameter timeout — expected whole microseconds above 0, got another. Correct it.");
  if (cropped !== undefined && typeof cropped !== "boolean")
    throw new ServerError("bad_request", "parameter cropped — expected true or false, got another. Correct it.");
  const due = timeout === undefined ? undefined : Math.min(deadline ?? Number.POSITIVE_INFINITY, Date.now() + (timeout as number) / 1000);
  return {
    ...(classes === undefined ? {} : { classes: classNames(classes) }),
    ...(rho === undefined ? {} : { rho: rho as number }),
    ...(prevalence === undefined ? {} : { prevalence: prevalence as string }),
    ...Object.fromEntries(SHOWN.flatMap((name) => (parameters[name] === undefined ? [] : [[name, String(parameters[name])]]))),
    ...(cropped === undefined ? {} : { cropped }),
    ...(due === undefined ? {} : { deadline: due }),
  };
}

/** What an input may say of itself beside its elements; what is asked of a request stands at the request. @throws ServerError `bad_request` */
export function checkInputParameters(input: string, parameters: Parameters = {}): void {
  for (const name of Object.keys(parameters)) {
    if (INPUTS.includes(name)) continue;
    if (OURS.includes(name) || name === "volumes")
      throw new ServerError(
        "bad_request",
        `input ${input} — expected ${name} among the request's own parameters, where it holds for all images, got it at the input. Move it.`,
      );
    throw new ServerError(
      "bad_request",
      `input ${input} — expected only the parameters ${INPUTS.join(" and ")}, got another. Tensors are never read from shared memory. Leave it out.`,
    );
  }
}

/** @throws ServerError `bad_request` where pictures are asked for in words that embeddings have no use for */
export function refuseShown(options: Pick<ClassifyOptions, "cropped" | (typeof SHOWN)[number]>): void {
  const name = ([...SHOWN, "cropped"] as const).find((one) => options[one] !== undefined);
  if (name !== undefined)
    throw new ServerError("bad_request", `parameter ${name} — expected images that it says how to show, got embeddings. Leave it out.`);
}

function classNames(text: unknown): string[] {
  let names: unknown;
  try {
    names = parseStrictJson(String(text), "parameter classes");
  } catch {
    names = undefined;
  }
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string"))
    throw new ServerError("bad_classes", "parameter classes — expected a JSON list of names, got other text.");
  return names;
}

/** How an output is wanted: in binary or not, and as how many "probability:index:class" of the most probable (Triton's `class_count`). */
export function outputParameters(
  name: string,
  parameters: Parameters = {},
  binaryOutput = false,
): { readonly binary: boolean; readonly classification?: number } {
  const { binary_data: binary = binaryOutput, classification, ...others } = parameters;
  if (Object.keys(others).length > 0)
    throw new ServerError(
      "bad_request",
      `output ${JSON.stringify(name)} — expected only the parameters binary_data and classification, got another. Tensors are never left in shared memory.`,
    );
  if (typeof binary !== "boolean")
    throw new ServerError(
      "bad_request",
      `output ${JSON.stringify(name)} — expected binary_data as true or false, got another. Correct it.`,
    );
  if (classification === undefined || classification === 0) return { binary };
  if (name !== "probabilities" || typeof classification !== "number" || !Number.isInteger(classification) || classification < 0) {
    throw new ServerError(
      "bad_request",
      `output ${JSON.stringify(name)} — expected classification (class_count) as a whole number at probabilities alone, got another. Leave it out.`,
    );
  }
  return { binary, classification };
}
