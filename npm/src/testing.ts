import { makeTestClock, type TestClock } from "./clock.js";
import { makeMailbox, type Mailbox } from "./mailbox.js";
import { refuseInProduction } from "./testing/production.js";
import type { MessageOptions } from "./types.js";

export type { TestClock } from "./clock.js";
export type { Mailbox } from "./mailbox.js";
export { startKeyServer, type KeyServer, type Outage } from "./testing/key-server.js";
export {
  createTokenFactory,
  type PublicJwk,
  type TokenFactory,
  type TokenFactoryOptions,
  type TokenInput,
} from "./testing/tokens.js";
export { createTestUser, testOptions, type TestUser } from "./testing/users.js";

/**
 * Makes a clock that stands still until it is moved. Pass it as the option `clock`.
 *
 * @example
 * const clock = testClock(Date.parse("2026-01-01"));
 * const auth = createAuth(testOptions({ validRoles: ["user"], clock }));
 * clock.advance(15 * 60_000);
 */
export function testClock(start: number | Date = Date.now()): TestClock {
  refuseInProduction("testClock");
  return makeTestClock(typeof start === "number" ? start : start.getTime());
}

/**
 * Makes a mailbox that takes messages at once. Pass it as the option `messages`; `auth.mailbox` is the same object.
 *
 * @example
 * const auth = createAuth(testOptions({ validRoles: ["user"], messages: testMailbox() }));
 * // .. POST /password/forgot, then
 * const code = auth.mailbox!.code("anna@example.com");
 */
export function testMailbox(options: Omit<MessageOptions, "send"> = {}): Mailbox {
  refuseInProduction("testMailbox");
  return makeMailbox(options);
}
