// Set up before every test file: typed arrays with the same bytes are equal at once. vitest walks them key by key, half a second for 200 kB;
// what differs, or is of two kinds, is still judged and told by vitest itself.

import { expect } from "vitest";

expect.addEqualityTesters([
  (a: unknown, b: unknown): true | undefined => {
    if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.constructor !== b.constructor || a.byteLength !== b.byteLength)
      return undefined;
    const [x, y] = [Buffer.from(a.buffer, a.byteOffset, a.byteLength), Buffer.from(b.buffer, b.byteOffset, b.byteLength)];
    return x.equals(y) || undefined;
  },
]);
