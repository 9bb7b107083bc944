const POLL_MS = 20;

/** Runs a task once for all callers that ask for it while it runs. The task must not reject. */
export class SingleFlight {
  /** In workerd a promise belongs to the request that made it: others must not await it. */
  static readonly isBoundToRequests =
    (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === "Cloudflare-Workers";

  private running: Promise<void> | undefined;
  private startedAt = Number.NEGATIVE_INFINITY;

  /** `limit` is in milliseconds. A task that takes longer counts as lost together with the request that started it. */
  constructor(
    private readonly task: () => Promise<void>,
    private readonly limit: number,
  ) {}

  /** Whether the task runs. */
  get pending(): boolean {
    return this.running !== undefined && !this.isLost;
  }

  /** Whether the task has been running for too long to end yet. */
  get isLost(): boolean {
    return this.running !== undefined && Date.now() > this.startedAt + this.limit;
  }

  /** Starts the task, or waits for the running task. */
  async run(): Promise<void> {
    if (!this.pending) {
      this.startedAt = Date.now();
      const started = this.task().finally(() => {
        if (this.running === started) this.running = undefined;
      });
      this.running = started;
      return started;
    }
    if (!SingleFlight.isBoundToRequests) return this.running;
    while (this.pending) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
