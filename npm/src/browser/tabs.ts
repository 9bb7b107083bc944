import type { SignedInUser } from "./token.js";

/**
 * A message between tabs: the token to use from now on, or that the user signed out. `mark` differs for each message.
 */
export interface News {
  readonly mark: string;
  readonly token?: string | undefined;
  /** The user, where the server has named it. */
  readonly user?: SignedInUser | undefined;
  /** Whether the token is from a login, not from a refresh: requests that began before belong to another session. */
  readonly signedIn?: boolean | undefined;
  readonly signedOut?: boolean | undefined;
  /** Whether a session has ended. If this is missing, the tab knew of no session. */
  readonly ended?: boolean | undefined;
}

/** The time that news of another tab may take to arrive, in milliseconds. */
const NEWS_MS = 1_000;
/**
 * The path of the entry with the mark of the last news, in the browser's cache. All tabs see the entry at once, while
 * the message itself may still be on its way.
 */
const MARK = "/sentri-mark";

/**
 * Coordinates the tabs of one application: one of them refreshes, and all get the result. Without Web Locks in the
 * browser, each tab refreshes by itself.
 */
export class Tabs {
  private readonly channel: BroadcastChannel | undefined;
  private readonly waiting = new Set<() => void>();
  private lastMark: string | undefined;
  /** The end of the last task, where the browser has no locks. */
  private turn: Promise<void> = Promise.resolve();

  /** `name` is the same in all tabs. `hear` gets the news of other tabs. */
  constructor(
    private readonly name: string,
    hear: (news: News) => void,
  ) {
    if (typeof BroadcastChannel === "undefined") return;
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }) => {
      this.lastMark = (data as News).mark;
      hear(data as News);
      for (const wake of this.waiting) wake();
    };
    // In Node, a channel would keep the process alive.
    (this.channel as unknown as { unref?: () => void }).unref?.();
  }

  /** Passes news on to the other tabs. */
  tell(news: News): void {
    this.lastMark = news.mark;
    this.channel?.postMessage(news);
  }

  /**
   * Runs a task while no other task runs, in this tab or, with Web Locks, in another one. Skips the task if `isDone`
   * returns true after the news of the tab that ran its task last. After `patience` milliseconds, if that is given, the
   * others go on although the task has not ended.
   */
  async exclusively(task: () => Promise<void>, isDone: () => boolean, patience?: number): Promise<void> {
    const locks = (globalThis.navigator as Navigator | undefined)?.locks;
    if (!locks) return this.inTurn(async () => (isDone() ? undefined : atMost(patience, task())));
    await locks.request(this.name, async () => {
      if (!isDone() && (await this.isNewsOnItsWay())) await this.news(isDone);
      if (isDone()) return;
      await atMost(patience, task());
      if (isDone()) await this.writeMark();
    });
  }

  close(): void {
    this.channel?.close();
  }

  /** Runs a task after those of this tab that came before. */
  private inTurn(task: () => Promise<void>): Promise<void> {
    const turn = this.turn.then(task);
    this.turn = turn.catch(() => undefined);
    return turn;
  }

  private news(isDone: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const wake = () => isDone() && finish();
      const timer = setTimeout(finish, NEWS_MS);
      this.waiting.add(wake);
    });
  }

  /** Returns whether another tab has sent news within `NEWS_MS` that has not arrived here. */
  private async isNewsOnItsWay(): Promise<boolean> {
    try {
      const text = await (await caches.match(MARK, { cacheName: this.name }))?.text();
      const [at, mark] = text?.split(" ") ?? [];
      return mark !== undefined && mark !== this.lastMark && Date.now() - Number(at) < NEWS_MS;
    } catch {
      return false;
    }
  }

  private async writeMark(): Promise<void> {
    try {
      await (await caches.open(this.name)).put(MARK, new Response(`${Date.now()} ${this.lastMark}`));
    } catch {
      // The browser keeps nothing. At worst, two tabs refresh.
    }
  }
}

/** Waits for a task, or for so many milliseconds if they are given. */
async function atMost(patience: number | undefined, task: Promise<void>): Promise<void> {
  if (patience === undefined) return task;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, patience)));
  await Promise.race([task, limit]).finally(() => clearTimeout(timer));
}
