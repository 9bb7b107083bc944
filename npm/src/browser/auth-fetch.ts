import { SentriError } from "../errors.js";
import { Tabs, type News } from "./tabs.js";

type Fetch = typeof globalThis.fetch;
type Input = Parameters<Fetch>[0];
type Init = NonNullable<Parameters<Fetch>[1]>;

/** Options of `createAuthFetch`. */
export interface AuthFetchOptions {
  /** Where the auth endpoints are mounted; `"/auth"` unless said otherwise. */
  baseUrl?: string;
  /**
   * Where the access token lives. `"memory"` (the default): in this tab's memory, sent as a bearer token. `"cookie"`: in the
   * cookie of the server's option `accessCookie`; nothing is sent by hand.
   */
  token?: "memory" | "cookie";
  /** Origins beside the page's own and that of `baseUrl` that get the token. It is never sent anywhere else. */
  origins?: readonly string[];
  /** An access token to begin with, for example one that the page was rendered with. */
  accessToken?: string;
  /**
   * Called when the session has ended: the refresh was refused, or the user signed out, in this tab or another one. In the tab of
   * the logout it is called when the server has answered, so it may leave the page.
   */
  onSignedOut?: () => void;
  /** The `fetch` to use. */
  fetch?: Fetch;
}

/** What a login answers. */
export interface SignedIn<Role extends string = string> {
  accessToken: string;
  user: { id: string; roles: Role[] };
}

/** A `fetch` that is signed in, and what goes with it. */
export interface AuthFetch<Role extends string = string> {
  /** Like `fetch`. Refreshes the access token when it has expired, and repeats the request once. */
  (input: Input, init?: Init): Promise<Response>;
  /** Signs in; throws a `SentriError` with the server's code. */
  login(credentials: { identifier: string; password: string }): Promise<SignedIn<Role>>;
  /** Signs out here, in every tab, and on the server. */
  logout(): Promise<void>;
  /** Gets a new access token, once over all tabs. `false`: the session has ended. */
  refresh(): Promise<boolean>;
  /** The access token, where it lives in memory and there is one. */
  readonly accessToken: string | undefined;
  /** Stops listening to other tabs. */
  close(): void;
}

/** How long a refresh or a logout may take: other tabs wait for the one, the user for the other. */
const PATIENCE_MS = 15_000;

interface Envelope {
  code?: string;
  message?: string;
  statusCode?: number;
  data?: unknown;
}

/**
 * A `fetch` that keeps users signed in. The access token stays in memory, where other scripts' storage access can't reach it.
 * When it has expired, one tab refreshes for all of them (Web Locks), tells the others (BroadcastChannel), and the request is
 * repeated once, unless its body is a stream and gone.
 *
 * @example
 * const authFetch = createAuthFetch({ onSignedOut: () => location.assign("/login") });
 * await authFetch.login({ identifier: "rizz", password });
 * const orders = await authFetch("/api/orders").then((response) => response.json());
 */
export function createAuthFetch<Role extends string = string>(options: AuthFetchOptions = {}): AuthFetch<Role> {
  const session = new Session(options);
  const authFetch = (input: Input, init?: Init) => session.fetch(input, init);
  const methods = {
    login: (credentials: object) => session.login<Role>(credentials),
    logout: () => session.logout(),
    refresh: () => session.refresh(),
    close: () => session.close(),
  };
  return Object.defineProperty(Object.assign(authFetch, methods), "accessToken", { get: () => session.accessToken }) as unknown as AuthFetch<Role>;
}

class Session {
  accessToken: string | undefined;
  /** Changes with every refresh: a request that was refused under an older mark is repeated without another refresh. */
  private mark = "";
  private signedOut = false;
  /** Grows with every login and logout, in whatever tab: what began under another number is of another session. */
  private era = 0;
  private expiresAt = Number.POSITIVE_INFINITY;
  private refreshing: Promise<boolean> | undefined;
  private readonly tabs: Tabs;
  private readonly baseUrl: string;
  private readonly inMemory: boolean;

  constructor(private readonly options: AuthFetchOptions) {
    this.baseUrl = `${(options.baseUrl ?? "/auth").replace(/\/+$/, "")}/`;
    this.inMemory = options.token !== "cookie";
    this.tabs = new Tabs(`sentri ${this.baseUrl}`, (news) => this.tell(this.adopt(news)));
    if (options.accessToken !== undefined) this.adopt({ mark: options.accessToken, token: options.accessToken });
  }

  async fetch(input: Input, init: Init = {}): Promise<Response> {
    if (!this.isOurs(input)) return this.send(input, init);
    const { era } = this;
    if (Date.now() >= this.expiresAt) await this.refresh();
    // Sent now, it would be a request of the user who came meanwhile.
    if (this.era !== era && !this.signedOut) throw new SentriError("UNAUTHORIZED", "Another user has signed in since this request began", 401);
    const { mark, accessToken } = this;
    const response = await this.sendSigned(input, init, era);
    if (response.status !== 401 || this.isOver(era) || !isReplayable(input, init)) return response;
    const code = await codeOf(response);
    // A tab that has just been opened has no token yet; the session may be there all the same.
    const isNew = this.inMemory && accessToken === undefined && code === "UNAUTHORIZED";
    if (!isNew && code !== "TOKEN_EXPIRED") return response;
    // Another request or tab may have refreshed while this one was on its way.
    if (this.mark === mark && !(await this.refresh())) return response;
    if (this.isOver(era)) return response;
    await response.body?.cancel();
    return this.sendSigned(input, init, era);
  }

  async login<Role extends string>(credentials: object): Promise<SignedIn<Role>> {
    await this.settled();
    const data = (await this.post("login", {}, credentials)) as SignedIn<Role>;
    this.share({ mark: crypto.randomUUID(), token: data.accessToken, signedIn: true });
    return data;
  }

  async logout(): Promise<void> {
    const hasEnded = this.share({ mark: crypto.randomUUID(), signedOut: true });
    try {
      await this.settled();
      // A page that is left must not take the request with it, and the session would live on.
      await this.post("logout", { keepalive: true, signal: AbortSignal.timeout(PATIENCE_MS) });
    } finally {
      // What is told may leave the page.
      this.tell(hasEnded && this.signedOut);
    }
  }

  /** A refresh that answered after a login would put its cookie in the place of the login's. */
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
      // Whoever signed out or in meanwhile knows better.
      if (news && !hasNews()) this.tell(this.share(news));
    }, hasNews);
    return !this.signedOut && hasNews();
  }

  /** A new token, or that there is none to be had; `undefined`: an outage, which says nothing about the session. */
  private async askForToken(): Promise<News | undefined> {
    const mark = crypto.randomUUID();
    try {
      const { accessToken } = (await this.post("refresh", { signal: AbortSignal.timeout(PATIENCE_MS) })) as SignedIn;
      return { mark, token: accessToken };
    } catch (error) {
      return error instanceof SentriError && error.statusCode === 401 ? { mark, signedOut: true } : undefined;
    }
  }

  /** Takes news over and tells the other tabs; answers whether the session ends by it. */
  private share(news: News): boolean {
    const hasEnded = this.adopt(news);
    this.tabs.tell(this.inMemory ? news : { ...news, token: undefined });
    return hasEnded;
  }

  /** Takes news over; answers whether the session ends by it. */
  private adopt({ mark, token, signedIn = false, signedOut = false }: News): boolean {
    const wasSignedOut = this.signedOut;
    if (signedIn || signedOut) this.era += 1;
    this.mark = mark;
    this.signedOut = signedOut;
    this.accessToken = this.inMemory ? token : undefined;
    this.expiresAt = this.accessToken === undefined ? Number.POSITIVE_INFINITY : Date.now() + lifetimeOf(this.accessToken);
    return signedOut && !wasSignedOut;
  }

  private tell(hasEnded: boolean): void {
    if (hasEnded) this.options.onSignedOut?.();
  }

  /** Whether the session of an era has ended. */
  private isOver(era: number): boolean {
    return this.signedOut || this.era !== era;
  }

  /** Whether the token may go there, and come from there. */
  private isOurs(input: Input): boolean {
    const { origin } = absolute(input instanceof Request ? input.url : input);
    return [globalThis.location?.origin, absolute(this.baseUrl).origin, ...(this.options.origins ?? [])].includes(origin);
  }

  private async sendSigned(input: Input, init: Init, era: number): Promise<Response> {
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    if (this.accessToken !== undefined && !headers.has("authorization")) headers.set("authorization", `Bearer ${this.accessToken}`);
    const credentials = input instanceof Request ? input.credentials : "include";
    const response = await this.send(input, { credentials, ...init, headers });
    const token = response.headers.get("x-access-token");
    // Where redirects led need not be ours, and a late answer is that of a user who may have gone. A response that was made
    // by hand has no address.
    const isToBeHad = token !== null && this.inMemory && !this.isOver(era) && this.isOurs(response.url || input);
    if (isToBeHad) this.share({ mark: crypto.randomUUID(), token });
    return response;
  }

  private send(input: Input, init: Init): Promise<Response> {
    return (this.options.fetch ?? globalThis.fetch)(input, init);
  }

  private async post(endpoint: string, init: Init, body?: object): Promise<unknown> {
    const response = await this.send(absolute(`${this.baseUrl}${endpoint}`), {
      method: "POST",
      credentials: "include",
      ...init,
      ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
    });
    const { data, code, message, statusCode } = ((await response.json().catch(() => ({}))) ?? {}) as Envelope;
    if (response.ok) return data;
    throw new SentriError(code ?? "SERVICE_UNAVAILABLE", message, statusCode ?? response.status);
  }
}

function absolute(url: string | URL): URL {
  const base = globalThis.location?.href;
  if (URL.canParse(url, base)) return new URL(url, base);
  throw new SentriError("CONFIGURATION_ERROR", `createAuthFetch: outside of a page '${url}' must be absolute, e.g. baseUrl: 'https://example.com/auth'`);
}

async function codeOf(response: Response): Promise<string | undefined> {
  try {
    return ((await response.clone().json()) as Envelope).code;
  } catch {
    return undefined;
  }
}

/** A body that is a stream can be sent once; that of a `Request` is one. */
function isReplayable(input: Input, { body }: Init): boolean {
  return input instanceof Request ? body == null && input.body === null : !(body instanceof ReadableStream);
}

/** How long a token lives, in milliseconds: between two of the server's own instants, so that clocks may differ. */
function lifetimeOf(token: string): number {
  try {
    const text = atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
    const { iat, exp } = JSON.parse(text) as { iat: number; exp: number };
    return exp > iat ? (exp - iat) * 1000 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
