import type { Guardian } from "../guardian.js";
import type { ClientOptions, ServerOptions } from "../types.js";
import { EdgeClient } from "./client.js";
import { readOptions } from "./options.js";
import { configurationError } from "./reader.js";

/** There is no server mode here: it owns a database, hashes passwords and keeps keys, all of which the native core does. */
export function makeServer(_options: ServerOptions): never {
  throw configurationError(
    "mode 'server' needs the native core of sentri, which this runtime can't load: run the auth server on Node, Bun or Deno, " +
      "and use mode 'client' with its keyUri here",
  );
}

/** Nor are there idempotency keys: answers are kept by the native core, which decides what may be kept. */
export function openGate(_options: string): never {
  throw configurationError("the idempotency middleware needs the native core of sentri, which this runtime can't load: use it on Node, Bun or Deno");
}

/** Nor are passwords hashed here: that takes memory and time which the native core has. */
export function passwordFunctions(): never {
  throw configurationError("passwords are hashed by the native core of sentri, which this runtime can't load: hash them on Node, Bun or Deno");
}

/** Client mode on WebCrypto. */
export function makeClient(options: ClientOptions): Guardian {
  return new EdgeClient(readOptions(options));
}
