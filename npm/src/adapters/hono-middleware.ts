import type { MiddlewareHandler } from "hono";
import { demand, type Check, type CheckResult } from "./checks.js";
import { added, addLate, respond, type Ctx } from "./hono-context.js";

/** Makes middleware of a check. If the check passes at once, the middleware continues without a promise of its own. */
export const middleware =
  (check: Check<Ctx>): MiddlewareHandler<any> =>
  (c, next) => {
    const outcome = check(c, c);
    return outcome === undefined ? next() : follow(c, outcome, next);
  };

async function follow(
  c: Ctx,
  outcome: CheckResult | Promise<CheckResult>,
  next: () => Promise<void>,
): Promise<Response | void> {
  const response = await demand(outcome);
  if (response !== undefined) return respond(c, response);
  await next();
  addLate(c, added.get(c) ?? []);
}
