import type { Flag } from "./arguments.js";

/** Flags of every command that opens a database. */
export const DATABASE: Record<string, Flag> = {
  db: { value: "url", help: "postgres://user:password@host:5432/database or sqlite:./file.db", env: "DB" },
};

/** Flags of every command that makes an auth server. */
export const SERVER: Record<string, Flag> = {
  ...DATABASE,
  secret: { value: "text", help: "private key (PEM) or shared secret; none: keys are kept in the database", env: "SENTRI_SECRET" },
  roles: { value: "list", help: "roles, separated by commas", env: "SENTRI_ROLES", default: "user,admin" },
  "api-key": { value: "text", help: "closes registration to others, opens the admin endpoints", env: "SENTRI_API_KEY" },
};

/** Where the endpoints are. */
export const MOUNT: Flag = { value: "path", help: "where the endpoints are", env: "SENTRI_MOUNT", default: "/auth" };

/** The mount point with a slash before and none after it; nothing for the root. */
export function mountPath({ mount = "" }: Record<string, string>): string {
  return `/${mount.replace(/^\/+|\/+$/g, "")}`.replace(/^\/$/, "");
}

/** The words of a list that is separated by commas. */
export function words(list = ""): string[] {
  return list.split(",").map((word) => word.trim()).filter(Boolean);
}

/** The options of an auth server from flags. */
export function serverOptions(values: Record<string, string>): Record<string, unknown> {
  const { secret, "api-key": apiKey } = values;
  const roles = words(values.roles ?? "user");
  return {
    mode: "server",
    db: values.db ?? process.env.DATABASE_URL ?? "sqlite:./sentri.db",
    validRoles: roles,
    ...(roles.includes("admin") ? {} : { adminRoles: [] }),
    ...(secret ? { secret } : {}),
    ...(apiKey ? { apiKey } : {}),
  };
}

/** A database URL that may be printed. */
export function printable(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//***@");
}
