import { makeClient, makeServer } from "#engine";
import type { ProtectHost } from "../protect-host.js";
import type { AuthServer } from "../server.js";
import type { ClientOptions, ServerOptions } from "../types.js";
import { PROGRAMMATIC, type CountingApi, type ProgrammaticApi, type Uncounted } from "./api.js";
import { refuseUncalled } from "./uncalled.js";

/**
 * Builds the object that a factory returns. In both modes it has the members that `guards` makes for the protect host,
 * and the metrics. In server mode it also has the programmatic calls and the members that `serving` makes.
 */
export function assemble<Role extends string, Guards extends object, Serving extends object>(
  options: ServerOptions<Role> | ClientOptions<Role>,
  guards: (protectHost: ProtectHost) => Uncounted<Guards>,
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

function counted<Guards extends object>(
  guards: (protectHost: ProtectHost) => Uncounted<Guards>,
  protectHost: ProtectHost,
): Guards {
  const counting: CountingApi = { metrics: () => protectHost.metrics(), metricsText: () => protectHost.metricsText() };
  return { ...guards(protectHost), ...counting } as Guards;
}
