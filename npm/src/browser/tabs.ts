import type { SignedInUser } from "./token.js";

/**
 * The messages between tabs: the token that counts from now on, and a mark of this moment; or that the user signed out.
 */
export interface News {
  readonly mark: string;
  readonly token?: string | undefined;
  /** The user, where the server has named it. */
  readonly user?: SignedInUser | undefined;
  /** It is the token of a login, not of a refresh: requests begun before belong to another session. */
  readonly signedIn?: boolean | undefined;
  readonly signedOut?: boolean | undefined;
  /** There was a session, and it has ended; without it, the tab knew of none. */
  readonly ended?: boolean | undefined;
}

/** The time that news of another tab may take to arrive. */
const NEWS_MS = 1_000;
/**
 * The place of the mark of the last news, in a cache of this name: a message may still be on its way, an entry of a
 * cache is not.
 */
const MARK = "/sentri-mark";

/**
 * The tabs of one application: which of them may refresh, and the result of that. Without locks in the browser, this
 * tab alone.
 */
export class Tabs {
  private readonly channel: BroadcastChannel | undefined;
  private readonly waiting = new Set<() => void>();
  private lastMark: string | undefined;

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
   * Runs a task while no other tab runs its own, unless there is nothing left to do (`isDone`) after the news of the
   * tab that ran it last.
   */
  async exclusively(task: () => Promise<void>, isDone: () => boolean): Promise<void> {
    const locks = (globalThis.navigator as Navigator | undefined)?.locks;
    if (!locks) return task();
    await locks.request(this.name, async () => {
      if (!isDone() && (await this.isNewsOnItsWay())) await this.news(isDone);
      if (isDone()) return;
      await task();
      if (isDone()) await this.writeMark();
    });
  }

  close(): void {
    this.channel?.close();
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

  /** Whether another tab has sent news of late that have not arrived here. */
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
      // A browser that keeps nothing: at worst, two tabs refresh.
    }
  }
}
