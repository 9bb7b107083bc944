import type { Context, MiddlewareHandler } from "hono";
import { Execution, admittedOf, type Gate } from "./gate.js";
import { answerResponse, describeStream, keyedOf, unlessCutOff, watchResponse } from "./web.js";

/** The gate for Hono. */
export function honoGate(gate: Gate, addressOf: (c: Context) => string | undefined): MiddlewareHandler {
  return async (c, next) => {
    const value = c.req.header(gate.header);
    if (value === undefined) return next();
    const { pathname, search } = new URL(c.req.url);
    const body = await unlessCutOff(describeStream(c.req.raw, () => c.req.arrayBuffer()));
    if (body === undefined) return c.body(null, 400);
    const user = admittedOf({ user: c.get("user"), auth: c.get("auth") });
    const facts = { url: pathname + search, address: addressOf(c), body, user };
    const verdict = await gate.judge(c, keyedOf(c.req.raw, value, facts));
    if (verdict === undefined) return next();
    if (!(verdict instanceof Execution)) return answerResponse(verdict);
    try {
      await next();
    } catch (error) {
      await verdict.free();
      throw error;
    }
    if (c.error) return verdict.free();
    const { status, headers } = c.res;
    const watched = await watchResponse(c.res, verdict, (kept) => verdict.keep(status, [...headers], kept));
    // Otherwise Hono would merge the headers of both responses, which are the same.
    c.res = undefined;
    c.res = watched;
  };
}
