// One encoder per model and backend: opening the same graphs again gives the same encoder until it is closed.

import type { Encoder } from "../contract/encoder.js";
import type { EncoderGraphs } from "../contract/encoder-graphs.js";

/** Wraps a backend's way of opening. A failed opening is forgotten, so that a later call tries again. */
export function memoisedOpen(open: (graphs: EncoderGraphs) => Promise<Encoder>): (graphs: EncoderGraphs) => Promise<Encoder> {
  const known = new WeakMap<EncoderGraphs, Promise<Encoder>>();
  return (graphs) => {
    const before = known.get(graphs);
    if (before !== undefined) return before;
    const forget = () => {
      if (known.get(graphs) === opened) known.delete(graphs);
    };
    const opened: Promise<Encoder> = open(graphs).then((encoder) => {
      const close = encoder.close.bind(encoder);
      encoder.close = () => {
        forget();
        return close();
      };
      return encoder;
    });
    opened.catch(forget);
    known.set(graphs, opened);
    return opened;
  };
}
