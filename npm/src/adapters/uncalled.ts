// Factories that were handed to a framework without being called, as in `app.get("/me", auth.protect, …)`: the
// framework would wait for ever for an answer of theirs, so they say what to write.
import { SentriError } from "../errors.js";

type Factory = (...args: unknown[]) => unknown;

/** Factories that take no argument. */
const BARE = new Set(["router", "plugin", "macro"]);

/** Calls whose first argument is a request. */
const OF_REQUESTS = new Set(["fetch", "guardRequest", "checkRequest"]);

/** The spelling of those with arguments. */
const WRITTEN: Record<string, string> = {
  authorize: 'authorize("admin")',
  permit: "permit((req) => …)",
  rateLimiter: "rateLimiter({maxAttempts: 3, durationSeconds: 60})",
};

/** The factories of `auth`, each of which fails if a framework calls it in the place of its result. */
export function refuseUncalled<T extends object>(factories: T): T {
  const names = Object.entries(factories as Record<string, Factory>);
  const refuses = ([name, factory]: [string, Factory]) => typeof factory === "function" && !OF_REQUESTS.has(name);
  return Object.fromEntries(names.map((entry) => [entry[0], refuses(entry) ? guarded(...entry) : entry[1]])) as T;
}

function guarded(name: string, factory: Factory): Factory {
  return (...args) => {
    if (!isByFramework(name, args)) return factory(...args);
    const error = uncalled(`auth.${name}`, `auth.${WRITTEN[name] ?? `${name}()`}`);
    const [app, , done] = args;
    const isPlugin = typeof done === "function" && typeof app === "object" && app !== null && "register" in app;
    // An exception of a Fastify plugin would be uncaught, and no rejection of ready() and listen().
    if (isPlugin) return void (done as Factory)(error);
    throw error;
  };
}

/** Refuses a request, a context or an application in the place of options. */
export function refuseAsOptions(factory: string, options: unknown): void {
  if (isOfFramework(options)) throw uncalled(factory, `${factory}()`);
}

function isByFramework(name: string, args: readonly unknown[]): boolean {
  if (BARE.has(name)) return args.some((arg) => arg !== undefined);
  if (name === "authorize") return args.some(isOfFramework);
  // Ours take a single argument; a framework comes with an answer, a callback or both beside it.
  return isOfFramework(args[0]) || args.slice(1).some((arg) => typeof arg === "function" || isOfFramework(arg));
}

/** Whether this is a request, an answer, a context or an application: none of our options has such a member. */
function isOfFramework(value: unknown): boolean {
  if (typeof value === "function") return typeof (value as { use?: unknown }).use === "function";
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return ["req", "request", "headers", "raw", "use", "register"].some((name) => name in value);
}

function uncalled(name: string, cure: string): SentriError {
  return new SentriError("CONFIGURATION_ERROR", `${name} was handed on without being called: write ${cure}`);
}
