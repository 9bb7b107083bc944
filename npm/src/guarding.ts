import { meets, type Requirement } from "./assurance.js";
import { Generations, TokenCache, markOf } from "./cache.js";
import type { HostFunctions } from "./callbacks.js";
import type { TestClock } from "./clock.js";
import type { Dispatcher } from "./dispatch.js";
import { EPOCH_AGE_MS, REMEMBERED_DECISIONS, REMEMBERED_TOKENS } from "./generated/constants.js";
import type { SentriEvent } from "./generated/events.js";
import type { NativeProtectHost, NativeModule } from "./generated/native.js";
import type { Decision } from "./generated/wire.js";
import { fromData, toData, unwrap, type SentriError } from "./errors.js";
import type { GuardRequest, ProtectResult, ProtectHost, ResponseData, RoleCheck, StepUpCheck } from "./protect-host.js";
import { describe } from "./options.js";
import type { AuthUser, Metric } from "./types.js";

/** A protect host over the native core. The classes of both modes extend it. */
export abstract class NativeGuard implements ProtectHost {
  protected readonly number: number;
  protected readonly now: () => number;
  private readonly guards = new TokenCache<ProtectResult>(REMEMBERED_TOKENS);
  /** The memory that holds the core's epoch, if this JavaScript engine can read it directly. */
  private readonly window: Uint32Array | undefined;
  private askedAt = 0;
  /** The numbers of requests and decisions that were answered from a cache here, so the core did not count them. */
  private remembered = 0;
  private authorized = 0;
  private denied = 0;

  /** `native` has accepted its options. `clock` is given in tests only. */
  constructor(
    protected readonly core: NativeModule,
    readonly native: NativeProtectHost,
    protected readonly functions: HostFunctions,
    readonly dispatcher: Dispatcher,
    clock: TestClock | undefined,
  ) {
    this.number = native.number();
    const window = core.epochWindow(this.number);
    this.window = window ? new Uint32Array(window) : undefined;
    this.now = clock ? () => clock.now() : Date.now;
    clock?.onChange((now) => native.setClock(now));
  }

  get logging(): boolean {
    return this.dispatcher.logging;
  }

  guardNow(request: GuardRequest, requestId: string | undefined): ProtectResult | undefined {
    const key = request.authorization;
    if (key !== undefined) {
      const mark = markOf(key);
      const known = this.guards.get(key, mark);
      // A request in the form of a preflight is answered as a preflight, with any credentials.
      if (known !== undefined && request.method !== "OPTIONS") {
        const now = this.now();
        if (now < known.freshUntil && now >= known.since! && known.epoch === this.epochAt(now)) {
          this.remembered++;
          if (this.dispatcher.logging) this.dispatcher.logAgain(known.events, requestId);
          return known;
        }
        this.guards.delete(mark);
      }
    }
    const text = this.native.guardNow(request, requestId);
    return text === null ? undefined : this.guarded(key, text);
  }

  /** The core's epoch: a result cached under another epoch is stale. */
  protected epochAt(now: number): number | undefined {
    if (this.window !== undefined && now >= this.askedAt && now < this.askedAt + EPOCH_AGE_MS) return this.window[0];
    this.askedAt = now;
    return this.core.epoch(this.number);
  }

  async guard(request: GuardRequest, requestId: string | undefined): Promise<ProtectResult> {
    const text = await this.functions.within((hostContext) => this.native.guard(request, requestId, hostContext));
    return this.guarded(request.authorization, text);
  }

  private guarded(key: string | undefined, text: string): ProtectResult {
    const guarded = JSON.parse(text) as ProtectResult;
    this.dispatcher.log(guarded.events);
    if (key !== undefined && guarded.principal && guarded.freshUntil > 0) {
      guarded.since = this.now();
      this.guards.set(key, markOf(key), guarded);
    }
    return guarded;
  }

  stepUpCheck(asked: unknown): StepUpCheck {
    const need = unwrap<Requirement>(this.native.requirement(describe(asked ?? 0)));
    return (principal, requestId) => {
      if (meets(need, principal, this.now())) return undefined;
      const decision = JSON.parse(this.native.stepUp(principal.id, JSON.stringify(need), requestId)) as Decision;
      this.dispatcher.log(decision.events);
      return fromData(decision.error!);
    };
  }

  roleCheck(roles: readonly unknown[]): RoleCheck {
    const required = roles.map(String);
    unwrap(this.native.checkRoles(required));
    const decisions = new Generations<Decision>(REMEMBERED_DECISIONS);
    return (user, requestId, withheld) => {
      // Roles of another issuer may hold any character, so joined roles could be ambiguous.
      const key = user ? JSON.stringify(user.roles) : "";
      // With a logger the event of a decision names the user, so decisions are cached only without a logger. Withheld
      // roles have an event of their own.
      const isMemorable = user !== undefined && withheld === undefined && !this.dispatcher.logging;
      let decision = isMemorable ? decisions.get(key) : undefined;
      if (decision === undefined) {
        decision = JSON.parse(this.native.authorize(user?.id, user?.roles, withheld, required, requestId)) as Decision;
        if (isMemorable) decisions.set(key, decision);
      } else if (decision.error) this.denied++;
      else this.authorized++;
      this.dispatcher.log(decision.events);
      return decision.error ? fromData(decision.error) : undefined;
    };
  }

  permitVerdict(user: AuthUser | undefined, verdict: string, requestId: string | undefined): SentriError | undefined {
    const decision = JSON.parse(this.native.permit(user?.id, user?.roles, verdict, requestId)) as Decision;
    this.dispatcher.log(decision.events);
    return decision.error ? fromData(decision.error) : undefined;
  }

  private counted(format: "json" | "prometheus"): string {
    const remembered = {
      "auth.protect.success": this.remembered,
      "auth.authorize.passed": this.authorized,
      "auth.authorize.denied": this.denied,
    } satisfies Partial<Record<SentriEvent, number>>;
    return this.native.metrics(JSON.stringify(remembered), format);
  }

  metrics(): Metric[] {
    return JSON.parse(this.counted("json")) as Metric[];
  }

  metricsText(): string {
    return this.counted("prometheus");
  }

  errorResponse(error: unknown): ResponseData {
    return JSON.parse(this.native.errorResponse(JSON.stringify(toData(error)))) as ResponseData;
  }
}
