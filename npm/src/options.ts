import { clockOf, type TestClock } from "./clock.js";
import { SentriError } from "./errors.js";
import { describeDialect } from "./kysely/kind.js";
import { inProduction } from "./production.js";

/** Writes options as JSON. Values that JSON can't hold become texts that the core knows, so that it can refuse them. */
export function describe(options: {}): string {
  return JSON.stringify(options, (_key, value: unknown) => {
    if (typeof value === "function") return "[function]";
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    if (typeof value === "bigint" || typeof value === "symbol") return String(value);
    return value;
  });
}

/** Whether the option `messages` has `waitUntil`, of whatever type. */
function hasWaitUntil(messages: unknown): messages is { waitUntil: unknown } {
  const { waitUntil } = Object(messages) as { waitUntil?: unknown };
  return waitUntil !== undefined && waitUntil !== null;
}

/** The options as JSON text for the core, and the clock of a test if they hold one. */
export function prepare(options: object): { text: string; clock: TestClock | undefined } {
  if (typeof options !== "object" || options === null) {
    throw new SentriError("CONFIGURATION_ERROR", "the options must be an object");
  }
  const { clock, logger, dialect, ...rest } = options as Record<string, unknown>;
  const named: Record<string, unknown> = { production: inProduction(), ...rest };
  if (hasWaitUntil(rest.messages)) {
    // Only the outbox uses `waitUntil`; the core does not know it.
    const { waitUntil, ...messages } = rest.messages;
    if (typeof waitUntil !== "function")
      throw new SentriError("CONFIGURATION_ERROR", "messages.waitUntil must be a function that takes a promise");
    named.messages = messages;
  }
  if (dialect !== undefined && dialect !== null) named.dialect = describeDialect(dialect);
  if (logger !== undefined && logger !== null) {
    // Methods of a logger may stand on its prototype, which JSON does not see.
    const method = (name: string) =>
      typeof (logger as Record<string, unknown>)[name] === "function" ? "[function]" : undefined;
    named.logger = { info: method("info"), warn: method("warn"), error: method("error") };
  }
  return { text: describe(named), clock: clockOf(clock) };
}
