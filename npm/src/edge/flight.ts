const POLL_MS = 20;

/** Runs a task once for all callers that ask for it while it runs. The task must not reject. */
export class SingleFlight {
  /** In workerd a promise belongs to the request that made it: others must not await it. */
  static readonly isBoundToRequests =
    (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === "Cloudflare-Workers";

  private running: Promise<void> | undefined;
  private startedAt = Number.NEGATIVE_INFINITY;

  /**
   * `limit` is in milliseconds. A task that takes longer counts as lost together with the request that started it, and
   * its promise never settles. `onLost` is called once for it, with the milliseconds since then.
   */
  constructor(
    private readonly task: () => Promise<void>,
    private readonly limit: number,
    private readonly onLost: (ago: number) => void,
  ) {}

  /** Gives the running task up if it has been lost. */
  giveUpLost(): void {
    if (this.running === undefined) return;
    const ago = Date.now() - this.startedAt - this.limit;
    if (ago <= 0) return;
    this.running = undefined;
    this.onLost(ago);
  }

  /** Starts the task, or waits for the running task. */
  async run(): Promise<void> {
    this.giveUpLost();
    const { running } = this;
    if (running === undefined) {
      this.startedAt = Date.now();
      const started = this.task().finally(() => {
        if (this.running === started) this.running = undefined;
      });
      this.running = started;
      return started;
    }
    if (!SingleFlight.isBoundToRequests) return running;
    while (this.running === running) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      this.giveUpLost();
    }
  }
}
