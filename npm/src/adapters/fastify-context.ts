import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { requestIdOf } from "../context.js";
import type { ResponseData } from "../protect-host.js";
import type { AuthInfo, AuthUser } from "../types.js";
import type { HeaderPairs, Surface } from "./checks.js";
import { NodeGuardRequest, one } from "./node.js";
import { pinHeaders } from "./pinned.js";

/** The members of requests behind `protect()`. Where @fastify/jwt declares `user` too, its type is kept. */
export interface SentriFastifyRequest {
  user?: FastifyInstance extends { jwt: unknown } ? any : AuthUser | undefined;
  auth?: AuthInfo | undefined;
}

declare module "fastify" {
  interface FastifyRequest extends SentriFastifyRequest {}
}

/** The id of a request. */
export const requestId = (request: FastifyRequest) => requestIdOf([request.id], one(request.headers["x-request-id"]));

/** The places where Fastify keeps things. */
export const surface: Surface<FastifyRequest, FastifyReply> = {
  guardRequest: (request) => new NodeGuardRequest(request.raw, request),
  raw: (request) => request.raw,
  requestId,
  user: (request) => (request.auth ? (request.user as AuthUser | undefined) : undefined),
  auth: (request) => request.auth,
  admit(request, user, auth) {
    request.user = user;
    request.auth = auth;
  },
  // Fastify itself adds a cookie to those that are there.
  addHeaders: (reply, headers) => void reply.headers(Object.fromEntries(joined(headers))),
  pinHeaders(reply, headers) {
    surface.addHeaders(reply, headers);
    pinHeaders(reply.raw, headers);
  },
  hasHeader: (reply, name) => reply.hasHeader(name),
};

function joined(headers: HeaderPairs): Array<[string, string | string[]]> {
  const cookies = headers.filter(([name]) => name === "Set-Cookie").map(([, value]) => value);
  const others = headers
    .filter(([name]) => name !== "Set-Cookie")
    .map(([name, value]): [string, string] => [name, value]);
  return cookies.length > 0 ? [...others, ["Set-Cookie", cookies]] : others;
}

/** Answers with a response of the core. */
export function respond(reply: FastifyReply, { status, headers, body }: ResponseData): void {
  surface.addHeaders(reply.status(status), headers);
  reply.send(status === 204 ? undefined : body);
}
