import { randomUUID } from "node:crypto";
import { makeTestClock, type TestClock } from "../clock.js";
import { fromData } from "../errors.js";
import type { AuthServer } from "../server.js";
import type { IdentifierInput, ServerOptions } from "../types.js";
import { refuseInProduction } from "./production.js";

/**
 * Returns options of a server for tests, for the factory of any framework: SQLite in memory, the cheapest hashes (with
 * a test clock, `saltRounds` is 4), no rate limits, and a clock that stands still until it is moved. An option that you
 * pass replaces any of these.
 *
 * @example
 * const options = testOptions({ validRoles: ["user", "admin"] });
 * const auth = createAuthExpress(options);
 * await auth.migrate();
 * options.clock.advance(15 * 60_000);
 */
export function testOptions<const Role extends string>(
  more: Omit<ServerOptions<Role>, "mode"> & { clock?: TestClock },
): ServerOptions<Role> & { clock: TestClock } {
  refuseInProduction("testOptions");
  return {
    db: "sqlite::memory:",
    algorithm: "ES256",
    rateLimit: false,
    ...more,
    mode: "server",
    clock: more.clock ?? makeTestClock(Date.now()),
  };
}

/** A user who is signed in. */
export interface TestUser<Role extends string = string> {
  id: string;
  roles: Role[];
  /** The user's name, which logs in with `password`. */
  username: string;
  password: string;
  sessionId: string;
  accessToken: string;
  refreshToken: string;
  /** The headers for a request of the user. */
  headers: { authorization: string };
}

/**
 * Registers a user with a name of its own and opens a session; admin roles are allowed.
 *
 * @example
 * const admin = await createTestUser(auth, { roles: ["admin"] });
 * await fetch(`${base}/users`, { headers: admin.headers });
 */
export async function createTestUser<Role extends string>(
  auth: Pick<AuthServer<Role>, "register" | "createSession">,
  {
    roles = [],
    identifiers = [],
    password = "correct horse battery",
  }: { roles?: NoInfer<Role>[]; identifiers?: IdentifierInput[]; password?: string } = {},
): Promise<TestUser<Role>> {
  refuseInProduction("createTestUser");
  const username = `user-${randomUUID()}`;
  const result = await auth.register({
    identifiers: [{ type: "username", value: username }, ...identifiers],
    password,
    roles,
  });
  if (!result.success) throw fromData(result.error);
  const { id } = result.user;
  const { accessToken, refreshToken, sessionId } = await auth.createSession(id);
  return {
    id,
    roles: result.user.roles,
    username,
    password,
    sessionId,
    accessToken,
    refreshToken,
    headers: { authorization: `Bearer ${accessToken}` },
  };
}
