import type { Flag } from "./arguments.js";
import { CommandFailure } from "./exit.js";
import { look, refuse } from "./settle.js";

/** The flag of every command that works with the tables of `serve`. */
export const CONFIG: Flag = {
  value: "path",
  help: "file with options of serve: .toml, .json or .yaml",
  env: "SENTRI_CONFIG",
};

/**
 * The flags that a file of options sets if the command line omits them. `roles` are those of a user, not of the server.
 */
const OPTION_OF = {
  db: "db",
  "valid-roles": "validRoles",
  secret: "secret",
  "secret-file": "secretFile",
  "api-key": "apiKey",
  "trust-proxy": "trustProxy",
  redis: "redisUrl",
} as const;

/**
 * The values of flags, filled up from the file that `serve` would read, if there is one.
 *
 * @throws CommandFailure if the file can't be used
 */
export function withFile(flags: Record<string, Flag>, values: Record<string, string>): Record<string, string> {
  if (flags.config !== CONFIG) return values;
  const found = settled(values);
  if (!found || found.file === null) return values;
  const { file, options, errors } = found;
  if (errors.length > 0)
    throw new CommandFailure("CONFIGURATION_ERROR", errors.map(({ message }) => message).join("\n"));
  const filled = { ...values };
  for (const [flag, option] of Object.entries(OPTION_OF)) {
    const value = options[option];
    const isGiven = values[flag] !== undefined && values[flag] !== flags[flag]?.default;
    if (!(flag in flags) || isGiven || value === undefined) continue;
    if (typeof value === "object" && !Array.isArray(value))
      throw new CommandFailure("CONFIGURATION_ERROR", `${file}: ${option} is a table: name it as a URL by --${flag}`);
    filled[flag] = String(value);
  }
  return filled;
}

/**
 * Returns the options of stored keys, from file and environment, so that an added key is encrypted as the server's are.
 *
 * @throws UsageError, CommandFailure if an option is wrong, since the key would be stored unencrypted
 */
export function keyOptions(values: Record<string, string>): Record<string, unknown> {
  const { errors, options } = look(flagsOf(values));
  refuse(errors);
  return chosen(options, ["keys", "algorithm"]);
}

/** The options that decide which passwords are accepted and how they are hashed. */
export const PASSWORD_OPTIONS = ["password", "saltRounds"];
/** The options that decide which identifiers and passwords a new user may have. */
export const NEW_USER_OPTIONS = ["validIdentifiers", "confusables", ...PASSWORD_OPTIONS];

/**
 * Returns the options of these names, from file and environment.
 *
 * @throws UsageError, CommandFailure where an option is wrong
 */
export function ruleOptions(values: Record<string, string>, names: readonly string[]): Record<string, unknown> {
  const { errors, options } = look(flagsOf(values));
  refuse(errors);
  return chosen(options, names);
}

/** The options that decide which users are imported and how they are stored. */
const USER_OPTIONS = ["validRoles", "adminRoles", "defaultRoles", ...NEW_USER_OPTIONS, "encryptionKey", "mfa"];

/**
 * Returns the options of commands that import users, from file and environment, so that their secrets are
 * encrypted as the server's are.
 *
 * @throws UsageError, CommandFailure where an option is wrong
 */
export function userOptions(values: Record<string, string>): Record<string, unknown> {
  const { errors, options } = look({ ...flagsOf(values), roles: values["valid-roles"]! });
  refuse(errors);
  const { encryptionKey } = (options.keys ?? {}) as { encryptionKey?: unknown };
  return chosen({ encryptionKey, ...options }, USER_OPTIONS);
}

function chosen(options: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}

function flagsOf({ config }: Record<string, string>): Record<string, string> {
  return config ? { config } : {};
}

function settled(values: Record<string, string>): ReturnType<typeof look> | undefined {
  try {
    return look(flagsOf(values));
  } catch {
    // Without the native core no command works, and each command reports that itself.
    return undefined;
  }
}
