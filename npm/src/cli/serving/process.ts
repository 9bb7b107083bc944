import { createServer, type Server } from "node:http";
import { createSecureServer, type Http2SecureServer, type Http2Session } from "node:http2";
import { Server as NetServer, type Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as after } from "node:timers/promises";
import { loadNative } from "../../loader.js";
import type { Application } from "./application.js";
import { type Bound, type Handle, listenAt, type Place } from "./listen.js";
import type { Log } from "./log.js";
import type { Settings } from "./settings.js";
import { Certificate } from "./tls.js";

/** The time that requests in flight have once no connection is accepted any more, in milliseconds. */
const GRACE = 30_000;

/** The time that the connections accepted last have to send their request, in milliseconds. */
const LAST_REQUESTS = 1_000;

/** The time that clients have to finish connecting, in milliseconds. */
const LAST_CONNECTIONS = 20;

/** Serves an application at a place, and ends without refusing clients that connected before. */
export class Serving {
  private readonly server: Server | Http2SecureServer;
  private readonly sockets = new Set<Socket>();
  private readonly sessions = new Set<Http2Session>();
  private following: NodeJS.Timeout | undefined;

  constructor(
    private readonly application: Application,
    private readonly settings: Settings,
    log: Log,
  ) {
    const { tlsCert, tlsKey } = settings;
    if (tlsCert === undefined) {
      this.server = createServer(application.answer);
    } else {
      const certificate = new Certificate(tlsCert, tlsKey);
      // HTTP/2 gives requests and responses the interface of HTTP/1.1 (the compatibility API).
      const answer = application.answer as unknown as Parameters<typeof createSecureServer>[1];
      const secure = createSecureServer({ ...certificate.pair, allowHTTP1: true }, answer);
      this.following = certificate.follow(log, (pair) => secure.setSecureContext(pair));
      this.server = secure;
      secure.on("session", (session) => keep(this.sessions, session));
    }
    this.server.on("connection", (socket: Socket) => keep(this.sockets, socket));
  }

  /** Listens at a place, or at a socket that is open. Returns the address that the server is bound to. */
  async listen(place: Place, socket?: Handle): Promise<Bound> {
    await listenAt(this.server, place, undefined, socket);
    return this.server.address();
  }

  /**
   * Reports that the server is not ready, serves on for the time of `drain`, then accepts no connection any more and
   * waits for open requests. With `isLast`, all other processes that hold the socket end too.
   */
  async drain(isLast: boolean): Promise<void> {
    this.application.draining = true;
    await after(this.settings.drain);
    // Otherwise the system would reset clients that connect between the last accept and the close.
    if (isLast && this.ignoresNew()) await after(LAST_CONNECTIONS);
    await nextTurn();
    // The `close` of http.Server would also end connections that have yet to send their request.
    const closed = new Promise<void>((resolve) => void NetServer.prototype.close.call(this.server, () => resolve()));
    await Promise.race([closed, after(LAST_REQUESTS)]);
    if ("closeIdleConnections" in this.server) this.server.closeIdleConnections();
    for (const session of this.sessions) session.close();
    await Promise.race([closed, after(GRACE, undefined, { ref: false })]);
  }

  private ignoresNew(): boolean {
    const { _handle } = this.server as { _handle?: { fd?: number } };
    const isTcp = typeof this.server.address() === "object";
    return isTcp && _handle?.fd !== undefined && loadNative().ignoreNewConnections(_handle.fd);
  }

  /** Ends open connections. */
  close(): void {
    clearInterval(this.following);
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

function keep<T extends Socket | Http2Session>(all: Set<T>, one: T): void {
  all.add(one);
  one.once("close", () => all.delete(one));
}

const ENDING = { SIGINT: 2, SIGTERM: 15 } as const;

/** Resolves at the first SIGINT or SIGTERM. The second signal calls `last` and ends the process at once. */
export function untilSignal(last: () => void = () => {}): Promise<void> {
  return new Promise((resolve) => {
    let isEnding = false;
    for (const [name, number] of Object.entries(ENDING)) {
      process.on(name, () => {
        if (isEnding) {
          last();
          // The exit code that shells give a signal.
          process.exit(128 + number);
        }
        isEnding = true;
        resolve();
      });
    }
  });
}
