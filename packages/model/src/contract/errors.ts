// The error classes of this package: ModelError, and EncoderError for what backends throw. `code` is stable and meant for programs; the message is meant for people.
// Files from outside (weights, tokenizers, configs, banks, hubs) are hostile: whatever is wrong with them ends here, typed.

import { BiovlmError } from "@biovlm/files";

/** Stable codes of {@link ModelError}. */
export type ModelErrorCode =
  | "bad_argument" // an argument of ours out of range or of the wrong type
  | "bad_name" // a model, bank or data-set name outside the allowed alphabet
  | "malformed_json" // JSON that is not well-formed, too deep, or holds a key twice
  | "malformed_safetensors" // bytes that break a rule of the safetensors format
  | "malformed_zip" // an archive whose directory lies, overlaps or is cut
  | "malformed_pickle" // a pickle that is cut, too large, or of another shape than a state dict's
  | "malformed_checkpoint" // tensors that point outside their storage
  | "unsafe_pickle" // a pickle that names a global outside the allow-list; nothing of it was resolved
  | "unsupported_format" // a well-formed file of a kind that is not read here
  | "unsupported_dtype" // an element type that cannot become float32
  | "unsupported_model" // a well-formed model that is no ViT/BERT dual encoder of BiomedCLIP's kind
  | "unknown_key" // weights that hold a tensor this model has no place for
  | "missing_key" // weights that lack tensors
  | "shape_mismatch" // a tensor of another shape than the spec says
  | "missing_head_counts" // neither metadata, config.json nor known widths give the number of heads
  | "malformed_config" // open_clip_config.json or config.json of another structure
  | "malformed_tokenizer" // tokenizer files of another structure
  | "unsupported_tokenizer" // a tokenizer that is not BERT WordPiece
  | "text_too_long" // a text beyond the tokenizer's limit on characters
  | "file_changed" // a file that became shorter while it was read
  | "bad_bank" // a bank file or bank value that breaks the format
  | "model_mismatch" // a bank made for another model
  | "bad_classes" // no class names, an empty one, or one twice
  | "missing_file" // a model folder without a file it needs
  // stores, downloads, bundles (src/node)
  | "bad_key" // a ByteStore key outside the allowed alphabet
  | "bad_path" // a file name from a hub, manifest or bundle that would leave its folder
  | "bad_digest" // a digest that is no sha256
  | "not_found" // no such model, repository, revision or file
  | "already_exists" // a model of this name is there and `replace` was not asked for
  | "integrity" // content that is not what its digest says; moved to quarantine where it was ours
  | "lock_mismatch" // the hub offers other content than the lock file, or a pin, says
  | "locked" // another process holds the lock
  | "disk_full" // no space, quota or file size left
  | "not_permitted" // read-only or not ours
  | "too_many_files" // no file descriptor left
  | "io_error" // any other failure of the file system
  | "offline" // HF_HUB_OFFLINE is set and the cache lacks a file
  | "network" // no answer, or a connection that keeps breaking
  | "hub_refused" // the hub asks for a token or for consent, or refuses
  | "hub_protocol" // an answer that is none of a hub's: no commit, lies about ranges, HTML in place of the file
  | "no_digest" // the hub names no digest and none was pinned
  | "malformed_manifest" // biovlm-model.json or biovlm-lock.json of another structure
  | "malformed_bundle" // a bundle that breaks a rule of its format
  | "no_backend"; // none of the devices asked for is usable

/** Error of @biovlm/model: `what — expected …, got …. What to do.` */
export class ModelError extends BiovlmError<ModelErrorCode> {
  constructor(code: ModelErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super("model", "ModelError", code, message, options);
  }
}

/** Stable codes of {@link EncoderError}. */
export type EncoderErrorCode =
  | "bad_input" // a buffer or shape that does not fit the model
  | "bad_output" // NaN, Infinity or an all-zero row came out
  | "closed" // the encoder was closed
  | "open_failed" // the runtime is missing or refused the model
  | "run_failed" // the runtime failed while running
  | "not_supported"; // gradients asked of an encoder without that capability

/** What an encoder throws: `what — expected …, got …. What to do.` */
export class EncoderError extends BiovlmError<EncoderErrorCode> {
  /** The backend's name. */
  readonly backend: string;

  constructor(backend: string, code: EncoderErrorCode, message: string, cause?: unknown) {
    super(backend, "EncoderError", code, message, { cause });
    this.backend = backend;
  }
}

/** A shape as it stands in a message: [10, 4, 768]. */
export function printShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
