import type { IncomingMessage, ServerResponse } from "node:http";
import { one, readRequest, type RequestFacts, writeResponse } from "../../adapters/node.js";
import { requestIdOf } from "../../context.js";
import { SENTRI_ROUTES } from "../../generated/routes.js";
import type { ResponseData } from "../../protect-host.js";
import type { AuthServer } from "../../server.js";
import { type Log, traceIdOf } from "./log.js";

const PATTERNS = SENTRI_ROUTES.map(({ method, path }) => ({ method, path, wanted: path.split("/") }));
const HEALTH = ["/health/live", "/health/ready"];

/**
 * The part of a server that runs in each process: health at the root, the endpoints under the mount point, a 404 for
 * all else, and the access log. While it drains, it reports that it is not ready and asks clients to reconnect.
 */
export class Application {
  draining = false;
  /** Servers that were replaced and may still have requests or messages. */
  readonly replaced = new Set<AuthServer>();

  constructor(
    public auth: AuthServer,
    private readonly mount: string,
    private readonly log: Log,
    private readonly scheme: "https" | undefined,
  ) {}

  /** Closes the server and the servers that it replaced, once no message is on its way any more. */
  async close(): Promise<void> {
    await Promise.all([this.auth, ...this.replaced].map((auth) => auth.close()));
  }

  /** Makes another server answer from now on. The previous server has some time to finish its requests. */
  replace(auth: AuthServer, grace: number): void {
    const before = this.auth;
    this.auth = auth;
    this.replaced.add(before);
    const end = () => before.close().finally(() => this.replaced.delete(before));
    setTimeout(() => void end(), grace).unref();
  }

  /** Answers a request. */
  readonly answer = (req: IncomingMessage, res: ServerResponse): void => {
    const url = req.url ?? "/";
    const path = url.split("?", 1)[0]!;
    if (this.draining && req.httpVersionMajor === 1) res.setHeader("Connection", "close");
    const method = req.method ?? "GET";
    if (HEALTH.includes(path) && (method === "GET" || method === "HEAD")) {
      this.health(path)
        .then((response) => writeResponse(req, res, response))
        .catch((error: unknown) => this.giveUp(req, res, error));
      return;
    }
    const below = path === this.mount || path.startsWith(`${this.mount}/`) ? url.slice(this.mount.length) : undefined;
    if (this.log.writes("info")) this.note(req, res, below);
    // The mount point itself is no endpoint.
    const read = below?.startsWith("/")
      ? readRequest(req, this.facts(req, below))
      : Promise.reject({ statusCode: 404 });
    read
      .then((request) => this.auth.handle({ ...request, alone: true }))
      .catch((error: unknown) => this.auth.errorResponse(error))
      .then((response) => writeResponse(req, res, response))
      .catch((error: unknown) => this.giveUp(req, res, error));
  };

  /** Ends a request that can't be answered. The log says why, since its client sees a connection that ends. */
  private giveUp(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    const requestId = requestIdOf([], one(req.headers["x-request-id"]));
    this.log.error({ event: "http.failure", cause: String(error), requestId });
    res.destroy();
  }

  /** Answers a probe, which is not logged. The process lives as long as it answers. */
  private async health(path: string): Promise<ResponseData> {
    const known = path === "/health/live" ? { status: "ok" } : await this.auth.health();
    const body = this.draining && path === "/health/ready" ? { ...known, status: "draining" } : known;
    return {
      status: body.status === "ok" || body.status === "degraded" ? 200 : 503,
      headers: [
        ["Content-Type", "application/json; charset=utf-8"],
        ["Cache-Control", "no-store"],
      ],
      body: JSON.stringify(body),
    };
  }

  private facts(req: IncomingMessage, below: string): RequestFacts {
    return {
      url: below,
      fullUrl: req.url ?? "/",
      clientIp: this.addressOf(req),
      requestId: requestIdOf([], one(req.headers["x-request-id"])),
      scheme: this.scheme,
    };
  }

  private addressOf(req: IncomingMessage): string | undefined {
    return this.auth.clientAddress(req.socket.remoteAddress, one(req.headers["x-forwarded-for"]));
  }

  /**
   * Writes the line of the access log: the route in place of the path, which keeps ids and the query out of the log.
   */
  private note(req: IncomingMessage, res: ServerResponse, below: string | undefined): void {
    const began = performance.now();
    const ip = this.addressOf(req);
    res.once("finish", () =>
      this.log.info({
        event: "http.request",
        method: req.method,
        route: this.routeOf(req.method, below),
        status: res.statusCode,
        durationMs: Math.round(performance.now() - began),
        requestId: requestIdOf([], one(req.headers["x-request-id"])),
        traceId: traceIdOf(one(req.headers.traceparent)),
        ip,
      }),
    );
  }

  /** The pattern of the endpoint that a path leads to. */
  private routeOf(method: string | undefined, below: string | undefined): string | undefined {
    if (below === undefined) return undefined;
    const parts = (below.split("?", 1)[0]!.replace(/\/+$/, "") || "/").split("/");
    const verb = method === "HEAD" ? "GET" : method;
    const found = PATTERNS.find(
      (route) =>
        route.method === verb &&
        route.wanted.length === parts.length &&
        route.wanted.every((want, i) => want === parts[i] || (want.startsWith(":") && parts[i] !== "")),
    );
    return found && `${this.mount}${found.path}`;
  }
}
