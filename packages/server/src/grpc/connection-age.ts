// How long a connection of gRPC lives. The library's own limit closes it with the notice, and refuses a call that was on its way; so the notice comes
// first, and the end when its client has had time to open another.

import { constants, type Http2Session } from "node:http2";

/** Any stream that the client has opened by then is still answered. */
const LAST_STREAM = 2 ** 31 - 1;
/** From the notice on, milliseconds: many times what a packet needs. */
const NOTICE_MS = 10_000;

/** Connections by their first call. */
export class ConnectionAges {
  private readonly most: number;
  private readonly noticeMs: number;
  private readonly since = new WeakMap<Http2Session, number>();
  private readonly told = new WeakSet<Http2Session>();

  /** @param most age at which a connection's next call brings the notice, milliseconds */
  constructor(most: number, noticeMs = NOTICE_MS) {
    this.most = most;
    this.noticeMs = noticeMs;
  }

  /** A call came. */
  seen(session: Http2Session): void {
    const now = performance.now();
    const since = this.since.get(session);
    if (since === undefined) this.since.set(session, now);
    else if (now - since >= this.most && !this.told.has(session)) this.tell(session);
  }

  private tell(session: Http2Session): void {
    this.told.add(session);
    session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
    const ending = setTimeout(() => session.close(), this.noticeMs);
    ending.unref();
    session.once("close", () => clearTimeout(ending));
  }
}
