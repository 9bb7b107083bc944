import type { SentriError } from "../errors.js";
import type { ProtectHost } from "../protect-host.js";
import type { ClientOptions, ServerOptions } from "../types.js";
import { configurationError } from "./reader.js";

/** Refuses server mode, which needs the native core for its database, its password hashes and its keys. */
export function makeServer(_options: ServerOptions): never {
  const cure = "run the auth server on Node, Bun or Deno, and use mode 'client' with its keyUri here";
  throw withoutNative("mode 'server' needs", cure);
}

/** Refuses the idempotency middleware, because the native core decides which answers are kept, and keeps them. */
export function openGate(_options: string): never {
  throw withoutNative("the idempotency middleware needs", "use it on Node, Bun or Deno");
}

/** Refuses to hash passwords, because that takes memory and time, for which the native core is made. */
export function passwordFunctions(): never {
  throw withoutNative("hashing passwords needs", "hash them on Node, Bun or Deno");
}

interface Surroundings {
  process?: { versions?: { node?: string } };
  navigator?: { userAgent?: string };
}

/** Makes the error of a missing native core. On Node, this code was chosen by a package condition for browsers. */
function withoutNative(what: string, cure: string): SentriError {
  const { process, navigator } = globalThis as Surroundings;
  if (process?.versions?.node === undefined) {
    return configurationError(`${what} the native core of sentri, which this runtime can't load: ${cure}`);
  }
  const isJsdom = navigator?.userAgent?.includes("jsdom");
  const who = isJsdom ? "Jest's environment jsdom" : "a bundler or a test environment, such as Jest's jsdom,";
  return configurationError(
    `${what} the native core of sentri. This is Node, but ${who} asks packages for their code for browsers (the ` +
      "condition 'browser'). Cure: test with testEnvironment: 'node' (in a file: @jest-environment node), or set " +
      "testEnvironmentOptions: { customExportConditions: ['node', 'node-addons'] }; build what runs on Node for the " +
      "platform node",
  );
}

/** The parts of the bundle, evaluated when they are asked for. */
declare function require(module: "./client.js"): typeof import("./client.js");
declare function require(module: "./options.js"): typeof import("./options.js");

/** Client mode on WebCrypto, evaluated only here: without WebCrypto the functions above still give their errors. */
export function makeClient(options: ClientOptions): ProtectHost {
  const { EdgeClient } = require("./client.js");
  return new EdgeClient(require("./options.js").readOptions(options));
}
