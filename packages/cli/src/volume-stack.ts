// Files that are one example together, opened as `--volumes` asks: every frame of every file, in the window that was named.

import type { RgbImage } from "@biovlm/core";
import { decodeOptions, frameVariant } from "@biovlm/engine";
import { stackReader } from "@biovlm/engine/images";
import type { FrameChoice, ImageLimitOptions, ImageOptions } from "@biovlm/engine/options";
import { type DecodedImage, sharpDecoder } from "@biovlm/imaging/node";
import { usageError } from "./errors.js";

/** A volume is all of its frames. @throws CliError `bad_usage` where frames were named */
export function checkVolumeFrames({ frame }: Pick<FrameChoice, "frame">): void {
  if (frame === "middle") return;
  throw usageError("bad_usage", `--volumes — expected all frames of a file, got --frame ${frame}`, "Drop one of them.");
}

/**
 * A reader of series. @param shown what is made of a decoded frame, or why it is refused
 * @throws CliError `bad_usage` for one frame of a volume
 */
export function volumeStack(
  options: ImageLimitOptions & FrameChoice & Partial<Pick<ImageOptions, "exif">>,
  shown: (image: DecodedImage) => RgbImage = (image) => image,
): ReturnType<typeof stackReader> {
  checkVolumeFrames(options);
  const asked = decodeOptions(options);
  const decoder = sharpDecoder();
  return stackReader({
    variant: frameVariant(options),
    async open(bytes) {
      const { frames, windowed, ...opened } = await decoder.open(bytes, asked);
      return { frames, frame: async (index) => shown(await opened.frame(index, windowed ? { window: asked.window } : {})) };
    },
  });
}
