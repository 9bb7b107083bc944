import { makeClient, makeServer } from "#engine";
import type { Guardian } from "../guardian.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, ServerOptions } from "../types.js";
import { PROGRAMMATIC, type CountingApi, type ProgrammaticApi, type Uncounted } from "./api.js";
import { refuseUncalled } from "./uncalled.js";

/**
 * Builds the object that a factory returns: `guards` over the mode's guardian and nothing else in client mode; in
 * server mode the programmatic calls too, and what `serving` makes of the server.
 */
export function assemble<Role extends string, Guards extends object, Serving extends object>(
  options: ServerOptions<Role> | ClientOptions<Role>,
  guards: (guardian: Guardian) => Uncounted<Guards>,
  serving: (server: AuthServer<Role>) => Serving,
): Guards | (ProgrammaticApi<Role> & Guards & Serving) {
  if (options?.mode === "client") return refuseUncalled(counted(guards, makeClient(options)));
  const server = makeServer(options);
  const calls = PROGRAMMATIC.map((name) => [name, (server[name] as (...args: unknown[]) => unknown).bind(server)]);
  return {
    ...(Object.fromEntries(calls) as ProgrammaticApi<Role>),
    ...(server.mailbox && { mailbox: server.mailbox }),
    ...refuseUncalled({ ...counted(guards, server), ...serving(server) }),
  };
}

function counted<Guards extends object>(guards: (guardian: Guardian) => Uncounted<Guards>, guardian: Guardian): Guards {
  const counting: CountingApi = { metrics: () => guardian.metrics(), metricsText: () => guardian.metricsText() };
  return { ...guards(guardian), ...counting } as Guards;
}
