import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { Readable } from "node:stream";
import type { AuthServer } from "../server.js";
import { requestId, surface } from "./fastify-context.js";
import { readRequest } from "./node.js";
import { readBody } from "./node-body.js";
import { below } from "./paths.js";

/** The function that `setErrorHandler` and `frameworkErrors` take. */
export type FastifyErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

/**
 * The codes with which Fastify ends a request before it routes it: the path can't be decoded, or a segment is longer
 * than `maxParamLength`.
 */
const UNROUTED = new Set<unknown>(["FST_ERR_BAD_URL", "FST_ERR_MAX_PARAM_LENGTH"]);

/** The endpoints as a plugin, and an error handler that knows where they are. */
export class FastifyEndpoints {
  private readonly prefixes = new Set<string>();
  private readonly tooLarge = new WeakSet<FastifyRequest>();

  constructor(
    private readonly server: AuthServer,
    private readonly onError: FastifyErrorHandler,
  ) {}

  plugin(): FastifyPluginAsync<{ prefix?: string }> {
    const outer: FastifyPluginAsync<{ prefix?: string }> = async (app, { prefix }) => {
      for (const name of ["user", "auth"]) {
        if (!app.hasRequestDecorator(name)) app.decorateRequest(name, undefined);
      }
      await app.register(this.routes, prefix === undefined ? {} : { prefix });
    };
    // Decorations are for the application that registers us; the endpoints have a scope of their own.
    return Object.assign(outer, {
      [Symbol.for("skip-override")]: true,
      [Symbol.for("fastify.display-name")]: "sentri",
    });
  }

  /**
   * Wraps `onError`. As `frameworkErrors` it serves requests to an endpoint that Fastify would not route; all other
   * errors go to `onError`.
   */
  errorHandler(onError: FastifyErrorHandler): FastifyErrorHandler {
    return (error, request, reply) => {
      const url = UNROUTED.has((error as { code?: unknown } | null)?.code) ? this.endpoint(request) : undefined;
      if (url === undefined) return onError(error, request, reply);
      this.answer(request, reply, request.method, url).catch((late: unknown) => onError(late, request, reply));
    };
  }

  private readonly routes: FastifyPluginAsync = async (app) => {
    this.prefixes.add(app.prefix);
    // Otherwise an error handler that the application sets after this registration would answer for the endpoints.
    app.setErrorHandler(this.onError);
    // The core reads bodies, an empty one with a JSON content type too; parsers of the application stay outside.
    app.removeAllContentTypeParsers();
    // The parser reads the bodies, not the handler, so that hooks in between, such as the idempotency gate, see bytes
    // and not a stream.
    app.addContentTypeParser("*", async (request: FastifyRequest, payload: Readable) => {
      const { raw = Buffer.alloc(0), tooLarge } = await readBody(payload);
      if (tooLarge) this.tooLarge.add(request);
      return raw;
    });
    for (const { method, path } of this.server.routes) {
      app.route({
        method,
        url: path,
        handler: (request, reply) => this.answer(request, reply, method, below(request.raw.url ?? "/", path)),
      });
    }
  };

  private async answer(request: FastifyRequest, reply: FastifyReply, method: string, url: string) {
    const body = request.body instanceof Uint8Array && request.body.length > 0 ? request.body : undefined;
    const { ip: clientIp, protocol: scheme, originalUrl: fullUrl } = request;
    const facts = {
      method,
      url,
      fullUrl,
      clientIp,
      requestId: requestId(request),
      scheme,
      body,
      tooLarge: this.tooLarge.has(request),
    };
    const response = await this.server.handle(await readRequest(request.raw, facts));
    surface.addHeaders(reply.status(response.status), response.headers);
    return reply.send(response.body);
  }

  /** Returns the path below the mount point, with its query, if an endpoint has this path. */
  private endpoint({ method, raw: { url = "/" } }: FastifyRequest): string | undefined {
    for (const prefix of this.prefixes) {
      const [path = ""] = url.slice(prefix.length).split("?", 1);
      if (url.startsWith(prefix) && this.server.native.hasRoute(method, path)) return url.slice(prefix.length);
    }
    return undefined;
  }
}
