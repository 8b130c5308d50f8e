// An encoder that lets the worker read its messages between two calls. A run on wasm ends in the same task it began in, so that a long loop
// of runs would not see that it was asked to stop.

import type { Encoder } from "@biovlm/model";

/** The same encoder; every call first waits for a turn of the event loop. */
export function breathing(encoder: Encoder): Encoder {
  const backward = encoder.encodePromptsBackward?.bind(encoder);
  return {
    get name() {
      return encoder.name;
    },
    get capabilities() {
      return encoder.capabilities;
    },
    encodeImages: async (...call) => {
      await turn();
      return encoder.encodeImages(...call);
    },
    encodeTexts: async (...call) => {
      await turn();
      return encoder.encodeTexts(...call);
    },
    encodePrompts: async (...call) => {
      await turn();
      return encoder.encodePrompts(...call);
    },
    ...(backward === undefined
      ? {}
      : {
          encodePromptsBackward: async (...call: Parameters<NonNullable<Encoder["encodePromptsBackward"]>>) => {
            await turn();
            return backward(...call);
          },
        }),
    close: () => encoder.close(),
  };
}

/** One turn of the event loop. A message channel is not slowed down as nested timers are. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
