import { HostFunctions } from "./callbacks.js";
import { Dispatcher } from "./dispatch.js";
import { SentriError, unwrap } from "./errors.js";
import { NativeGuard } from "./guarding.js";
import { loadNative } from "./loader.js";
import type { NativeClient } from "./generated/native.js";
import { prepare } from "./options.js";
import type { ClientOptions } from "./types.js";

/**
 * Client mode without a framework. It guards routes by the public keys of an auth server. There is nothing to open or
 * to close; the keys are fetched when the first token comes.
 */
export class AuthClient<Role extends string = string> extends NativeGuard {
  declare readonly native: NativeClient;

  constructor(options: ClientOptions<Role>) {
    const { text, clock } = prepare(options);
    const core = loadNative();
    // Overrides belong to server mode. The core refuses them here, so `noBuiltin` is never called.
    const functions = new HostFunctions({ isTokenRevoked: options.isTokenRevoked }, noBuiltin);
    const native = new core.NativeClient(text, functions.callbacks, clock?.now());
    for (const warning of unwrap<string[]>(native.configuration())) process.emitWarning(warning, "SentriWarning");
    super(core, native, functions, new Dispatcher(options.logger), clock);
  }
}

function noBuiltin(): never {
  throw new SentriError("INTERNAL_ERROR", "client mode has no built-in use cases");
}
