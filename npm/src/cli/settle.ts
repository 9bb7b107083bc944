import { loadNative } from "../loader.js";
import { inProduction } from "../production.js";
import { CommandFailure, UsageError } from "./exit.js";
import type { Ways } from "./serving/messages.js";

/** A value that is set, as `config print` shows it: secrets are hidden. */
export interface Setting {
  name: string;
  value: unknown;
  /** The flag, the variable, or the file and its line. */
  from: string;
  /** Whether SIGHUP changes it while the server runs. */
  hot: boolean;
  /** A text by which two values are compared, since `value` may be hidden. */
  mark: string;
}

/** The options of the command itself. Durations are seconds. */
export interface ServeOptions {
  port: number;
  host: string;
  mount: string;
  socket?: string;
  publicUrl?: string;
  setupToken?: string;
  messages?: Ways;
  tlsCert?: string;
  tlsKey?: string;
  hostCookies: boolean;
  metricsPort?: number;
  metricsHost: string;
  workers: number;
  drain: number;
  log: "json" | "pretty" | "off";
  logLevel: "debug" | "info" | "warn" | "error";
  wait: number;
  migrate: boolean;
}

/** The options in force. */
export interface Settled {
  /** The options of the auth server. */
  options: Record<string, unknown>;
  serve: ServeOptions;
  settings: Setting[];
  warnings: string[];
  /** The file that was read. */
  file: string | null;
}

/** A mistake in the options. `usage` means that it is in a flag or a variable. */
export interface Mistake {
  usage: boolean;
  message: string;
}

/** Has the core read the options from flags, environment and file. Returns them with the mistakes in them. */
export function look(flags: Record<string, string>): Settled & { errors: Mistake[] } {
  const given = { flags, variables: process.env, production: inProduction() };
  return JSON.parse(loadNative().settleOptions(JSON.stringify(given))) as Settled & { errors: Mistake[] };
}

/**
 * Reads the options in force.
 *
 * @throws UsageError for a flag or a variable, CommandFailure for a file or an option that is wrong
 */
export function settle(flags: Record<string, string>): Settled {
  const { errors, ...settled } = look(flags);
  refuse(errors);
  return settled;
}

/**
 * Throws the mistakes in options, if there are any.
 *
 * @throws UsageError for a flag or a variable, CommandFailure for a file or an option that is wrong
 */
export function refuse(errors: readonly Mistake[]): void {
  if (errors.length === 0) return;
  const message = errors.map((error) => error.message).join("\n");
  throw errors.every(({ usage }) => usage)
    ? new UsageError(message)
    : new CommandFailure("CONFIGURATION_ERROR", message);
}

/** The options that SIGHUP changes. */
export interface Reloaded {
  /** The options that differ. `hot` is false for an option that needs a restart. */
  changed: { name: string; hot: boolean }[];
  /** Whether an auth server of these options must replace the present server. */
  renew: boolean;
  /** The options in force afterwards. */
  options: Record<string, unknown>;
  settings: Setting[];
}

/** Compares the options in force with those that flags, environment and file give now. */
export function reload(
  before: Pick<Settled, "options" | "settings">,
  after: Pick<Settled, "options" | "settings">,
): Reloaded {
  return JSON.parse(loadNative().reloadOptions(JSON.stringify({ before, after }))) as Reloaded;
}

/** A line for the person at the terminal about what SIGHUP did. */
export function describeReload({ changed }: Reloaded): string {
  const names = (hot: boolean) => changed.filter((one) => one.hot === hot).map(({ name }) => name);
  const [done, left] = [names(true), names(false)];
  if (changed.length === 0) return "reload: nothing has changed";
  return [
    ...(done.length > 0 ? [`reload: changed ${done.join(", ")}`] : []),
    ...(left.length > 0 ? [`reload: ${left.join(", ")} can't change while it runs: start it anew`] : []),
  ].join("\n");
}
