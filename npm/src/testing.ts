import { makeTestClock, type TestClock } from "./clock.js";

export type { TestClock } from "./clock.js";

/**
 * A clock that stands still until it is moved. Pass it as the option `clock`.
 *
 * @example
 * const clock = testClock(Date.parse("2026-01-01"));
 * const auth = createAuth({ mode: "server", validRoles: ["user"], db: "sqlite::memory:", clock } as never);
 * clock.advance(15 * 60_000);
 */
export function testClock(start: number | Date = Date.now()): TestClock {
  return makeTestClock(typeof start === "number" ? start : start.getTime());
}
