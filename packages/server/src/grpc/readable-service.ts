// A service whose messages may be anything: what cannot be read, or says too much, is the client's fault and reaches the handler as such, where the
// library would end the call as if the server were broken.

import type { ServiceDefinition } from "@grpc/grpc-js";
import { ServerError } from "../errors.js";

const MALFORMED = Symbol("malformed");

/** How a method is read and written, where that is not the library's own way. */
type Forms = Readonly<Record<string, { readonly read: (bytes: Buffer) => unknown; readonly write: (value: Buffer) => Buffer }>>;

/** The same service. Its handlers ask `readOf` for their messages. */
export function readable(service: ServiceDefinition, forms: Forms = {}): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => {
      const form = forms[name];
      return [
        name,
        {
          ...method,
          ...(form === undefined ? {} : { responseSerialize: form.write }),
          requestDeserialize(bytes: Buffer) {
            try {
              return form === undefined ? method.requestDeserialize(bytes) : form.read(bytes);
            } catch (error) {
              return error instanceof ServerError ? error : MALFORMED;
            }
          },
        },
      ];
    }),
  );
}

/** Reads a message where no service does it. @throws ServerError as `readOf` */
export function readMessage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof ServerError ? error : malformed();
  }
}

function malformed(): ServerError {
  return new ServerError("bad_request", "message — expected one of this call's, got bytes that cannot be read.");
}

/** A message as it was read. @throws ServerError `bad_request`, or what reading it said */
export function readOf<T>(message: T): T {
  if (message instanceof ServerError) throw message;
  if (message === MALFORMED) throw malformed();
  return message;
}
