import type { ProtectResult } from "../protect-host.js";

/** The effects of `protect()` on a request that runs under an idempotency key. */
export interface Protection {
  /** The user's roles, by the protect host that admitted the user: only this host can give the roles again later. */
  roles: Map<object, string[]>;
  /**
   * Whether `protect()` required a fresh or strong authentication. If so, the answer is kept for no later request,
   * since that request may bring no such authentication.
   */
  isStepUp: boolean;
  /** The headers that `protect()` added to the answer. */
  added: Array<[string, string]>;
}

/** The records, by the request as its server knows it. */
const watched = new WeakMap<object, Protection>();
let isAnyWatched = false;

/** Makes `protect()` record its effects on a request. All gates before it share one record. */
export function watchProtection(raw: object): Protection {
  isAnyWatched = true;
  const known = watched.get(raw);
  if (known) return known;
  const protection: Protection = { roles: new Map(), isStepUp: false, added: [] };
  watched.set(raw, protection);
  return protection;
}

/** Records the effects of `protect()` for a gate. Without any gate, this only reads a variable. */
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
