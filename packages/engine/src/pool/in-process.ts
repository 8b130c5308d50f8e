// Encoding in this process: for tests and edge devices with little memory. A crash of native code ends the server; pools are for that.

import type { Core } from "@biovlm/core";
import type { Device, Model } from "@biovlm/model";
import { encodeRgb } from "@biovlm/model/backend";
import { encoderFailure } from "../contract/encoder-failure.js";
import type { EncodedBatch, Encoding, EncodingEvent, EncodingStatus, ImageLimits } from "../contract/encoding.js";
import { fastImages } from "../images/fast-images.js";
import { type Batching, decoderThreads, imageEncoder, imageWindow } from "../images/image-encoder.js";
import { type OpenEncoder, openEncoder } from "../open/encoder.js";
import type { OpeningSpec } from "../open/opening-spec.js";

export interface InProcessOptions extends Batching {
  readonly spec: OpeningSpec;
  readonly core: Core;
  readonly model: Model;
  readonly limits: ImageLimits;
  readonly onEvent?: (event: EncodingEvent) => void;
  /** how the encoder is had; that of the spec's device unless said */
  readonly open?: typeof openEncoder;
}

/** Opens at once; `start` warms up. */
export async function encodeInProcess(options: InProcessOptions): Promise<Encoding> {
  const { spec, model, onEvent = () => {}, open = openEncoder } = options;
  const started = performance.now();
  let fellBack = false;
  const {
    encoder,
    detail,
    imageTower: towerOf,
  }: OpenEncoder = await open(model, spec, [], {
    onChange({ from, to, reason }) {
      fellBack ||= from !== to;
      onEvent({ kind: "fell_back", from, to, reason });
    },
  });
  const { prepare: fast } = await fastImages();
  const images = imageEncoder({ ...options, encoder, fast });
  let state: "opened" | "ready" | "closed" = "opened";
  const device = (): Device => encoder.capabilities.device;
  return {
    encoder,
    window: () => imageWindow(options.maxBatch, decoderThreads()),
    async encodeFiles(files): Promise<EncodedBatch> {
      try {
        return { ...(await images.files(files)), device: device(), fellBack };
      } catch (error) {
        throw encoderFailure(error);
      }
    },
    async encodeStack(file, ask, call) {
      try {
        return { ...(await images.stack(file, ask, call)), device: device(), fellBack };
      } catch (error) {
        throw encoderFailure(error);
      }
    },
    status(): EncodingStatus {
      const reason = state === "ready" ? {} : { reason: state === "opened" ? "warming up" : "closed" };
      const tower = towerOf();
      const imageTower = tower === undefined ? {} : { imageTower: tower };
      return { ready: state === "ready", device: device(), precision: encoder.capabilities.precision, ...imageTower, fellBack, ...reason };
    },
    detail: () => detail,
    memory: () => 0,
    async start() {
      const { vision, mean, std } = model.spec;
      await encodeRgb(encoder, new Uint8Array(3 * vision.imageSize ** 2).fill(128), 1, { mean, std });
      if (state === "opened") state = "ready";
      onEvent({ kind: "started", device: device(), ms: performance.now() - started });
    },
    async close() {
      state = "closed";
      await encoder.close();
    },
  };
}
