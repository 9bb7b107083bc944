// Recognizes factories that are passed to a framework without being called, as in `app.get("/me", auth.protect, …)`.
// The framework would wait for their answer for ever, so they fail with an error that gives the right spelling.
import { SentriError } from "../errors.js";

type Factory = (...args: unknown[]) => unknown;

/** Factories that take no argument. */
const BARE = new Set(["router", "plugin", "macro"]);

/** Calls whose first argument is a request. */
const OF_REQUESTS = new Set(["fetch", "guardRequest", "checkRequest"]);

/** The right spelling of factories that take arguments. */
const WRITTEN: Record<string, string> = {
  authorize: 'authorize("admin")',
  permit: "permit((req) => …)",
  rateLimiter: "rateLimiter({maxAttempts: 3, durationSeconds: 60})",
};

/** Returns the factories of `auth`, each changed so that it fails if a framework calls it in place of its result. */
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
    // An exception in a Fastify plugin would be uncaught instead of rejecting ready() and listen().
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
  // The factories take a single argument; a framework passes a response, a callback or both beside it.
  return isOfFramework(args[0]) || args.slice(1).some((arg) => typeof arg === "function" || isOfFramework(arg));
}

/** Returns whether this is a request, a response, a context or an application, by members that no options have. */
function isOfFramework(value: unknown): boolean {
  if (typeof value === "function") return typeof (value as { use?: unknown }).use === "function";
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return ["req", "request", "headers", "raw", "use", "register"].some((name) => name in value);
}

function uncalled(name: string, cure: string): SentriError {
  return new SentriError("CONFIGURATION_ERROR", `${name} was handed on without being called: write ${cure}`);
}
