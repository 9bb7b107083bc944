import type { HookCall, LoggedEvent } from "./generated/wire.js";
import type { Hooks, SentriLogger } from "./types.js";

export type { HookCall, LoggedEvent };

/** The hooks of the host, and the function that logs an exception of a hook. */
export interface Listeners {
  hooks?: Hooks | undefined;
  failed?: (hook: string, cause: string, requestId: string | undefined) => readonly LoggedEvent[];
  /** Prints a warning, for a server without a logger. */
  warn?: (text: string) => void;
}

/** Passes on the output of the core: log entries to the logger, notices to the hooks. */
export class Dispatcher {
  constructor(
    private readonly logger: SentriLogger | undefined,
    private readonly listeners: Listeners = {},
  ) {}

  /** Whether there is a logger. */
  get logging(): boolean {
    return this.logger !== undefined;
  }

  /** Logs entries. A logger that throws harms no request. */
  log(events: readonly LoggedEvent[]): void {
    if (!this.logger) return this.warnOf(events);
    for (const { level, entry } of events) {
      try {
        this.logger[level](entry);
      } catch {
        // There is nowhere left to report it.
      }
    }
  }

  /** Warns of faults in the environment of a server that has no logger. */
  private warnOf(events: readonly LoggedEvent[]): void {
    for (const { entry } of events) if (entry.hook === "trustProxy") this.listeners.warn?.(String(entry.cause));
  }

  /** Logs the cached events of another request, under the id of this request. */
  logAgain(events: readonly LoggedEvent[], requestId: string | undefined): void {
    if (!this.logger) return;
    this.log(
      events.map(({ level, entry }) => {
        const { requestId: _, ...rest } = entry;
        return { level, entry: requestId === undefined ? rest : { ...rest, requestId } };
      }),
    );
  }

  /** Runs hooks one after the other and waits for them. A throw is logged and changes nothing. */
  async run(calls: readonly HookCall[], requestId: string | undefined): Promise<void> {
    for (const { hook, args } of calls) {
      const run = (this.listeners.hooks as Record<string, ((...args: unknown[]) => unknown) | undefined> | undefined)?.[
        hook
      ];
      if (!run) continue;
      try {
        await run.apply(this.listeners.hooks, args);
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        this.log(this.listeners.failed?.(hook, cause, requestId) ?? []);
      }
    }
  }
}
