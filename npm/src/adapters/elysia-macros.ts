import { demand, type Check, type Checks, type CheckResult } from "./checks.js";
import type { StepUp } from "../assurance.js";
import { pinAfter, respond, whole, type Parts } from "./elysia-context.js";
import type { ElysiaPermit, SentriElysiaContext } from "./elysia-types.js";

/** The function by which a `resolve` hook of Elysia answers the request. */
export interface Answers {
  status: (code: number, response: Response) => never;
}

/** Runs `protect()` on a request. Returns the members that it sets, or ends the request by the check's own answer. */
export async function admit<Role extends string>(
  protect: Check<Parts, Parts>,
  parts: Parts,
  status: Answers["status"],
): Promise<SentriElysiaContext<Role>> {
  const response = await demand(protect(parts, parts));
  // Elysia drops the response beside a code without a body, such as 204. With 200 it uses the response's own status.
  if (response !== undefined) return status(200, respond(parts.set, response));
  return { user: parts.user, auth: parts.auth } as SentriElysiaContext<Role>;
}

/** Makes the options of single routes. Each runs `protect()` first, unless that has run. */
export function makeMacros(checks: Checks<Parts, Parts>) {
  const plain = checks.protect();
  const after = async (
    parts: Parts,
    status: Answers["status"],
    check: (parts: Parts) => CheckResult | Promise<CheckResult>,
  ) => {
    const answer = parts.auth ? undefined : await admit(plain, parts, status);
    if (!parts.auth) return answer;
    await demand(check(parts));
    return { user: parts.user, auth: parts.auth };
  };
  return {
    protect: (asked: boolean | StepUp) => {
      if (asked === false) return undefined;
      const protect = checks.protect(asked === true ? undefined : asked);
      return {
        resolve: async ({ request, set, store, status }: Parts & Answers) =>
          admit(protect, { request, set, store }, status),
        afterHandle: pinAfter,
      };
    },
    authorize: (roles: string | readonly string[]) => {
      const check = checks.authorize([roles]);
      return {
        resolve: async ({ request, set, store, user, auth, status }: Parts & Answers) =>
          after({ request, set, store, user, auth }, status, check),
        afterHandle: pinAfter,
      };
    },
    permit: (options: ElysiaPermit<string>) => {
      const check = checks.permit(options as never);
      return { resolve: async (ctx: Parts & Answers) => after(whole(ctx), ctx.status, check), afterHandle: pinAfter };
    },
  };
}
