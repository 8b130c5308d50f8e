// BERT WordPiece as BiomedCLIP uses it: open_clip's cleaning, then ids with [CLS] first and [SEP] last, cut to the context length.
// A tokenizer file is data from outside: its vocabulary and four switches are read, and a fresh tokenizer is built from them.

import { isJsonObject, type Json, parseStrictJson, quoted } from "@biovlm/files";
import { Tokenizer as WordPiece } from "@huggingface/tokenizers";
import { ModelError } from "../contract/errors.js";
import { cleanText } from "./text-cleaning.js";

/** The files that a tokenizer is made of, one of the two. */
export interface TokenizerFiles {
  /** tokenizer.json, its text */
  readonly tokenizerJson?: string | undefined;
  /** vocab.txt, one piece a line; used where there is no tokenizer.json */
  readonly vocabTxt?: string | undefined;
}

/** How text is cleaned before it is cut into pieces. */
export interface TokenizerOptions {
  /** open_clip's cleaning in full, without ftfy's part, or none */
  readonly cleaning?: "open_clip" | "without_ftfy" | "none";
}

/** Token rows of several texts, trimmed to the longest: ids and mask [n,L]. */
export interface TokenRows {
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  readonly shape: readonly [number, number];
}

/** Text → WordPiece ids, as BiomedCLIP's Python tokenizer gives them. */
export interface Tokenizer {
  /** Ids of one text, [CLS] and [SEP] included, no padding, at most `contextLength`. */
  encode(text: string): number[];
  encodeBatch(texts: readonly string[]): TokenRows;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly specials: { readonly pad: number; readonly unknown: number; readonly cls: number; readonly sep: number };
}

interface Vocabulary {
  /** piece → id */
  readonly pieces: Map<string, number>;
  readonly normalizer: {
    readonly lowercase: boolean;
    readonly strip_accents: boolean | null;
    readonly handle_chinese_chars: boolean;
    readonly clean_text: boolean;
  };
}

const FAR_IDEOGRAPH = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
const MAX_PIECES = 1_000_000;
/** Characters of one text that are looked at: more cannot reach the context length in any real vocabulary. */
const MAX_TEXT = 100_000;

function malformed(what: string, expected: string, got: string): ModelError {
  return new ModelError("malformed_tokenizer", `${what} — expected ${expected}, got ${got}. Get the model's tokenizer files again.`);
}

/**
 * A tokenizer from a model's files.
 * @throws ModelError `malformed_tokenizer` for a damaged file or none at all, `unsupported_tokenizer` for one that is no BERT WordPiece
 * @example const tokenizer = loadTokenizer({ tokenizerJson }, 256); tokenizer.encode("a chest X-ray"); // [2, 15, …, 3]
 */
export function loadTokenizer(files: TokenizerFiles, contextLength: number, { cleaning = "open_clip" }: TokenizerOptions = {}): Tokenizer {
  const vocabulary = files.tokenizerJson !== undefined ? fromTokenizerJson(files.tokenizerJson) : fromVocabTxt(files.vocabTxt);
  const special = (name: string): number => {
    const id = vocabulary.pieces.get(name);
    if (id === undefined) throw malformed("tokenizer vocabulary", `the piece ${name}`, "none");
    return id;
  };
  const specials = { pad: special("[PAD]"), unknown: special("[UNK]"), cls: special("[CLS]"), sep: special("[SEP]") };
  const pieces = wordPiece(vocabulary);
  const encode = (text: string): number[] => {
    const cut = text.slice(0, MAX_TEXT);
    const clean = cleaning === "none" ? cut : cleanText(cut, { ftfy: cleaning === "open_clip" });
    // BERT lower-cases letter by letter: a Σ is σ wherever it stands, while JavaScript makes it ς at a word's end.
    const sigmas = vocabulary.normalizer.lowercase ? clean.replaceAll("Σ", "σ") : clean;
    // Ideographs beyond the basic plane stand for themselves; the library splits only some of their blocks.
    const { ids } = pieces.encode(vocabulary.normalizer.handle_chinese_chars ? sigmas.replace(FAR_IDEOGRAPH, " $& ") : sigmas);
    if (ids.length <= contextLength) return ids.slice();
    return [...ids.slice(0, contextLength - 1), specials.sep];
  };
  return {
    encode,
    encodeBatch(texts) {
      const rows = texts.map(encode);
      const L = Math.max(1, ...rows.map((r) => r.length));
      const ids = new Int32Array(rows.length * L).fill(specials.pad);
      const mask = new Uint8Array(rows.length * L);
      for (const [i, row] of rows.entries()) {
        ids.set(row, i * L);
        mask.fill(1, i * L, i * L + row.length);
      }
      return { ids, mask, shape: [rows.length, L] };
    },
    contextLength,
    vocabularySize: vocabulary.pieces.size,
    specials,
  };
}

function fromVocabTxt(text: string | undefined): Vocabulary {
  if (text === undefined) throw malformed("tokenizer", "tokenizer.json or vocab.txt", "neither");
  // One piece a line, split at line feeds only: some pieces are themselves odd white space.
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > MAX_PIECES) throw malformed("vocab.txt", `at most ${MAX_PIECES} pieces`, String(lines.length));
  const pieces = new Map(lines.map((piece, id) => [piece.endsWith("\r") ? piece.slice(0, -1) : piece, id]));
  return { pieces, normalizer: { lowercase: true, strip_accents: null, handle_chinese_chars: true, clean_text: true } };
}

function fromTokenizerJson(text: string): Vocabulary {
  const file = parseStrictJson(text, "tokenizer.json", { code: "malformed_tokenizer" });
  const at = (value: Json | undefined, ...path: string[]): Json | undefined =>
    path.reduce<Json | undefined>((v, key) => (v !== undefined && isJsonObject(v) ? v[key] : undefined), value);
  const kind = (path: string, wanted: string) => {
    const got = at(file, path, "type");
    if (got === wanted) return;
    throw new ModelError(
      "unsupported_tokenizer",
      `tokenizer.json ${path}.type — expected "${wanted}" (a BERT tokenizer), got ${got === undefined ? "none" : quoted(String(got))}. Models with other tokenizers are not read here.`,
    );
  };
  kind("model", "WordPiece");
  kind("normalizer", "BertNormalizer");
  kind("pre_tokenizer", "BertPreTokenizer");
  const vocab = at(file, "model", "vocab");
  if (vocab === undefined || !isJsonObject(vocab))
    throw malformed("tokenizer.json model.vocab", "an object of pieces and ids", typeof vocab);
  const names = Object.keys(vocab);
  if (names.length > MAX_PIECES) throw malformed("tokenizer.json model.vocab", `at most ${MAX_PIECES} pieces`, String(names.length));
  const pieces = new Map<string, number>();
  for (const piece of names) {
    const id = vocab[piece];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= MAX_PIECES) {
      throw malformed(`tokenizer.json id of ${quoted(piece)}`, `a whole number from 0 to ${MAX_PIECES - 1}`, String(id));
    }
    pieces.set(piece, id);
  }
  const flag = (name: string, otherwise: boolean): boolean => {
    const value = at(file, "normalizer", name);
    return typeof value === "boolean" ? value : otherwise;
  };
  const accents = at(file, "normalizer", "strip_accents");
  return {
    pieces,
    normalizer: {
      lowercase: flag("lowercase", true),
      strip_accents: typeof accents === "boolean" ? accents : null,
      handle_chinese_chars: flag("handle_chinese_chars", true),
      clean_text: flag("clean_text", true),
    },
  };
}

/** The library's tokenizer of a vocabulary: built of the special pieces, then given all, of which it would make an object and a map of its own. */
function wordPiece(vocabulary: Vocabulary): WordPiece {
  const made = new WordPiece(description(vocabulary), {});
  if (made.model === null) throw new Error("the tokenizer library — expected a model, got none");
  made.model.tokens_to_ids = vocabulary.pieces;
  return made;
}

/** The library's own form of such a tokenizer, of its special pieces alone. */
function description({ pieces, normalizer }: Vocabulary): object {
  const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].filter((s) => pieces.has(s));
  const template = (name: string) => ({ SpecialToken: { id: name, type_id: 0 } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials.map((content) => ({
      id: pieces.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: "BertNormalizer", ...normalizer },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [template("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, template("[SEP]")],
      pair: [],
      special_tokens: Object.fromEntries(["[CLS]", "[SEP]"].map((s) => [s, { id: s, ids: [pieces.get(s)], tokens: [s] }])),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(specials.map((s) => [s, pieces.get(s)])),
    },
  };
}
