/** What tabs tell each other: the token that counts from now on, and a mark of this moment; or that the user signed out. */
export interface News {
  readonly mark: string;
  readonly token?: string | undefined;
  readonly signedOut?: boolean | undefined;
}

/** How long a tab that waited for another one's refresh waits for its news to arrive. */
const NEWS_MS = 500;

/** The tabs of one application: who may refresh, and what came of it. Where the browser has neither, this tab alone. */
export class Tabs {
  private readonly channel: BroadcastChannel | undefined;
  private readonly waiting = new Set<() => void>();

  /** `name` is the same in all tabs. `hear` gets the news of other tabs. */
  constructor(
    private readonly name: string,
    hear: (news: News) => void,
  ) {
    if (typeof BroadcastChannel === "undefined") return;
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }) => {
      hear(data as News);
      for (const wake of this.waiting) wake();
    };
    // In Node, a channel would keep the process alive.
    (this.channel as unknown as { unref?: () => void }).unref?.();
  }

  /** Tells the other tabs. */
  tell(news: News): void {
    this.channel?.postMessage(news);
  }

  /**
   * Runs a task while no other tab runs its own. A tab that had to wait first listens to what came of the other one's task,
   * until `done` says that there is nothing left to do.
   */
  async exclusively(task: () => Promise<void>, done: () => boolean): Promise<void> {
    const locks = (globalThis.navigator as Navigator | undefined)?.locks;
    if (!locks) return task();
    const free = await locks.request(this.name, { ifAvailable: true }, async (lock) => {
      if (lock) await task();
      return lock !== null;
    });
    if (free) return;
    await locks.request(this.name, async () => {
      if (!done()) await this.news(done);
      if (!done()) await task();
    });
  }

  private news(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const wake = () => done() && finish();
      const timer = setTimeout(finish, NEWS_MS);
      this.waiting.add(wake);
    });
  }

  close(): void {
    this.channel?.close();
  }
}
