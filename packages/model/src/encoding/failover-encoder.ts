// An encoder that outlives its device: a call that fails there is tried once on a freshly opened device, then, where other backends are allowed
// (`auto`), on those, best first. Every change is told. A named device hands in its one backend and so is never replaced. Not a load balancer.

import { nth } from "@biovlm/files";
import type {
  Capabilities,
  ChannelScale,
  Device,
  Encoder,
  EncoderBackend,
  ImageRows,
  KeepOptions,
  PromptRows,
  RunOptions,
  Tape,
} from "../contract/encoder.js";
import type { EncoderGraphs } from "../contract/encoder-graphs.js";
import { EncoderError } from "../contract/errors.js";
import { encodeRgb } from "./exact-bytes.js";
import { RunQueue } from "./run-queue.js";

/** What happened to the device. `from` equals `to` where the same device was opened again. */
export interface DeviceChange {
  readonly from: Device;
  readonly to: Device;
  /** the failure's own words */
  readonly reason: string;
}

export interface FailoverOptions {
  /** Told after a change, once the call that met the failure has succeeded on the new device. `capabilities` are the new ones by then. */
  readonly onChange?: (change: DeviceChange) => void;
}

/** The graphs, or a choice of graphs by device: float16 for one, int8 for another. */
export type GraphsFor = EncoderGraphs | ((device: Device) => EncoderGraphs);

/**
 * Opens the first backend; the others stand by. A call that fails everywhere rejects with its first failure and changes nothing.
 * @throws EncoderError, TypeError for an empty list
 * @example
 * const { backend, standby } = chooseBackend("auto", probed);
 * const encoder = await openWithFailover(model.graphs, [backend, ...standby], { onChange: ({ to, reason }) => say(to, reason) });
 */
export async function openWithFailover(
  graphs: GraphsFor,
  backends: readonly EncoderBackend[],
  { onChange = () => {} }: FailoverOptions = {},
): Promise<Encoder> {
  const graphsFor = typeof graphs === "function" ? graphs : () => graphs;
  const [first] = backends;
  if (first === undefined) throw new TypeError("backends — expected at least one, got none. Choose a backend first.");
  const encoder = await first.open(graphsFor(first.device));
  return new FailoverEncoder(backends, graphsFor, encoder, onChange);
}

/** A tape that remembers its rows, so that another device can run them again. */
class RecoverableTape<Rows> implements Tape {
  spent = false;
  readonly rows: Rows;
  readonly encoder: Encoder;
  readonly inner: Tape;

  constructor(rows: Rows, encoder: Encoder, inner: Tape) {
    this.rows = rows;
    this.encoder = encoder;
    this.inner = inner;
  }

  dispose(): void {
    this.spent = true;
    this.inner.dispose();
  }
}

type Job<T> = (encoder: Encoder) => Promise<T>;

class FailoverEncoder implements Encoder {
  readonly encodePromptsBackward?: NonNullable<Encoder["encodePromptsBackward"]>;
  readonly encodeImagesBackward?: NonNullable<Encoder["encodeImagesBackward"]>;
  private readonly backends: readonly EncoderBackend[];
  private readonly graphsFor: (device: Device) => EncoderGraphs;
  private readonly onChange: (change: DeviceChange) => void;
  private readonly repairs = new RunQueue();
  private encoder: Encoder;
  /** index into `backends` */
  private at = 0;
  /** counts openings: whether a failure is that of the encoder in use */
  private generation = 0;
  /** the encoder in use was closed for a repair */
  private broken = false;
  private closing: Promise<void> | undefined;

  constructor(
    backends: readonly EncoderBackend[],
    graphsFor: (device: Device) => EncoderGraphs,
    encoder: Encoder,
    onChange: (change: DeviceChange) => void,
  ) {
    this.backends = backends;
    this.graphsFor = graphsFor;
    this.encoder = encoder;
    this.onChange = onChange;
    if (encoder.encodePromptsBackward !== undefined)
      this.encodePromptsBackward = (from, dOut, options) => this.backward(promptGradients, from, dOut, options);
    if (encoder.encodeImagesBackward !== undefined)
      this.encodeImagesBackward = (from, dOut, options) => this.backward(imageGradients, from, dOut, options);
  }

  get name(): string {
    return this.encoder.name;
  }

  get capabilities(): Capabilities {
    return this.encoder.capabilities;
  }

  encodeImages(pixels: Float32Array, batch: number, options?: KeepOptions) {
    return this.attempt(async (encoder) => {
      const result = await encoder.encodeImages(pixels, batch, options);
      if (result.tape === undefined) return result;
      return { ...result, tape: new RecoverableTape<ImageRows>({ pixels: pixels.slice(), batch }, encoder, result.tape) };
    }, pixels);
  }

  encodeRgb(rgb: Uint8Array, batch: number, by: ChannelScale, options?: RunOptions) {
    return this.attempt((encoder) => encodeRgb(encoder, rgb, batch, by, options));
  }

  encodeTexts(ids: Int32Array, mask: Uint8Array, shape: readonly [number, number], options?: RunOptions) {
    return this.attempt((encoder) => encoder.encodeTexts(ids, mask, shape, options));
  }

  encodePrompts(rows: PromptRows, options?: KeepOptions) {
    return this.attempt(async (encoder) => {
      const result = await encoder.encodePrompts(rows, options);
      if (result.tape === undefined) return result;
      const copy = { embeddings: rows.embeddings.slice(), mask: rows.mask.slice(), shape: rows.shape };
      return { out: result.out, tape: new RecoverableTape<PromptRows>(copy, encoder, result.tape) };
    }, rows.embeddings);
  }

  close(): Promise<void> {
    this.closing ??= this.repairs.run(() => this.encoder.close());
    return this.closing;
  }

  private backward<Rows extends PromptRows | ImageRows>(
    gradients: Gradients<Rows>,
    from: Tape | Rows,
    dOut: Float32Array,
    options?: RunOptions,
  ): Promise<Float32Array> {
    if (!(from instanceof RecoverableTape)) {
      return this.attempt((encoder) => gradients(encoder)(from, dOut, options), dOut, numbersIn(from));
    }
    // a tape belongs to the encoder that made it; elsewhere its rows are run again
    const { rows, inner } = from as RecoverableTape<Rows>;
    const spent = from.spent;
    from.spent = true;
    return this.attempt(
      (encoder) => gradients(encoder)(spent || encoder === from.encoder ? inner : rows, dOut, options),
      dOut,
      numbersIn(rows),
    );
  }

  private async attempt<T>(job: Job<T>, ...inputs: readonly (Float32Array | undefined)[]): Promise<T> {
    const { generation, encoder } = this;
    try {
      return await job(encoder);
    } catch (error) {
      if (!this.isDeviceFault(error, generation, inputs)) throw error;
      return this.repairs.run(() => this.repair(job, error, generation, inputs));
    }
  }

  /** Runs alone. Opens the device again, then each other backend, until the job succeeds on one. */
  private async repair<T>(job: Job<T>, cause: EncoderError, generation: number, inputs: readonly (Float32Array | undefined)[]): Promise<T> {
    if (this.generation !== generation) {
      // another call has repaired it meanwhile
      const now = this.generation;
      try {
        return await job(this.encoder);
      } catch (error) {
        if (!this.isDeviceFault(error, now, inputs)) throw error;
      }
    }
    const from = this.capabilities.device;
    // not awaited: it waits for calls that wait for this repair
    this.broken = true;
    this.encoder.close().catch(() => {});
    const order = [this.at, ...this.backends.keys()].filter((index, place) => place === 0 || index !== this.at);
    let again: { encoder: Encoder; at: number } | undefined;
    for (const at of order) {
      const backend = nth(this.backends, at);
      try {
        const encoder = await backend.open(this.graphsFor(backend.device));
        again ??= { encoder, at };
        const result = await job(encoder);
        if (again.encoder !== encoder) again.encoder.close().catch(() => {});
        this.use(encoder, at);
        this.onChange({ from, to: backend.device, reason: cause.message });
        return result;
      } catch (error) {
        if (!(error instanceof EncoderError)) throw this.settle(again, error);
      }
    }
    throw this.settle(again, cause);
  }

  /** Nothing helped: goes on with what could be opened, so that the next call finds an open encoder. */
  private settle(opened: { encoder: Encoder; at: number } | undefined, error: unknown): unknown {
    if (opened !== undefined) this.use(opened.encoder, opened.at);
    return error;
  }

  private use(encoder: Encoder, at: number): void {
    this.encoder = encoder;
    this.at = at;
    this.generation++;
    this.broken = false;
  }

  /** A failure of the device and not of the call. Bad numbers out are the device's only if the numbers in were sound. */
  private isDeviceFault(error: unknown, generation: number, inputs: readonly (Float32Array | undefined)[]): error is EncoderError {
    if (!(error instanceof EncoderError) || this.closing !== undefined) return false;
    if (error.code === "bad_output") return inputs.every((numbers) => numbers === undefined || numbers.every(Number.isFinite));
    if (error.code === "closed") return this.broken || this.generation !== generation;
    return error.code === "run_failed" || error.code === "open_failed";
  }
}

/** The backward pass of an encoder that has it. */
type Gradients<Rows> = (encoder: Encoder) => (from: Tape | Rows, dOut: Float32Array, options?: RunOptions) => Promise<Float32Array>;

const promptGradients: Gradients<PromptRows> = (encoder) => encoder.encodePromptsBackward?.bind(encoder) ?? without(encoder, "gradients");
const imageGradients: Gradients<ImageRows> = (encoder) =>
  encoder.encodeImagesBackward?.bind(encoder) ?? without(encoder, "gradients on images");

function without(encoder: Encoder, what: string): never {
  throw new EncoderError(
    encoder.name,
    "not_supported",
    `${what} — expected an encoder with them, got one without. Open a model that has them.`,
  );
}

/** The numbers that a call is given, where it is given rows. */
function numbersIn(from: Tape | PromptRows | ImageRows): Float32Array | undefined {
  if ("embeddings" in from) return from.embeddings;
  return "pixels" in from ? from.pixels : undefined;
}
