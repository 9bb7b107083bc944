import { AuthClient } from "./client.js";
import type { Guardian } from "./guardian.js";
import { AuthServer } from "./server.js";
import type { ClientOptions, ServerOptions } from "./types.js";

/** Server mode over the native core. Throws `CONFIGURATION_ERROR`. */
export function makeServer<Role extends string>(options: ServerOptions<Role>): AuthServer<Role> {
  return new AuthServer<Role>(options);
}

/** Client mode over the native core. Throws `CONFIGURATION_ERROR`. */
export function makeClient<Role extends string>(options: ClientOptions<Role>): Guardian {
  return new AuthClient<Role>(options);
}
