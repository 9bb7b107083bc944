import type { Flag } from "./arguments.js";
import { CONFIG } from "./file.js";

/** The list of processes shows arguments to everybody, but not environments. */
const VISIBLE = "; ps shows it to everybody on this machine, so rather set the variable";

const PASSWORD_VISIBLE = "; ps shows a password in it, so rather set the variable";

/** Flags of every command that opens a database. */
export const DATABASE: Record<string, Flag> = {
  db: {
    value: "url",
    help: "postgres://user:password@host:5432/database or sqlite:./file.db" + PASSWORD_VISIBLE,
    env: "DB",
  },
  config: CONFIG,
};

/** The time for which a command waits for its database. */
export const WAIT: Record<string, Flag> = {
  wait: {
    value: "duration",
    help: "how long to wait for a database that is starting; 0: one attempt",
    env: "SENTRI_WAIT",
    default: "30s",
  },
};

/** Flags of every command that makes an auth server. */
export const SERVER: Record<string, Flag> = {
  ...DATABASE,
  secret: {
    value: "text",
    help: `private key (PEM) or shared secret; none: keys are kept in the database${VISIBLE}`,
    env: "SENTRI_SECRET",
  },
  "secret-file": { value: "path", help: "file with the private key (PEM) or shared secret", env: "SENTRI_SECRET_FILE" },
  roles: { value: "list", help: "roles, separated by commas", env: "SENTRI_ROLES", default: "user,admin" },
  "api-key": {
    value: "text",
    help: `closes registration to others, opens the admin endpoints${VISIBLE}`,
    env: "SENTRI_API_KEY",
  },
};

/** Every role, for commands whose `--roles` are those of a user. */
export const VALID_ROLES: Record<string, Flag> = {
  "valid-roles": { value: "list", help: "every role of the server", env: "SENTRI_ROLES", default: "user,admin" },
};

/** The flag for proxies that the server believes about addresses of clients. */
export const PROXY: Record<string, Flag> = {
  "trust-proxy": {
    value: "number or list",
    help: "how many proxies stand before it, or their addresses: whose X-Forwarded-For is believed",
    env: "SENTRI_TRUST_PROXY",
  },
};

/** The `trustProxy` option: a number, a list, or nothing. */
export function trustProxyOf({ "trust-proxy": proxies }: Record<string, string>): number | string[] | undefined {
  if (!proxies) return undefined;
  return /^\d+$/.test(proxies) ? Number(proxies) : words(proxies);
}

/** The mount path of the endpoints. */
export const MOUNT: Flag = { value: "path", help: "where the endpoints are", env: "SENTRI_MOUNT", default: "/auth" };

/** The mount point with a slash before and none after it; nothing for the root. */
export function mountPath({ mount = "" }: { mount?: string }): string {
  return `/${mount.replace(/^\/+|\/+$/g, "")}`.replace(/^\/$/, "");
}

/** The words of a list that is separated by commas. */
export function words(list = ""): string[] {
  return list
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
}

/** The options of an auth server from flags. */
export function serverOptions(values: Record<string, string>): Record<string, unknown> {
  const { secret, "secret-file": secretFile, "api-key": apiKey } = values;
  const roles = words(values.roles ?? "user");
  return {
    mode: "server",
    db: values.db ?? process.env.DATABASE_URL ?? "sqlite:./sentri.db",
    validRoles: roles,
    ...(roles.includes("admin") ? {} : { adminRoles: [] }),
    ...(secret ? { secret } : {}),
    ...(secretFile ? { secretFile } : {}),
    ...(apiKey ? { apiKey } : {}),
  };
}

/** Whether a URL names an SQLite file. */
export function isFile(url: string): boolean {
  return /^(sqlite|file):/i.test(url) && !/:memory:|[?&]mode=memory/.test(url);
}

/** Returns the URL of a database that must exist, so that opening an SQLite file does not create it. */
export function existing(url: string): string {
  if (!isFile(url) || /[?&]mode=/.test(url)) return url;
  return `${url}${url.includes("?") ? "&" : "?"}mode=rw`;
}

/** Returns a database URL without parts that may be secret, for printing. Drivers accept more than standard URLs. */
export function printable(url: string): string {
  const at = url.indexOf("?");
  const [base, query] = at < 0 ? [url, ""] : [url.slice(0, at), url.slice(at)];
  // The question mark may be part of a password.
  if (query.includes("@")) return url.replace(/^([\w+.-]*:(\/\/)?).*/s, "$1***");
  return (
    base.replace(/\/\/.*@/s, "//***@") +
    query.replace(/([?&])([^=&]*)=[^&]*/g, (pair, sign, name) => (isHarmless(name) ? pair : `${sign}${name}=***`))
  );
}

/** Whether a parameter of a URL may be printed. */
function isHarmless(name: string): boolean {
  return /^[\w-]+$/.test(name) && !/pass|pwd|secret|token|key/i.test(name);
}
