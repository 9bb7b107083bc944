import type { DefaultContext, DefaultState, ParameterizedContext } from "koa";
import { requestIdOf } from "../context.js";
import type { ResponseData } from "../protect-host.js";
import type { Surface } from "./checks.js";
import { isOfCutOff } from "./cut-off.js";
import { NodeGuardRequest, one } from "./node.js";
import { addPinned } from "./pinned.js";

/** A Koa context. */
export type KoaContext = ParameterizedContext<DefaultState, DefaultContext>;

/** The id of a request. */
export const requestId = (ctx: KoaContext) => requestIdOf([ctx.state.requestId], one(ctx.req.headers["x-request-id"]));

/** The places where Koa keeps things. */
export const surface: Surface<KoaContext> = {
  guardRequest: (ctx) => new NodeGuardRequest(ctx.req, ctx),
  raw: (ctx) => ctx.req,
  requestId,
  user: (ctx) => (ctx.state.auth ? ctx.state.user : undefined),
  auth: (ctx) => ctx.state.auth,
  admit(ctx, user, auth) {
    ctx.state.user = user;
    ctx.state.auth = auth;
  },
  addHeaders(ctx, headers) {
    for (const [name, value] of headers) {
      if (name === "Set-Cookie") ctx.append(name, value);
      else ctx.set(name, value);
    }
  },
  pinHeaders: (ctx, headers) => addPinned(ctx.res, headers),
  hasHeader: (ctx, name) => ctx.res.hasHeader(name),
};

/** Keeps Koa from printing an error for each client that disconnects before its body has ended. */
export function hushCutOffs(ctx: KoaContext): void {
  ctx.onerror = hushed;
}

function hushed(this: KoaContext, error: Error): void {
  if (isOfCutOff(error, this.req)) return;
  (Object.getPrototypeOf(this) as KoaContext).onerror.call(this, error);
}

/** Answers with a response of the core. */
export function respond(ctx: KoaContext, { status, headers, body }: ResponseData): void {
  ctx.status = status;
  surface.addHeaders(ctx, headers);
  ctx.body = status === 204 ? null : body;
}
