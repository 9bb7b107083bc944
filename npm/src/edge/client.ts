import { meets } from "../assurance.js";
import { Generations } from "../cache.js";
import { Dispatcher, type LoggedEvent } from "../dispatch.js";
import { fromData, toData, type ErrorData, type SentriError } from "../errors.js";
import type { SentriEvent } from "../generated/events.js";
import type {
  GuardRequest,
  ProtectResult,
  ProtectHost,
  ResponseData,
  RoleCheck,
  StepUpCheck,
} from "../protect-host.js";
import type { AuthUser } from "../types.js";
import { readRequirement } from "./assurance.js";
import { parseAccess, type AccessClaims } from "./claims.js";
import { conflict, readCredential } from "./credential.js";
import { errorOf, errorResponse, publicError } from "./envelope.js";
import { logEntry } from "./event.js";
import { TokenError, type Reason } from "./jws.js";
import { checkRequired, type ClientConfig } from "./options.js";
import { preflightAnswer } from "./preflight.js";
import { RemoteKeys, Unavailable, type VerifiedToken } from "./remote.js";

/** The number of tokens in each of two generations of the cache. It is small, since an isolate has little memory. */
const REMEMBERED = 2_000;
/** The time within which `isTokenRevoked` must answer, in milliseconds. */
const REVOCATION_MS = 2_000;
const MODE = "client";
/** The authentication that puts withheld roles into effect. */
const SECOND_FACTOR = { acr: "aal2" };

/** Client mode on WebCrypto, for runtimes without the native core. It decides as the core does. */
export class EdgeClient implements ProtectHost {
  private readonly keys: RemoteKeys;
  private readonly dispatcher: Dispatcher;
  private readonly guards = new Generations<ProtectResult>(REMEMBERED);

  constructor(private readonly config: ClientConfig) {
    this.keys = new RemoteKeys(config);
    this.dispatcher = new Dispatcher(config.logger);
  }

  get logging(): boolean {
    return this.dispatcher.logging;
  }

  guardNow(request: GuardRequest, requestId: string | undefined): ProtectResult | undefined {
    const answer = preflightAnswer(request, this.config.trustedOrigins);
    if (answer !== undefined) {
      const error = errorOf("UNAUTHORIZED", "Access token is missing");
      return { answer, error, headers: [], events: [], freshUntil: 0, epoch: this.keys.epoch };
    }
    const credential = readCredential(request, this.config);
    if ("error" in credential) return this.refused(credential.error, requestId);
    const [token, ...others] = credential.tokens as [string, ...string[]];
    const known = others.length > 0 ? undefined : this.guards.get(token);
    if (known === undefined) return undefined;
    const now = this.config.now();
    if (now < known.freshUntil && now >= known.since! && known.epoch === this.keys.epoch) {
      this.dispatcher.logAgain(known.events, requestId);
      return known;
    }
    this.guards.delete(token);
    return undefined;
  }

  async guard(request: GuardRequest, requestId: string | undefined): Promise<ProtectResult> {
    const credential = readCredential(request, this.config);
    if ("error" in credential) return this.refused(credential.error, requestId);
    const good: Good[] = [];
    let bad: Refusal | undefined;
    for (const token of credential.tokens) {
      const verified = await this.verify(token);
      if ("claims" in verified) good.push(verified);
      else if (weightOf(bad) < weightOf(verified)) bad = verified;
    }
    if (bad && good.length === 0) return this.refused(bad.error, requestId, bad.reason);
    if (new Set(good.map(({ claims }) => claims.id)).size > 1)
      return this.refused(conflict(this.config.cookieName), requestId);
    // Of several tokens of one user the youngest comes first.
    good.sort((one, other) => other.claims.iat - one.claims.iat);
    let first: (() => ProtectResult) | undefined;
    for (const { token, claims, verified } of good) {
      const refuse = await this.revoked(claims, requestId);
      if (refuse === undefined) return this.passed(token, claims, verified, requestId);
      first ??= refuse;
    }
    return first!();
  }

  /** Verifies a token by the keys of the auth server. */
  private async verify(token: string): Promise<Good | Refusal> {
    try {
      const verified = await this.keys.verify(token);
      return { token, verified, claims: parseAccess(verified.payload, this.config.claims, this.config.now()) };
    } catch (error) {
      if (error instanceof TokenError) return { error: errorOf(error.code), reason: error.reason };
      if (error instanceof Unavailable) return { error: error.data };
      throw error;
    }
  }

  /** Returns the refusal of a session that the host has revoked, or for which it has not answered within 2 s. */
  private async revoked(
    { id, sessionId }: AccessClaims,
    requestId: string | undefined,
  ): Promise<(() => ProtectResult) | undefined> {
    const { isTokenRevoked } = this.config;
    if (isTokenRevoked === undefined || sessionId === undefined) return undefined;
    const refuse =
      (message: string, ...causes: LoggedEvent[]) =>
      () => {
        const event = this.entry("auth.protect.token_revoked", { userId: id, mode: MODE }, requestId);
        return this.answer({ error: errorOf("UNAUTHORIZED", message) }, [event, ...causes], requestId);
      };
    try {
      const isRevoked = await inTime(async () => isTokenRevoked(sessionId));
      return isRevoked ? refuse("Session has been revoked or does not exist") : undefined;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      return refuse(
        "Session could not be checked for revocation",
        this.entry("auth.hook.failure", { hook: "isTokenRevoked", cause }, requestId),
      );
    }
  }

  private passed(
    token: string,
    { id, roles, withheld, sessionId, exp, assurance }: AccessClaims,
    verified: VerifiedToken,
    requestId: string | undefined,
  ): ProtectResult {
    const endsAt = (exp + this.config.claims.leewaySeconds) * 1000;
    const freshUntil =
      this.config.isTokenRevoked && sessionId !== undefined ? 0 : Math.min(endsAt, verified.freshUntil);
    const waiting = withheld === undefined ? {} : { withheld };
    const principal = { id, roles, ...waiting, sessionId: sessionId ?? null, token, exp: exp * 1000, ...assurance };
    const guarded = this.answer(
      { principal, freshUntil, epoch: verified.epoch },
      [this.entry("auth.protect.success", { userId: id, mode: MODE }, requestId)],
      requestId,
    );
    if (freshUntil > 0) this.guards.set(token, { ...guarded, since: this.config.now() });
    return guarded;
  }

  private refused(error: ErrorData, requestId: string | undefined, reason?: Reason): ProtectResult {
    const fields = { errorCode: error.code, mode: MODE, ...(reason === undefined ? {} : { reason }) };
    return this.answer({ error }, [this.entry("auth.protect.failure", fields, requestId)], requestId);
  }

  private answer(found: Partial<ProtectResult>, logged: LoggedEvent[], requestId: string | undefined): ProtectResult {
    const events = this.logging ? logged : [];
    this.dispatcher.log(events);
    this.logTrouble(requestId);
    return { headers: [], freshUntil: 0, epoch: this.keys.epoch, ...found, events };
  }

  /** Logs trouble with the auth server, once, with the next request. */
  private logTrouble(requestId: string | undefined): void {
    const cause = this.logging ? this.keys.takeTrouble() : undefined;
    if (cause !== undefined)
      this.dispatcher.log([this.entry("auth.hook.failure", { hook: "keyUri", cause }, requestId)]);
  }

  private entry(event: SentriEvent, fields: Record<string, unknown>, requestId: string | undefined): LoggedEvent {
    return logEntry(this.config.service, event, fields, requestId);
  }

  metrics(): never {
    throw fromData(errorOf("CONFIGURATION_ERROR", "metrics() needs the native core: call it on Node, Bun or Deno"));
  }

  metricsText(): never {
    return this.metrics();
  }

  stepUpCheck(asked: unknown): StepUpCheck {
    const need = readRequirement(asked, this.config.claims.leewaySeconds);
    return (principal, requestId) => {
      if (meets(need, principal, this.config.now())) return undefined;
      const { leeway: _, ...details } = need;
      return this.stepUp(principal.id, details, requestId);
    };
  }

  /** Refuses a user whose authentication does not meet `details`. */
  private stepUp(
    userId: string,
    details: { acr?: string; maxAge?: number },
    requestId: string | undefined,
  ): SentriError {
    const event = this.entry("auth.step_up.required", { userId, mode: MODE, ...details }, requestId);
    if (this.logging) this.dispatcher.log([event]);
    return fromData({ ...errorOf("STEP_UP_REQUIRED"), details });
  }

  roleCheck(roles: readonly unknown[]): RoleCheck {
    const required = roles.map(String);
    checkRequired(required, this.config.validRoles);
    const isEnough = (role: string) => required.includes(role);
    return (user, requestId, withheld) => {
      if (!user)
        return this.alone("authorize()", "auth.authorize.unauthenticated", { requiredRoles: required }, requestId);
      const fields = { userId: user.id, userRoles: user.roles, requiredRoles: required };
      if (user.roles.some(isEnough)) return this.decide(undefined, "auth.authorize.passed", fields, requestId);
      return withheld?.some(isEnough)
        ? this.stepUp(user.id, SECOND_FACTOR, requestId)
        : this.decide("FORBIDDEN", "auth.authorize.denied", fields, requestId);
    };
  }

  permitVerdict(user: AuthUser | undefined, verdict: string, requestId: string | undefined): SentriError | undefined {
    if (!user || verdict === "unauthenticated")
      return this.alone("permit()", "auth.permit.unauthenticated", {}, requestId);
    const fields = { userId: user.id };
    if (verdict === "passed") return this.decide(undefined, "auth.permit.passed", fields, requestId);
    if (verdict === "withheld") return this.stepUp(user.id, SECOND_FACTOR, requestId);
    if (verdict.startsWith("bypass:")) {
      return this.decide(
        undefined,
        "auth.permit.role_bypass",
        { ...fields, bypassedByRole: verdict.slice("bypass:".length) },
        requestId,
      );
    }
    return this.decide("FORBIDDEN", "auth.permit.denied", fields, requestId);
  }

  /**
   * Refuses a request on a route without `protect()`. In production the answer does not reveal how the application is
   * built.
   */
  private alone(
    check: string,
    event: SentriEvent,
    fields: Record<string, unknown>,
    requestId: string | undefined,
  ): SentriError {
    const cause = `${check} found no user: put protect() in front of it`;
    if (this.logging) this.dispatcher.log([this.entry(event, { ...fields, cause }, requestId)]);
    return fromData(errorOf("UNAUTHORIZED", this.config.production ? undefined : cause));
  }

  private decide(
    code: "FORBIDDEN" | undefined,
    event: SentriEvent,
    fields: Record<string, unknown>,
    requestId: string | undefined,
  ): SentriError | undefined {
    if (this.logging) this.dispatcher.log([this.entry(event, fields, requestId)]);
    return code === undefined ? undefined : fromData(errorOf(code));
  }

  errorResponse(error: unknown): ResponseData {
    return errorResponse(publicError(toData(error)));
  }
}

/** A token that verifies. */
interface Good {
  readonly token: string;
  readonly claims: AccessClaims;
  readonly verified: VerifiedToken;
}

/** The refusal of a token that does not verify. */
interface Refusal {
  readonly error: ErrorData;
  readonly reason?: Reason;
}

/** Ranks refusals, to choose the error for several refused tokens: an outage first, then an expiry, then the rest. */
function weightOf(refusal: Refusal | undefined): number {
  if (refusal === undefined) return 0;
  if (refusal.error.statusCode >= 500) return 3;
  return refusal.error.code === "TOKEN_EXPIRED" ? 2 : 1;
}

/** Returns the host's answer. Fails after 2 s. */
async function inTime<T>(ask: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer within 2 s")), REVOCATION_MS);
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    clearTimeout(timer);
  }
}
