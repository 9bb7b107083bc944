import { AuthClient } from "./client.js";
import type { Guardian } from "./guardian.js";
import { loadNative, type NativeIdempotency, type NativeModule } from "./native.js";
import { AuthServer } from "./server.js";
import type { ClientOptions, ServerOptions } from "./types.js";

/** What stands in for this module on edge runtimes. */
interface EdgeEngine {
  makeClient<Role extends string>(options: ClientOptions<Role>): Guardian;
}

/** Server mode over the native core. Throws `CONFIGURATION_ERROR`. */
export function makeServer<Role extends string>(options: ServerOptions<Role>): AuthServer<Role> {
  return new AuthServer<Role>(options);
}

/** Client mode over the native core, or on WebCrypto where Deno may not load it. Throws `CONFIGURATION_ERROR`. */
export function makeClient<Role extends string>(options: ClientOptions<Role>): Guardian {
  if ("Deno" in globalThis && !isNativeThere()) return (require("./edge/engine.js") as EdgeEngine).makeClient(options);
  return new AuthClient<Role>(options);
}

/** The idempotency gate of the native core; `options` is JSON. */
export function openGate(options: string): NativeIdempotency {
  return new (loadNative().NativeIdempotency)(options);
}

/** The password functions of the native core. */
export function passwordFunctions(): Pick<NativeModule, "callStandalone" | "needsRehash"> {
  return loadNative();
}

function isNativeThere(): boolean {
  try {
    return loadNative() !== undefined;
  } catch {
    return false;
  }
}
