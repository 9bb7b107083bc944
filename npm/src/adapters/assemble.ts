import { makeClient, makeServer } from "#engine";
import type { Guardian } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, ServerOptions } from "../types.js";

const PROGRAMMATIC = [
  "migrate", "ready", "close", "register", "bulkCreateIdentifiers", "bulkUpdateIdentifiers", "bulkDeleteIdentifiers", "assignRoles",
  "setPassword", "getUser", "findUser", "listUsers", "deleteUser", "createSession", "listSessions", "revokeSession", "revokeSessions",
  "rotateKeys", "listKeys", "hashPassword", "verifyPassword", "signAccessToken", "signRefreshToken", "verifyAccessToken",
  "verifyRefreshToken", "getCurrentAccessToken",
] as const;

/** The programmatic calls of server mode, the same with every framework. */
export type ProgrammaticApi<Role extends string = string> = Pick<AuthServer<Role>, (typeof PROGRAMMATIC)[number]>;

/**
 * What a factory returns: `guards` over the mode's guardian and nothing else in client mode; in server mode the
 * programmatic calls too, and what `serving` makes of the server.
 */
export function assemble<Role extends string, Guards extends object, Serving extends object>(
  options: ServerOptions<Role> | ClientOptions<Role>,
  guards: (guardian: Guardian) => Guards,
  serving: (server: AuthServer<Role>) => Serving,
): Guards | (ProgrammaticApi<Role> & Guards & Serving) {
  if (options?.mode === "client") return guards(makeClient(options));
  const server = makeServer(options);
  const calls = PROGRAMMATIC.map((name) => [name, (server[name] as (...args: unknown[]) => unknown).bind(server)]);
  return { ...(Object.fromEntries(calls) as ProgrammaticApi<Role>), ...guards(server), ...serving(server) };
}
