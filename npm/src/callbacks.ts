import { asyncHooks } from "./builtins.js";
import { SentriError, toData, unwrap } from "./errors.js";
import type { NativeCallbacks } from "./generated/native.js";
import type { OperationContext, Override } from "./types.js";

const { AsyncLocalStorage } = asyncHooks;

type RunBuiltin = (operation: string, input: string, context: string) => Promise<string>;

/** The host's functions that the core calls during a request, wrapped so that they always resolve to data. */
export class HostFunctions {
  readonly callbacks: NativeCallbacks;
  /** The asynchronous contexts of requests in flight. */
  private contexts: Map<number, ReturnType<typeof AsyncLocalStorage.snapshot>> | undefined;
  private lastContext = 0;

  constructor(
    { router = {}, isTokenRevoked }: { router?: object | undefined; isTokenRevoked?: unknown },
    runBuiltin: RunBuiltin,
  ) {
    const overrides = router as Record<string, Override<unknown, unknown> | undefined>;
    const overridden = Object.keys(overrides).filter((name) => typeof overrides[name] === "function");
    this.callbacks = { overridden };
    if (overridden.length > 0 || typeof isTokenRevoked === "function") this.contexts = new Map();
    if (overridden.length > 0) {
      this.callbacks.operate = (operation, input, context) => {
        const { ip, userAgent, requestId, hostContext } = JSON.parse(context) as OperationContext & {
          hostContext: number;
        };
        const next = async (other?: unknown) =>
          unwrap(await runBuiltin(operation, other === undefined ? input : JSON.stringify(other), context));
        return this.back(hostContext)(answer, () =>
          overrides[operation]?.call(overrides, JSON.parse(input), { ip, userAgent, requestId }, next),
        );
      };
    }
    if (typeof isTokenRevoked === "function") {
      this.callbacks.isTokenRevoked = (sessionId, hostContext) =>
        this.back(hostContext)(answer, async () => Boolean(await isTokenRevoked(sessionId)));
    }
  }

  /** Restores the context of the application's own storage, which a call from another thread has lost. */
  private back(hostContext: number | undefined): ReturnType<typeof AsyncLocalStorage.snapshot> {
    return this.contexts?.get(hostContext ?? -1) ?? AsyncLocalStorage.snapshot();
  }

  /** Runs a request. Meanwhile its asynchronous context is kept under the number that `run` gets, if it is needed. */
  async within<T>(run: (hostContext: number | undefined) => Promise<T>): Promise<T> {
    const { contexts } = this;
    if (contexts === undefined) return run(undefined);
    const key = (this.lastContext = (this.lastContext + 1) >>> 0);
    contexts.set(key, AsyncLocalStorage.snapshot());
    try {
      return await run(key);
    } finally {
      contexts.delete(key);
    }
  }
}

async function answer(run: () => unknown): Promise<string> {
  try {
    return JSON.stringify({ value: (await run()) ?? null });
  } catch (error) {
    // The text of the error goes only to the log, never to clients.
    const cause = error instanceof SentriError ? undefined : error instanceof Error ? error.message : String(error);
    return JSON.stringify({ error: { ...toData(error), cause } });
  }
}
