// What a language model is asked for the attributes of a class, and the strict reading of its answer.

import { DatasetError } from "./errors.js";
import { parseJsonText } from "./json-text.js";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface AttributeRequest {
  readonly modality: string;
  readonly className: string;
  /** every class of the set */
  readonly classes: readonly string[];
  readonly count: number;
  readonly template: string;
  /** phrases that stand already, under any class */
  readonly taken: readonly string[];
}

const SYSTEM =
  "You are a radiologist and pathologist who writes short visual descriptions for image-text models. You answer with JSON only: no prose, no code fence.";

/** The question for one class. */
export function attributeMessages({ modality, className, classes, count, template, taken }: AttributeRequest): ChatMessage[] {
  const others = classes.filter((name) => name !== className);
  const lines = [
    `Modality: ${modality}. Class: "${className}". It must be told apart from: ${others.map((name) => `"${name}"`).join(", ")}.`,
    `Write ${count} different visual attributes of this class as seen in such an image: shape, margin, texture, brightness, colour, location, size, surroundings.`,
    `Each attribute is a noun phrase of 3 to 12 words that completes the sentence "${template.replaceAll("{class}", className).replaceAll("{attribute}", "…")}".`,
    "Describe only what is visible. Never name any class or diagnosis, never mention the other classes, no numbers of patients, no full sentences.",
    ...(taken.length === 0 ? [] : [`Do not use any of these: ${taken.map((phrase) => JSON.stringify(phrase)).join(", ")}.`]),
    `Answer with a JSON array of exactly ${count} strings.`,
  ];
  return [
    { role: "system", content: SYSTEM },
    { role: "user", content: lines.join("\n") },
  ];
}

/** The phrases of an answer: a JSON array of `count` strings, one code fence and a thinking block around it forgiven. @throws DatasetError `bad_answer` */
export function parseAttributeAnswer(text: string, count: number): string[] {
  const bare = text.replace(/^\s*<think>[\s\S]*?<\/think>/, "").trim();
  const fenced = /^```(?:json)?\s*\n([\s\S]*?)\n?```$/.exec(bare)?.[1] ?? bare;
  const bad = (got: string, cause?: unknown) =>
    new DatasetError("bad_answer", `language model's answer — expected a JSON array of ${count} strings, got ${got}. Try another model.`, {
      cause,
    });
  let value: unknown;
  try {
    value = parseJsonText(fenced, "answer", { maxLength: 256 * 1024, maxDepth: 4 });
  } catch (cause) {
    throw bad("text that is not JSON", cause);
  }
  if (!Array.isArray(value)) throw bad("another JSON value");
  if (value.length !== count) throw bad(`${value.length} entries`);
  return value.map((entry: unknown) => {
    const phrase = typeof entry === "string" ? entry.replace(/\s+/g, " ").trim().replace(/\.$/, "") : "";
    if (phrase === "" || phrase.length > 400) throw bad("an entry that is no text, or a long one");
    return phrase;
  });
}
