import { makeClient, makeServer } from "#engine";
import type { Guardian } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, ServerOptions } from "../types.js";
import { PROGRAMMATIC, type ProgrammaticApi } from "./api.js";
import { refuseUncalled } from "./uncalled.js";

/**
 * What a factory returns: `guards` over the mode's guardian and nothing else in client mode; in server mode the
 * programmatic calls too, and what `serving` makes of the server.
 */
export function assemble<Role extends string, Guards extends object, Serving extends object>(
  options: ServerOptions<Role> | ClientOptions<Role>,
  guards: (guardian: Guardian) => Guards,
  serving: (server: AuthServer<Role>) => Serving,
): Guards | (ProgrammaticApi<Role> & Guards & Serving) {
  if (options?.mode === "client") return refuseUncalled(guards(makeClient(options)));
  const server = makeServer(options);
  const calls = PROGRAMMATIC.map((name) => [name, (server[name] as (...args: unknown[]) => unknown).bind(server)]);
  return { ...(Object.fromEntries(calls) as ProgrammaticApi<Role>), ...refuseUncalled({ ...guards(server), ...serving(server) }) };
}
