import { type ChildProcess, fork } from "node:child_process";
import { constants } from "node:os";
import { setTimeout as after } from "node:timers/promises";
import { CommandFailure } from "../exit.js";
import type { Handle } from "./listen.js";
import type { Log } from "./log.js";
import { byWorker, serveMetrics } from "./metrics.js";
import { untilSignal } from "./process.js";
import type { Settings } from "./settings.js";

/** The delay before a dead worker is restarted, in milliseconds: at first, and at most. It doubles with each death. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;

/** The time, in milliseconds, after which a worker counts as stable, so that its next restart has the first delay. */
const STABLE = 30_000;

/** Milliseconds that a worker has for its metrics. */
const METRICS_WITHIN = 2_000;

/** The variable that marks a process as a worker. */
export const WORKER = "SENTRI_WORKER_OF";

/** A message from a worker: it waits for the socket, it serves, or its metrics. */
type WorkerMessage = { needs: "socket" } | { started: true } | { metrics: string };

/**
 * Starts the workers, watches them, and ends with them. The socket stays open here and each worker accepts from it for
 * itself, so that no client is refused while workers restart, and a connection does not die with another worker.
 */
export class Workers {
  private readonly running = new Map<number, { worker: ChildProcess; started: boolean; isBehind: boolean }>();
  private readonly stop = new AbortController();
  private failed: CommandFailure | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly log: Log,
    private readonly socket: Handle,
    private readonly isOwn: boolean,
  ) {
    process.on("SIGHUP", () => this.reload());
  }

  /** Runs the workers until a signal ends them. `started` is called once all of them accept connections. */
  async run(started: () => void): Promise<void> {
    const ending = untilSignal(() => {
      this.each((worker) => worker.kill("SIGKILL"));
      this.socket.close();
    });
    ending.then(() => this.end());
    try {
      await this.keepAll(started);
    } finally {
      this.socket.close();
    }
    if (this.failed) throw this.failed;
  }

  private async keepAll(started: () => void): Promise<void> {
    const metrics = await serveMetrics(this.settings, this.log, () => this.metrics());
    let left = this.settings.workers;
    const keepers = Array.from({ length: left }, (_, i) => this.keep(i + 1, () => --left === 0 && started()));
    await Promise.all(keepers);
    metrics?.close();
    metrics?.closeAllConnections();
  }

  /** Runs one worker, and another in its place whenever it dies. */
  private async keep(number: number, ready: () => void): Promise<void> {
    let deaths = 0;
    let everStarted = false;
    while (!this.stop.signal.aborted) {
      const began = performance.now();
      let cause: { cause?: string } = {};
      const running = this.runOne(number, () => {
        this.log.info({ event: "worker.started", worker: number });
        if (!everStarted) ready();
        everStarted = true;
      });
      const exit = await running.catch(({ message }: Error) => {
        cause = { cause: message };
        return 1;
      });
      if (this.stop.signal.aborted) return;
      if (!everStarted) {
        const why = cause.cause ? `can't be started: ${cause.cause}` : "ended before it had started";
        this.failed = new CommandFailure("CANNOT_SERVE", `a worker ${why}`, exit > 0 ? exit : 1);
        return this.end();
      }
      deaths = (performance.now() - began > STABLE ? 0 : deaths) + 1;
      const delay = Math.min(FIRST_DELAY * 2 ** (deaths - 1), LONGEST_DELAY);
      this.log.error({ event: "worker.died", worker: number, exit, restartInMs: delay, ...cause });
      await after(delay, undefined, { signal: this.stop.signal }).catch(() => {});
    }
  }

  /**
   * Runs a worker to its end: its exit code, or the number of the signal that ended it, below zero.
   *
   * @throws Error where the system has no process or no memory to give
   */
  private async runOne(number: number, ready: () => void): Promise<number> {
    const worker = fork(process.argv[1]!, process.argv.slice(2), { env: { ...process.env, [WORKER]: String(number) } });
    const known = { worker, started: false, isBehind: false };
    this.running.set(number, known);
    worker.on("message", (message: WorkerMessage) => {
      if ("needs" in message && !this.stop.signal.aborted) worker.send({ socket: true }, this.socket as never);
      if (!("started" in message)) return;
      known.started = true;
      if (known.isBehind) worker.kill("SIGHUP");
      ready();
    });
    return new Promise((resolve, reject) => {
      worker.on("error", (error) => {
        // A message that could not be sent is an error, too. Then the worker still runs, or its end is reported.
        if (worker.pid !== undefined) return;
        this.running.delete(number);
        reject(error);
      });
      worker.once("exit", (code, signal) => {
        this.running.delete(number);
        resolve(signal ? -constants.signals[signal] : (code ?? 1));
      });
    });
  }

  private async metrics(): Promise<string> {
    const numbers = [...this.running.keys()].sort((a, b) => a - b);
    const texts = await Promise.all(numbers.map(async (number) => [number, await this.metricsOf(number)] as const));
    return byWorker(texts.filter((one): one is [number, string] => one[1] !== undefined));
  }

  /** Returns a worker's metrics, or `undefined` if the worker does not answer in time. */
  private metricsOf(number: number): Promise<string | undefined> {
    const known = this.running.get(number);
    if (!known?.started) return Promise.resolve(undefined);
    const { worker } = known;
    return new Promise((resolve) => {
      const finish = (text?: string) => {
        clearTimeout(timer);
        worker.off("message", listen);
        resolve(text);
      };
      const listen = (message: WorkerMessage) => "metrics" in message && finish(message.metrics);
      const timer = setTimeout(finish, METRICS_WITHIN);
      worker.on("message", listen);
      worker.send({ ask: "metrics" }, (error) => error && finish());
    });
  }

  /** Has workers read their options again. SIGHUP would end a worker that is still starting, so that gets it later. */
  private reload(): void {
    for (const known of this.running.values()) {
      if (known.started) known.worker.kill("SIGHUP");
      else known.isBehind = true;
    }
  }

  /**
   * Stops the workers, and closes the socket here, since connections to a socket that no process accepts from would
   * hang. A Unix socket stays open until the workers have ended, because closing it removes its path.
   */
  private end(): void {
    if (this.stop.signal.aborted) return;
    this.stop.abort();
    const isPath = this.isOwn && this.settings.socket !== undefined;
    if (!isPath) this.socket.close();
    this.each((worker) => worker.connected && worker.send({ ask: "stop", isLast: this.isOwn }, () => {}));
  }

  private each(act: (worker: ChildProcess) => void): void {
    for (const { worker } of this.running.values()) act(worker);
  }
}

/** Whether this process is a worker. */
export function isWorker(): boolean {
  return process.env[WORKER] !== undefined;
}

/** Asks the parent process for the socket. Resolves to `undefined` if the server is to end before it comes. */
export function handedSocket(): Promise<Handle | undefined> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve(undefined);
    const take = (message: { socket?: true; ask?: string }, handle: unknown) => {
      if (message.ask !== "stop" && !message.socket) return;
      process.off("message", take);
      resolve(message.socket && (handle as Handle | undefined));
    };
    process.on("message", take);
    process.once("disconnect", () => resolve(undefined));
    process.send!({ needs: "socket" });
  });
}

/**
 * Serves as a worker: reports that it has started, answers requests for metrics, and resolves when it must end. The
 * result is whether all processes that hold the socket end.
 */
export function untilStopped(metrics: () => string): Promise<boolean> {
  return new Promise((resolve) => {
    // Ctrl-C at a terminal reaches this process too, but the parent process asks it to stop.
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => resolve(false));
    process.on("disconnect", () => resolve(false));
    process.on("message", ({ ask, isLast }: { ask: string; isLast?: boolean }) => {
      if (ask === "metrics") process.send!({ metrics: metrics() });
      if (ask === "stop") resolve(isLast === true);
    });
    if (process.connected) process.send!({ started: true });
    else resolve(false);
  });
}
