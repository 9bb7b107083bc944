import type { Middleware } from "koa";
import { stream } from "../../builtins.js";
import type { HeaderPairs } from "../checks.js";
import type { KoaContext } from "../koa-context.js";
import { forwardedFor } from "../node.js";
import { Execution, admittedOf, bytesOf, pairsOf, recordOf, type Answer, type Gate, type Settling } from "./gate.js";
import { freeIfAborted, keyedOf } from "./node.js";

/** The gate for Koa; after the body parser, so that bodies can be distinguished. */
export function koaGate(gate: Gate): Middleware {
  return async (ctx, next) => {
    const value = ctx.req.headers[gate.header];
    if (value === undefined) return next();
    const { rawBody, body } = ctx.request as { rawBody?: unknown; body?: unknown };
    const address = gate.addressOf(ctx.ip, forwardedFor(ctx.req));
    const { originalUrl: url, hostname: host } = ctx;
    const facts = { url, address, host, body: rawBody ?? body, user: admittedOf(ctx.state) };
    const verdict = await gate.judge(ctx, keyedOf(ctx.req, value, facts));
    if (verdict === undefined) return next();
    if (!(verdict instanceof Execution)) return answer(ctx, verdict);
    freeIfAborted(ctx.req, verdict);
    try {
      await next();
      await keep(ctx, verdict);
    } catch (error) {
      await verdict.free();
      throw error;
    }
  };
}

function answer(ctx: KoaContext, { status, headers, body }: Answer): void {
  // The body comes first, because setting it changes the status and the content type.
  ctx.body = body.length > 0 ? Buffer.from(body) : null;
  ctx.status = status;
  ctx.set(recordOf(headers) as Record<string, string>);
}

/**
 * Keeps the answer that the handlers have left in the context. A stream that Koa pipes, or an answer that bypasses Koa,
 * frees the key when it has ended.
 */
function keep(ctx: KoaContext, execution: Execution): Settling {
  const body = ctx.respond === false ? undefined : pieceOf(ctx);
  if (body) return execution.keep(ctx.status, headersOf(ctx), body);
  stream.finished(ctx.res, () => void execution.free());
  return undefined;
}

/** The body as Koa will write it: its bytes, JSON, or the status in words. */
function pieceOf({ body, message, status }: KoaContext): Uint8Array | undefined {
  if (body === undefined) return Buffer.from(message || String(status));
  if (body === null || typeof body === "string" || Buffer.isBuffer(body)) return bytesOf(body);
  const isStream =
    typeof (body as { pipe?: unknown }).pipe === "function" ||
    [Blob, ReadableStream, Response].some((kind) => body instanceof kind);
  return isStream ? undefined : Buffer.from(JSON.stringify(body) ?? "");
}

function headersOf({ body, response }: KoaContext): HeaderPairs {
  const words: HeaderPairs = body === undefined ? [["content-type", "text/plain; charset=utf-8"]] : [];
  return [...pairsOf(response.headers), ...words];
}
