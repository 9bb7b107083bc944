import type { FastifyPluginAsync, FastifyReply, FastifyRequest, preHandlerHookHandler } from "fastify";
import type { Readable } from "node:stream";
import { SENTRI_ROUTES } from "../generated/routes.js";
import type { Guardian } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { GuardApi, ServingApi } from "./api.js";
import { assemble } from "./assemble.js";
import { answerTo, makeChecks, makeLimiter, proceed, type Check } from "./checks.js";
import { requestId, surface } from "./fastify-context.js";
import { fastifyGate } from "./idempotency/fastify.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { readRequest } from "./node.js";
import { below } from "./paths.js";

/** What `setErrorHandler` takes. */
export type FastifyErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

/**
 * What client mode offers a Fastify application: `{ preHandler: auth.protect() }` sets `request.user` and `request.auth`;
 * `app.setErrorHandler(auth.errorHandler())`.
 */
export interface ClientAuthClient<Role extends string = string> extends GuardApi<Role, FastifyRequest, preHandlerHookHandler, FastifyErrorHandler> {}

/** What server mode offers a Fastify application. */
export interface ServerAuthClient<Role extends string = string> extends ClientAuthClient<Role>, ServingApi<Role, FastifyRequest, preHandlerHookHandler, FastifyPluginAsync> {
  /** The endpoints: `await app.register(auth.plugin(), { prefix: "/auth" })`. */
  plugin(): FastifyPluginAsync<{ prefix?: string }>;
  /** The same as `plugin()`. */
  router(): FastifyPluginAsync<{ prefix?: string }>;
}

const hook = (check: Check<FastifyRequest, FastifyReply>): preHandlerHookHandler => (request, reply, done) => proceed(check(request, reply), done);

function guards<Role extends string>(guardian: Guardian): ClientAuthClient<Role> {
  const checks = makeChecks(guardian, surface);
  return {
    protect: () => hook(checks.protect),
    authorize: (...roles) => hook(checks.authorize(roles)),
    permit: (options) => hook(checks.permit(options)),
    errorHandler: (options = {}) => (error, request, reply) => {
      const { status, headers, body } = answerTo(guardian, error, request, options);
      surface.addHeaders(reply.status(status), headers);
      reply.send(body);
    },
  };
}

function serving(server: AuthServer) {
  const endpoints: FastifyPluginAsync = async (app) => {
    // One that the application sets after it has registered us would not be ours.
    app.setErrorHandler(guards(server).errorHandler());
    // The core reads bodies, an empty one with a JSON content type too; parsers of the application stay outside.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    for (const { method, path } of SENTRI_ROUTES) {
      app.route({
        method,
        url: path,
        async handler(request, reply) {
          const stream = (request.body ?? undefined) as Readable | undefined;
          const told = { method, url: below(request.raw.url ?? "/", path), clientIp: request.ip, requestId: requestId(request), stream };
          const { status, headers, body } = await server.handle(await readRequest(request.raw, told));
          surface.addHeaders(reply.status(status), headers);
          return reply.send(body);
        },
      });
    }
  };
  const plugin = (): FastifyPluginAsync<{ prefix?: string }> => {
    const outer: FastifyPluginAsync<{ prefix?: string }> = async (app, { prefix }) => {
      for (const name of ["user", "auth"]) {
        if (!app.hasRequestDecorator(name)) app.decorateRequest(name, undefined);
      }
      await app.register(endpoints, prefix === undefined ? {} : { prefix });
    };
    // Decorations are for the application that registers us; the endpoints have a scope of their own.
    return Object.assign(outer, { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "sentri" });
  };
  return {
    plugin,
    router: plugin,
    rateLimiter: (options: RateLimiterOptions<FastifyRequest>) => hook(makeLimiter(server, surface, options, (request) => request.ip)),
    idempotencyMiddleware: (options?: IdempotencyOptions) => fastifyGate(new Gate(options, server)),
  };
}

/** Auth for Fastify 5. */
export function createAuthFastify<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
export function createAuthFastify<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
export function createAuthFastify<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role> {
  return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
}

/** The idempotency middleware by itself, without an auth server: `await app.register(createIdempotencyMiddleware())`. */
export function createIdempotencyMiddleware(options?: IdempotencyOptions): FastifyPluginAsync {
  return fastifyGate(new Gate(options));
}
