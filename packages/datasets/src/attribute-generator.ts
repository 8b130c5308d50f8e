// Writes the attribute set of a data set by asking a language model, one class at a time, behind any OpenAI-compatible endpoint.
// The endpoint is the caller's, on this machine by default. An answer is read strictly, linted, and asked for again with what was wrong.

import { attributeMessages, type ChatMessage, parseAttributeAnswer } from "./attribute-answer.js";
import { type AttributeIssue, lintAttributes } from "./attribute-lint.js";
import { type AttributeSet, parseAttributeSet } from "./attribute-schema.js";
import { askChat, type ChatEndpoint, chatEndpoint } from "./chat-endpoint.js";
import { DatasetError } from "./errors.js";
import { requireName, requireOptions } from "./names.js";

/** What attribute sentences are asked of a language model, and of which one. */
export interface GenerateAttributesOptions {
  /** name of the set */
  readonly dataset: string;
  /** "breast ultrasound" */
  readonly modality: string;
  /** class names in label order */
  readonly classes: readonly string[];
  /** model name as the endpoint knows it */
  readonly model: string;
  /** Default "a {modality} image of {class}, with {attribute}" */
  readonly template?: string;
  /** attributes for each class. Default 10 */
  readonly perClass?: number;
  /** base address of an OpenAI-compatible API. Default http://127.0.0.1:11434/v1, where Ollama listens */
  readonly endpoint?: string;
  readonly apiKey?: string;
  readonly fetch?: typeof fetch;
  /** further attempts a class after an answer that cannot be used, and a request after a failure. Default 3 */
  readonly retries?: number | undefined;
  /** for one request. Default 120 000 */
  readonly timeoutMs?: number;
  /** before the first repetition of a failed request; doubled each time. Default 1000 */
  readonly retryDelayMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onClass?: (progress: {
    readonly done: number;
    readonly total: number;
    readonly className: string;
    readonly attempts: number;
  }) => void;
}

const OPTION_NAMES = [
  "dataset",
  "modality",
  "classes",
  "model",
  "template",
  "perClass",
  "endpoint",
  "apiKey",
  "fetch",
  "retries",
  "timeoutMs",
  "retryDelayMs",
  "signal",
  "onClass",
];

/**
 * @returns a set that passes its schema and has no lint error
 * @throws DatasetError `bad_option`, `bad_name`, `network`, `bad_answer` (what was wrong with the last answer), `aborted`
 * @example await generateAttributes({ dataset: "moles", modality: "dermatoscope", classes: ["nevus", "melanoma"], model: "qwen3:8b" })
 */
export async function generateAttributes(options: GenerateAttributesOptions): Promise<AttributeSet> {
  requireOptions("generateAttributes", options, OPTION_NAMES);
  const { modality, classes, perClass = 10, retries = 3, onClass } = options;
  const template = options.template ?? `a ${modality} image of {class}, with {attribute}`;
  whole("perClass", perClass, 1, 100);
  whole("retries", retries, 0, 20);
  if (!Array.isArray(classes) || classes.length < 2)
    throw new DatasetError("bad_option", "classes — expected at least two names in label order. Name them.");
  const plan = (entries: readonly string[][]): AttributeSet => ({
    dataset: requireName(options.dataset),
    modality,
    template,
    classes: classes.map((name, id) => ({ id, name, attributes: entries[id] ?? [] })),
  });
  // Names, template and classes are judged before anything is asked.
  try {
    await parseAttributeSet(plan(classes.map((_, i) => [`placeholder ${i}`])));
  } catch (cause) {
    if (cause instanceof DatasetError && cause.code === "bad_attributes") throw new DatasetError("bad_option", cause.message, { cause });
    throw cause;
  }
  const endpoint = chatEndpoint({ ...options, retries });
  const done: string[][] = [];
  for (const [id, className] of classes.entries()) {
    const request = { modality, className, classes, count: perClass, template, taken: done.flat() };
    const { phrases, attempts } = await askClass(endpoint, attributeMessages(request), perClass, retries, (phrases) =>
      lintAttributes(plan([...done, phrases]), { perClass }).filter((issue) => issue.level === "error" && issue.class === className),
    );
    done[id] = phrases;
    onClass?.({ done: id + 1, total: classes.length, className, attempts });
  }
  return parseAttributeSet(plan(done));
}

async function askClass(
  endpoint: ChatEndpoint,
  question: readonly ChatMessage[],
  perClass: number,
  retries: number,
  lint: (phrases: string[]) => AttributeIssue[],
): Promise<{ phrases: string[]; attempts: number }> {
  let messages = question;
  for (let attempts = 1; ; attempts++) {
    const answer = await askChat(endpoint, messages);
    let complaint: string;
    let cause: unknown;
    try {
      const phrases = parseAttributeAnswer(answer, perClass);
      const issues = lint(phrases);
      if (issues.length === 0) return { phrases, attempts };
      complaint = issues
        .map(({ attribute, message }) => `${attribute === undefined ? "the list" : JSON.stringify(attribute)} ${message}`)
        .join("; ");
    } catch (error) {
      if (!(error instanceof DatasetError) || error.code !== "bad_answer") throw error;
      cause = error;
      complaint = `the answer was not a JSON array of exactly ${perClass} strings`;
    }
    if (attempts > retries) {
      throw new DatasetError(
        "bad_answer",
        `language model — expected ${perClass} usable attributes after ${attempts} attempts, got: ${complaint.slice(0, 600)}. Try another model.`,
        {
          cause,
        },
      );
    }
    messages = [
      ...question,
      { role: "assistant", content: answer.slice(0, 8000) },
      {
        role: "user",
        content: `That cannot be used: ${complaint.slice(0, 4000)}. Answer again with a JSON array of exactly ${perClass} strings.`,
      },
    ];
  }
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new DatasetError("bad_option", `${name} — expected a whole number from ${least} to ${most}, got ${value}.`);
}
