import type { ProtectResult } from "../protect-host.js";

/** The findings and headers of `protect()` for a request that runs under an idempotency key. */
export interface Protection {
  /** The roles of the user whom each protectHost admitted: only it can give their roles later. */
  roles: Map<object, string[]>;
  /**
   * Whether it asked for a fresh or strong authentication: the answer is for no later request, which may bring none.
   */
  isStepUp: boolean;
  /** The headers that it added to the answer. */
  added: Array<[string, string]>;
}

/** By the request as its server knows it. */
const watched = new WeakMap<object, Protection>();
let isAnyWatched = false;

/** Makes `protect()` record its effects on a request; the same record for every gate before it. */
export function watchProtection(raw: object): Protection {
  isAnyWatched = true;
  const known = watched.get(raw);
  if (known) return known;
  const protection: Protection = { roles: new Map(), isStepUp: false, added: [] };
  watched.set(raw, protection);
  return protection;
}

/** Records the effects of `protect()` for a gate; without a gate it costs a look at a variable. */
export function noteProtection<Req>(
  protectHost: object,
  req: Req,
  rawOf: (req: Req) => object,
  { principal, headers: added }: ProtectResult,
  isStepUp: boolean,
): void {
  if (!isAnyWatched) return;
  const protection = watched.get(rawOf(req));
  if (protection === undefined) return;
  protection.isStepUp ||= isStepUp;
  if (principal !== undefined) protection.roles.set(protectHost, [...principal.roles]);
  for (const [name, value] of added) protection.added.push([name, value]);
}
