import { AuthClient } from "./client.js";
import type { ProtectHost } from "./protect-host.js";
import { loadNative } from "./loader.js";
import type { NativeIdempotency, NativeModule } from "./generated/native.js";
import { AuthServer } from "./server.js";
import type { ClientOptions, ServerOptions } from "./types.js";

/** The part that is used here of the module that replaces this module on edge runtimes. */
interface EdgeEngine {
  makeClient<Role extends string>(options: ClientOptions<Role>): ProtectHost;
}

/** Makes server mode over the native core. Throws `CONFIGURATION_ERROR`. */
export function makeServer<Role extends string>(options: ServerOptions<Role>): AuthServer<Role> {
  return new AuthServer<Role>(options);
}

/** Makes client mode over the native core, or on WebCrypto if the core can't load. Throws `CONFIGURATION_ERROR`. */
export function makeClient<Role extends string>(options: ClientOptions<Role>): ProtectHost {
  const missing = whyNotNative();
  if (missing === undefined) return new AuthClient<Role>(options);
  warnOnce(missing);
  return (require("./edge/engine.js") as EdgeEngine).makeClient(options);
}

/** The idempotency gate of the native core; `options` is JSON. */
export function openGate(options: string): NativeIdempotency {
  return new (loadNative().NativeIdempotency)(options);
}

/** The password functions of the native core. */
export function passwordFunctions(): Pick<NativeModule, "callStandalone" | "needsRehash"> {
  return loadNative();
}

function whyNotNative(): string | undefined {
  try {
    loadNative();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

let isWarned = false;

/**
 * Warns once that client mode runs in JavaScript. Deno gets no warning, since there native code needs a permission,
 * which is the operator's decision.
 */
function warnOnce(missing: string): void {
  if (isWarned || "Deno" in globalThis) return;
  isWarned = true;
  const text = `Client mode runs on JavaScript, a little slower and with the same answers: ${missing}`;
  process.emitWarning(text, "SentriWarning");
}
