import { SentriError } from "../errors.js";
import type { AuthFetch, SignedIn } from "./api.js";
import { checkOptions, type AuthFetchOptions } from "./options.js";
import { StepUps } from "./step-up.js";
import { Tabs, type News } from "./tabs.js";
import { lifetimeOf, userOf, type SignedInUser } from "./token.js";

type Fetch = typeof globalThis.fetch;
type Input = Parameters<Fetch>[0];
type Init = NonNullable<Parameters<Fetch>[1]>;

/** The time limit of requests that other tabs wait for, and of a logout, which the user waits for. */
const PATIENCE_MS = 15_000;

interface Envelope {
  code?: string;
  message?: string;
  statusCode?: number;
  data?: unknown;
}

/**
 * A `fetch` that keeps users signed in. The access token stays in memory, where other scripts' storage access can't
 * reach it. When it has expired, one tab refreshes for all of them (Web Locks), notifies the others (BroadcastChannel),
 * and the request is repeated once, unless its body is a consumed stream.
 *
 * @example
 * const authFetch = createAuthFetch({ onSignedOut: () => location.assign("/login") });
 * await authFetch.login({ identifier: "rizz", password });
 * const orders = await authFetch("/api/orders").then((response) => response.json());
 */
export function createAuthFetch<Role extends string = string>(options: AuthFetchOptions = {}): AuthFetch<Role> {
  checkOptions(options);
  const session = new Session(options);
  const authFetch = (input: Input, init?: Init) => session.fetch(input, init);
  const methods = {
    register: (registration: object) => session.post("register", {}, registration),
    login: (credentials: object) => session.signIn<Role>("login", credentials),
    loginCode: (identifier: string) => session.post("login/code", {}, { identifier }),
    loginWithCode: (answer: object) => session.signIn<Role>("login/code/verify", answer),
    loginMfa: (answer: object) => session.signIn<Role>("login/mfa", answer),
    reauthenticate: (credentials: object) => session.reauthenticate<Role>(credentials),
    logout: () => session.logout(),
    refresh: () => session.refresh(),
    onChange: (listener: Listener) => session.onChange(listener),
    close: () => session.close(),
  };
  const state = { accessToken: { get: () => session.accessToken }, user: { get: () => session.user } };
  return Object.defineProperties(Object.assign(authFetch, methods), state) as unknown as AuthFetch<Role>;
}

type Listener = (user: SignedInUser | undefined) => void;

class Session {
  accessToken: string | undefined;
  user: SignedInUser | undefined;
  /** Changes with every refresh: a request that was refused under an older mark is repeated without another refresh. */
  private mark = "";
  private signedOut = false;
  /** Whether there was a session here that can end: without a session `onSignedOut` is not called. */
  private wasSignedIn = false;
  private readonly listeners = new Set<Listener>();
  /** Grows with every login and logout, in any tab: a request begun under another number belongs to another session. */
  private era = 0;
  private expiresAt = Number.POSITIVE_INFINITY;
  private refreshing: Promise<boolean> | undefined;
  private readonly tabs: Tabs;
  private readonly baseUrl: string;
  private readonly inMemory: boolean;
  private readonly stepUps: StepUps;

  constructor(private readonly options: AuthFetchOptions) {
    this.baseUrl = `${(options.baseUrl ?? "/auth").replace(/\/+$/, "")}/`;
    this.stepUps = new StepUps(options.onStepUp);
    this.inMemory = options.token !== "cookie";
    this.tabs = new Tabs(`sentri ${this.baseUrl}`, (news) => this.tell(this.adopt(news)));
    if (options.accessToken !== undefined) this.adopt({ mark: options.accessToken, token: options.accessToken });
  }

  async fetch(input: Input, init: Init = {}): Promise<Response> {
    if (!this.isOurs(input)) return this.send(input, init);
    const { era } = this;
    if (Date.now() >= this.expiresAt) await this.refresh();
    // Sent now, the request would be made as the user who signed in meanwhile.
    if (this.era !== era && !this.signedOut)
      throw new SentriError("UNAUTHORIZED", "Another user has signed in since this request began", 401);
    const response = await this.sendFresh(input, init, era);
    // A refresh does not answer a step-up, since it makes no authentication fresh.
    const isRepeatable = () => !this.isOver(era) && isReplayable(input, init);
    if (!isRepeatable() || !(await this.stepUps.answer(response)) || !isRepeatable()) return response;
    await response.body?.cancel();
    return this.sendSigned(input, init, era);
  }

  /** Sends a request, and again with a new token if the old token has expired. */
  private async sendFresh(input: Input, init: Init, era: number): Promise<Response> {
    const { mark, accessToken } = this;
    const response = await this.sendSigned(input, init, era);
    if (response.status !== 401 || this.isOver(era) || !isReplayable(input, init)) return response;
    const code = await codeOf(response);
    // A tab that has just been opened has no token yet; the session may be there all the same.
    const isNew = this.inMemory && accessToken === undefined && code === "UNAUTHORIZED";
    if (!isNew && code !== "TOKEN_EXPIRED") return response;
    // A token that has expired, even one in a cookie, is that of a session.
    this.wasSignedIn ||= !isNew;
    // Another request or tab may have refreshed while this one was on its way.
    if (this.mark === mark && !(await this.refresh())) return response;
    if (this.isOver(era)) return response;
    await response.body?.cancel();
    return this.sendSigned(input, init, era);
  }

  async signIn<Role extends string>(endpoint: string, credentials: object): Promise<SignedIn<Role>> {
    await this.settled();
    const data = (await this.post(endpoint, {}, credentials)) as SignedIn<Role>;
    this.share({ mark: crypto.randomUUID(), token: data.accessToken, user: data.user, signedIn: true });
    return data;
  }

  async reauthenticate<Role extends string>(credentials: object): Promise<SignedIn<Role>> {
    if (Date.now() >= this.expiresAt) await this.refresh();
    const { era } = this;
    let answered: Promise<SignedIn<Role>> | undefined;
    let isDone = false;
    // No tab may send the present refresh token meanwhile. A refresh of this tab may wait for the end of the task.
    const ask = async () => {
      const headers = this.accessToken === undefined ? undefined : { authorization: `Bearer ${this.accessToken}` };
      answered = this.post("me/reauthenticate", { headers }, credentials) as Promise<SignedIn<Role>>;
      const { accessToken: token, user } = await answered;
      isDone = true;
      if (!this.isOver(era)) this.share({ mark: crypto.randomUUID(), token, user });
    };
    // A late answer counts too: it brings the new refresh token, and the old one is invalid already.
    await this.tabs.exclusively(ask, () => isDone, PATIENCE_MS);
    return answered!;
  }

  async logout(): Promise<void> {
    const hasEnded = this.share({ mark: crypto.randomUUID(), signedOut: true, ended: true });
    try {
      await this.settled();
      // The request must outlive a page that is left (`keepalive`), or the session would live on.
      await this.post("logout", { keepalive: true, signal: AbortSignal.timeout(PATIENCE_MS) });
    } finally {
      // The callback may leave the page.
      this.tell(hasEnded && this.signedOut);
    }
  }

  /** Waits for a running refresh. If it were answered after a login, its cookie would replace the login's. */
  private async settled(): Promise<void> {
    await this.refreshing?.catch(() => false);
  }

  refresh(): Promise<boolean> {
    this.refreshing ??= this.refreshOnce().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  close(): void {
    this.tabs.close();
  }

  private async refreshOnce(): Promise<boolean> {
    const before = this.mark;
    const hasNews = () => this.mark !== before;
    await this.tabs.exclusively(async () => {
      const news = await this.askForToken();
      // A login or logout meanwhile takes precedence.
      if (news && !hasNews()) this.tell(this.share(news));
    }, hasNews);
    return !this.signedOut && hasNews();
  }

  /** Asks for a new token. Returns news of it or of the session's end; `undefined` at an outage, which ends nothing. */
  private async askForToken(): Promise<News | undefined> {
    const mark = crypto.randomUUID();
    try {
      const { accessToken, user } = (await this.post("refresh", {
        signal: AbortSignal.timeout(PATIENCE_MS),
      })) as SignedIn;
      return { mark, token: accessToken, user };
    } catch (error) {
      return error instanceof SentriError && error.statusCode === 401
        ? { mark, signedOut: true, ended: this.wasSignedIn }
        : undefined;
    }
  }

  /** Takes news over and passes them on to the other tabs; returns whether the session ends by them. */
  private share(news: News): boolean {
    const hasEnded = this.adopt(news);
    this.tabs.tell(this.inMemory ? news : { ...news, token: undefined });
    return hasEnded;
  }

  /** Takes news over; returns whether a session ends by it. */
  private adopt({ mark, token, user, signedIn = false, signedOut = false, ended = false }: News): boolean {
    const hasEnded = signedOut && !this.signedOut && (ended || this.wasSignedIn);
    if (signedIn || signedOut) this.era += 1;
    this.mark = mark;
    this.signedOut = signedOut;
    this.wasSignedIn = !signedOut;
    this.accessToken = this.inMemory ? token : undefined;
    this.expiresAt =
      this.accessToken === undefined ? Number.POSITIVE_INFINITY : Date.now() + lifetimeOf(this.accessToken);
    const known = user ?? (token === undefined ? undefined : userOf(token));
    // News from a tab with `token: "cookie"` may lack the user, who is then the same as before.
    this.setUser(signedOut || signedIn ? known : (known ?? this.user));
    return hasEnded;
  }

  private setUser(user: SignedInUser | undefined): void {
    if (JSON.stringify([user?.id, user?.roles]) === JSON.stringify([this.user?.id, this.user?.roles])) return;
    this.user = user && { id: user.id, roles: [...user.roles] };
    for (const listener of [...this.listeners]) {
      try {
        listener(this.user);
      } catch (error) {
        // A view that fails must not undo a login.
        console.error(error);
      }
    }
  }

  onChange(listener: Listener): () => void {
    // A function that is added twice is two listeners.
    const own: Listener = (user) => listener(user);
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  private tell(hasEnded: boolean): void {
    if (hasEnded) this.options.onSignedOut?.();
  }

  /** Whether the session of an era has ended. */
  private isOver(era: number): boolean {
    return this.signedOut || this.era !== era;
  }

  /** Returns whether the token may be sent to an address and accepted from it. */
  private isOurs(input: Input): boolean {
    const { origin } = absolute(input instanceof Request ? input.url : input);
    return [globalThis.location?.origin, absolute(this.baseUrl).origin, ...(this.options.origins ?? [])].includes(
      origin,
    );
  }

  private async sendSigned(input: Input, init: Init, era: number): Promise<Response> {
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    if (this.accessToken !== undefined && !headers.has("authorization"))
      headers.set("authorization", `Bearer ${this.accessToken}`);
    const credentials = input instanceof Request ? input.credentials : "include";
    const response = await this.send(input, { credentials, ...init, headers });
    const token = response.headers.get("x-access-token");
    // Redirects may have led to another origin, and a late answer may belong to a user who has signed out. A response
    // that a script made has no URL.
    const isToBeHad = token !== null && this.inMemory && !this.isOver(era) && this.isOurs(response.url || input);
    if (isToBeHad) this.share({ mark: crypto.randomUUID(), token });
    return response;
  }

  private send(input: Input, init: Init): Promise<Response> {
    return (this.options.fetch ?? globalThis.fetch)(input, init);
  }

  async post(endpoint: string, init: Init, body?: object): Promise<unknown> {
    const response = await this.send(absolute(`${this.baseUrl}${endpoint}`), {
      method: "POST",
      credentials: "include",
      ...init,
      ...(body ? { headers: { "content-type": "application/json", ...init.headers }, body: JSON.stringify(body) } : {}),
    });
    const { data, code, message, statusCode } = ((await response.json().catch(() => ({}))) ?? {}) as Envelope;
    if (response.ok) return data;
    throw new SentriError(code ?? "SERVICE_UNAVAILABLE", message, statusCode ?? response.status, data ?? undefined);
  }
}

function absolute(url: string | URL): URL {
  const base = globalThis.location?.href;
  if (URL.canParse(url, base)) return new URL(url, base);
  throw new SentriError(
    "CONFIGURATION_ERROR",
    `createAuthFetch: outside of a page '${url}' must be absolute, e.g. baseUrl: 'https://example.com/auth'`,
  );
}

function codeOf(response: Response): Promise<string | undefined> {
  const envelope = async () => (await response.clone().json()) as Envelope;
  const read = envelope().then(({ code }) => code);
  return read.catch(() => undefined);
}

/** Returns whether a request can be sent again. A stream can't, and the body of a `Request` is a stream. */
function isReplayable(input: Input, { body }: Init): boolean {
  return input instanceof Request ? body == null && input.body === null : !(body instanceof ReadableStream);
}
