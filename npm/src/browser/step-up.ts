/** The authentication that a request requires: more recent or stronger than the present one (RFC 9470). */
export interface StepUpChallenge {
  /** The least level: `aal2` is a second factor beside the password. */
  acr?: "aal1" | "aal2";
  /** The greatest time since the user authenticated, in seconds. */
  maxAge?: number;
}

/** Asks the user; returns whether that led to an authentication, so that the request is worth repeating. */
export type OnStepUp = (challenge: StepUpChallenge) => boolean | Promise<boolean>;

/** Asks once for the step-up that several requests need at the same time. */
export class StepUps {
  private readonly asking = new Map<string, Promise<boolean>>();

  constructor(private readonly onStepUp: OnStepUp | undefined) {}

  /**
   * Has the user authenticate if `response` is a refusal that asks for it. Returns whether the user did; `false` for
   * every other response.
   */
  async answer(response: Response): Promise<boolean> {
    if (this.onStepUp === undefined || response.status !== 401) return false;
    const challenge = await challengeOf(response);
    if (challenge === undefined) return false;
    const key = JSON.stringify(challenge);
    const asked = this.asking.get(key) ?? this.ask(key, challenge);
    return asked;
  }

  private ask(key: string, challenge: StepUpChallenge): Promise<boolean> {
    const ask = async () => (await this.onStepUp!(challenge)) === true;
    const asked = ask().finally(() => this.asking.delete(key));
    this.asking.set(key, asked);
    return asked;
  }
}

async function challengeOf(response: Response): Promise<StepUpChallenge | undefined> {
  try {
    const { code, data } = (await response.clone().json()) as { code?: string; data?: StepUpChallenge };
    return code === "STEP_UP_REQUIRED" ? { ...data } : undefined;
  } catch {
    return undefined;
  }
}
