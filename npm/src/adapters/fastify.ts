import type { FastifyPluginAsync, FastifyReply, FastifyRequest, preHandlerHookHandler } from "fastify";
import type { ProtectHost } from "../protect-host.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, ErrorHandlerOptions, RateLimiterOptions, ServerOptions } from "../types.js";
import type { GuardApi, ServingApi, Uncounted, WriteItWithParentheses } from "./api.js";
import { assemble } from "./assemble.js";
import { makeAnswer, makeChecks, makeLimiter, proceed, type Check } from "./checks.js";
import { respond, surface } from "./fastify-context.js";
import { FastifyEndpoints, type FastifyErrorHandler } from "./fastify-endpoints.js";
import { fastifyGate } from "./idempotency/fastify.js";
import { Gate, type IdempotencyOptions } from "./idempotency/gate.js";
import { forwardedFor } from "./node.js";

export type { FastifyErrorHandler } from "./fastify-endpoints.js";

/**
 * The API of client mode for a Fastify application. `{ preHandler: auth.protect() }` sets `request.user` and
 * `request.auth`. The error handler is set by `app.setErrorHandler(auth.errorHandler())`.
 */
export interface ClientAuthClient<Role extends string = string>
  extends GuardApi<Role, FastifyRequest, preHandlerHookHandler, FastifyErrorHandler> {}

/** The API of server mode for a Fastify application. */
export interface ServerAuthClient<Role extends string = string>
  extends ClientAuthClient<Role>,
    ServingApi<Role, FastifyRequest, preHandlerHookHandler, FastifyPluginAsync> {
  /** The endpoints: `await app.register(auth.plugin(), { prefix: "/auth" })`. */
  plugin(...none: WriteItWithParentheses[]): FastifyPluginAsync<{ prefix?: string }>;
  /** The same as `plugin()`. */
  router(...none: WriteItWithParentheses[]): FastifyPluginAsync<{ prefix?: string }>;
}

const hook =
  (check: Check<FastifyRequest, FastifyReply>): preHandlerHookHandler =>
  (request, reply, done) => {
    const outcome = check(request, reply);
    if (outcome === undefined) done();
    else proceed(outcome, done, (response) => respond(reply, response));
  };

function guards<Role extends string>(protectHost: ProtectHost): Uncounted<ClientAuthClient<Role>> {
  const checks = makeChecks(protectHost, surface);
  return {
    protect: (asked) => hook(checks.protect(asked)),
    authorize: (...roles) => hook(checks.authorize(roles)),
    permit: (options) => hook(checks.permit(options)),
    errorHandler(options = {}) {
      const answer = makeAnswer<FastifyRequest, FastifyReply>(protectHost, surface, options, (request) => request.raw);
      return (error, request, reply) => respond(reply, answer(error, request, reply));
    },
  };
}

function serving(server: AuthServer) {
  const { errorHandler } = guards(server);
  const endpoints = new FastifyEndpoints(server, errorHandler());
  return {
    plugin: () => endpoints.plugin(),
    router: () => endpoints.plugin(),
    errorHandler: (options?: ErrorHandlerOptions<FastifyRequest>) => endpoints.errorHandler(errorHandler(options)),
    rateLimiter: (options: RateLimiterOptions<FastifyRequest>) =>
      hook(makeLimiter(server, surface, options, ({ ip, raw }) => [ip, forwardedFor(raw)])),
    idempotencyMiddleware: (options?: IdempotencyOptions<FastifyRequest>) => fastifyGate(new Gate(options, server)),
  };
}

/**
 * Makes an auth server or client for Fastify 4 and 5.
 *
 * @example
 * const auth = createAuthFastify({ mode: "server", db: "sqlite:./auth.db", validRoles: ["user", "admin"] });
 * await app.register(auth.plugin(), { prefix: "/auth" });
 * app.get("/me", { preHandler: auth.protect() }, (request) => request.user);
 */
export function createAuthFastify<Role extends string = string>(options: ServerOptions<Role>): ServerAuthClient<Role>;
export function createAuthFastify<Role extends string = string>(options: ClientOptions<Role>): ClientAuthClient<Role>;
export function createAuthFastify<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role>;
export function createAuthFastify<Role extends string = string>(
  options: ServerOptions<Role> | ClientOptions<Role>,
): ServerAuthClient<Role> | ClientAuthClient<Role> {
  return assemble<Role, ClientAuthClient<Role>, ReturnType<typeof serving>>(options, guards, serving);
}

/**
 * The idempotency middleware by itself, without an auth server: `await app.register(createIdempotencyMiddleware())`.
 */
export function createIdempotencyMiddleware(options?: IdempotencyOptions<FastifyRequest>): FastifyPluginAsync {
  return fastifyGate(new Gate(options));
}
