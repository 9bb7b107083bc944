import { randomBytes } from "node:crypto";
import { AuthServer } from "../server.js";
import type { ServerOptions } from "../types.js";
import type { Flag } from "./arguments.js";
import { UsageError } from "./exit.js";
import { existing, serverOptions } from "./options.js";
import type { Result } from "./output.js";

/** A command. */
export interface Command {
  summary: string;
  /** The words that must follow its name, such as `user`. */
  words?: readonly string[];
  flags: Record<string, Flag>;
  /** Runs it. A command that returns nothing has printed for itself. */
  run(values: Record<string, string>, words: readonly string[]): Promise<Result | void>;
}

/** The flag of every command that returns a result. */
export const JSON_FLAG: Record<string, Flag> = { json: { help: "print one JSON object, for scripts" } };

/** The flag of every command that lists a page. */
export const PAGE: Record<string, Flag> = {
  limit: { value: "number", help: "how many at most, 1 to 100", default: "50" },
};

/** Reads the flag `--limit`. */
export function pageSize({ limit }: Record<string, string>): number {
  if (!/^\d+$/.test(limit!) || Number(limit) < 1 || Number(limit) > 100)
    throw new UsageError(`--limit must be from 1 to 100, not ${limit}`);
  return Number(limit);
}

/** The flag of every command that destroys something. */
export const YES: Record<string, Flag> = { yes: { help: "do it without asking" } };

/** A server whose audit names the command line as the actor. */
class CommandLineServer extends AuthServer {
  begin(): Promise<void> {
    return this.call("serveCommandLine");
  }
}

/** Runs a command over an auth server, which is closed afterwards. */
export async function withServer<T>(
  options: Record<string, unknown>,
  run: (auth: AuthServer) => Promise<T>,
): Promise<T> {
  const auth = new CommandLineServer(options as unknown as ServerOptions);
  try {
    await auth.begin();
    return await run(auth);
  } finally {
    await auth.close();
  }
}

/**
 * The options of a server that only manages an existing database. It issues no tokens, so a secret of its own keeps it
 * from making keys in the database, and it creates no database.
 */
export function caretaker(values: Record<string, string>): Record<string, unknown> {
  const { secret: _, secretFile: __, apiKey: ___, ...options } = serverOptions(values);
  return { ...options, db: existing(String(options.db)), secret: randomBytes(48).toString("base64url") };
}

/** Runs a command over tables that are there already; `more` are further options of the server. */
export function withTables<T>(
  values: Record<string, string>,
  run: (auth: AuthServer) => Promise<T>,
  more: Record<string, unknown> = {},
): Promise<T> {
  return withServer({ ...caretaker(values), ...more }, async (auth) => {
    await auth.ready({ wait: 0 });
    return run(auth);
  });
}
