import { Generations } from "../cache.js";
import { Dispatcher, type LoggedEvent } from "../dispatch.js";
import { fromData, toData, type ErrorData, type SentriError } from "../errors.js";
import type { SentriEvent } from "../generated/events.js";
import type { GuardRequest, Guarded, Guardian, ResponseData, RoleCheck } from "../guardian.js";
import type { AuthUser } from "../types.js";
import { parseAccess, type AccessClaims } from "./claims.js";
import { readCredential } from "./credential.js";
import { errorOf, errorResponse, publicError } from "./envelope.js";
import { logEntry } from "./event.js";
import { ACCESS_TYPE, TokenError, readHeader, verify } from "./jws.js";
import { checkRequired, type ClientConfig } from "./options.js";
import { RemoteKeys } from "./remote.js";

/** Tokens that are remembered at most, twice. */
const REMEMBERED = 10_000;
/** How long `isTokenRevoked` may take. */
const REVOCATION_MS = 2_000;
const MODE = "client";

/** Client mode on WebCrypto, for runtimes without the native core. It decides as the core does. */
export class EdgeClient implements Guardian {
  private readonly keys: RemoteKeys;
  private readonly dispatcher: Dispatcher;
  private readonly guards = new Generations<Guarded>(REMEMBERED);

  constructor(private readonly config: ClientConfig) {
    this.keys = new RemoteKeys(config);
    this.dispatcher = new Dispatcher(config.logger);
  }

  get logging(): boolean {
    return this.dispatcher.logging;
  }

  guardNow(request: GuardRequest, requestId: string | undefined): Guarded | undefined {
    const credential = readCredential(request, this.config.cookieName);
    if ("error" in credential) return this.refused(credential.error, requestId);
    const known = this.guards.get(credential.token);
    if (known === undefined) return undefined;
    if (this.config.now() < known.freshUntil && known.epoch === this.keys.epoch) {
      this.dispatcher.logAgain(known.events, requestId);
      return known;
    }
    this.guards.delete(credential.token);
    return undefined;
  }

  async guard(request: GuardRequest, requestId: string | undefined): Promise<Guarded> {
    const credential = readCredential(request, this.config.cookieName);
    if ("error" in credential) return this.refused(credential.error, requestId);
    const { token } = credential;
    let claims: AccessClaims;
    try {
      claims = await this.verify(token);
    } catch (error) {
      return this.refused(error instanceof TokenError ? errorOf(error.code) : (error as ErrorData), requestId);
    }
    const { id, sessionId } = claims;
    if (sessionId !== undefined && this.config.isTokenRevoked) {
      const error = await this.revocation(sessionId, requestId);
      if (error) return this.answer({ error }, "auth.protect.token_revoked", { userId: id, mode: MODE }, requestId);
    }
    return this.passed(token, claims, requestId);
  }

  /** The claims of a good token; throws a `TokenError`, or `ErrorData` when no keys are to be had. */
  private async verify(token: string): Promise<AccessClaims> {
    const header = readHeader(token, ACCESS_TYPE);
    const keys = await this.keys.find(header);
    if (keys === undefined) throw { ...errorOf("SERVICE_UNAVAILABLE", "The keys of the auth server are not available"), retryAfter: 2 };
    const payload = await verify(token, header, keys);
    return parseAccess(payload, this.config.claims, this.config.now());
  }

  /** Why a session is refused: the host revoked it, or can't say within 2 s. */
  private async revocation(sessionId: string, requestId: string | undefined): Promise<ErrorData | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer within 2 s")), REVOCATION_MS);
    });
    try {
      const revoked = await Promise.race([(async () => this.config.isTokenRevoked?.(sessionId))(), late]);
      return revoked ? errorOf("UNAUTHORIZED", "Session has been revoked or does not exist") : undefined;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.dispatcher.log([this.entry("auth.hook.failure", { hook: "isTokenRevoked", cause }, requestId)]);
      return errorOf("UNAUTHORIZED", "Session could not be checked for revocation");
    } finally {
      clearTimeout(timer);
    }
  }

  private passed(token: string, { id, roles, sessionId, exp }: AccessClaims, requestId: string | undefined): Guarded {
    const endsAt = (exp + this.config.claims.leewaySeconds) * 1000;
    const freshUntil = this.config.isTokenRevoked ? 0 : Math.min(endsAt, this.keys.goodUntil);
    const principal = { id, roles, sessionId: sessionId ?? null, token, exp: exp * 1000 };
    const guarded = this.answer({ principal, freshUntil }, "auth.protect.success", { userId: id, mode: MODE }, requestId);
    if (freshUntil > 0) this.guards.set(token, guarded);
    return guarded;
  }

  private refused(error: ErrorData, requestId: string | undefined): Guarded {
    return this.answer({ error }, "auth.protect.failure", { errorCode: error.code, mode: MODE }, requestId);
  }

  private answer(found: Partial<Guarded>, event: SentriEvent, fields: Record<string, unknown>, requestId: string | undefined): Guarded {
    const events = this.logging ? [this.entry(event, fields, requestId)] : [];
    this.dispatcher.log(events);
    return { headers: [], freshUntil: 0, epoch: this.keys.epoch, ...found, events };
  }

  private entry(event: SentriEvent, fields: Record<string, unknown>, requestId: string | undefined): LoggedEvent {
    return logEntry(this.config.service, event, fields, requestId);
  }

  roleCheck(roles: readonly unknown[]): RoleCheck {
    const required = roles.map(String);
    checkRequired(required, this.config.validRoles);
    return (user, requestId) => {
      if (!user) return this.decide("UNAUTHORIZED", "auth.authorize.unauthenticated", { requiredRoles: required }, requestId);
      const fields = { userId: user.id, userRoles: user.roles, requiredRoles: required };
      return user.roles.some((role) => required.includes(role))
        ? this.decide(undefined, "auth.authorize.passed", fields, requestId)
        : this.decide("FORBIDDEN", "auth.authorize.denied", fields, requestId);
    };
  }

  permitVerdict(user: AuthUser | undefined, verdict: string, requestId: string | undefined): SentriError | undefined {
    if (!user || verdict === "unauthenticated") return this.decide("UNAUTHORIZED", "auth.permit.unauthenticated", {}, requestId);
    const fields = { userId: user.id };
    if (verdict === "passed") return this.decide(undefined, "auth.permit.passed", fields, requestId);
    if (verdict.startsWith("bypass:")) {
      return this.decide(undefined, "auth.permit.role_bypass", { ...fields, bypassedByRole: verdict.slice("bypass:".length) }, requestId);
    }
    return this.decide("FORBIDDEN", "auth.permit.denied", fields, requestId);
  }

  private decide(code: "UNAUTHORIZED" | "FORBIDDEN" | undefined, event: SentriEvent, fields: Record<string, unknown>, requestId: string | undefined): SentriError | undefined {
    if (this.logging) this.dispatcher.log([this.entry(event, fields, requestId)]);
    return code === undefined ? undefined : fromData(errorOf(code));
  }

  errorResponse(error: unknown): ResponseData {
    return errorResponse(publicError(toData(error)));
  }
}
