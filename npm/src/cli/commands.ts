import { SENTRI_OPENAPI } from "../generated/openapi.js";
import { suggest } from "./arguments.js";
import * as audit from "./audit.js";
import * as config from "./config.js";
import { JSON_FLAG, withServer, type Command } from "./command.js";
import { doctor } from "./doctor.js";
import { UsageError } from "./exit.js";
import { keyOptions } from "./file.js";
import { importUsers } from "./import.js";
import * as keys from "./keys.js";
import { DATABASE, MOUNT, WAIT, mountPath, printable, serverOptions } from "./options.js";
import * as serve from "./serve.js";
import * as sessions from "./sessions.js";
import * as users from "./users.js";

const migrate: Command = {
  summary: "create the tables, or bring them up to date",
  flags: { ...DATABASE, ...WAIT, ...JSON_FLAG },
  async run(values) {
    const options = serverOptions(values);
    const db = printable(String(options.db));
    await withServer({ ...options, ...keyOptions(values) }, (auth) => auth.migrate({ wait: values.wait! }));
    return { value: { migrated: true, db }, lines: [`the tables are up to date: ${db}`] };
  },
};

const openapi: Command = {
  summary: "print the endpoints as an OpenAPI 3.1 document",
  flags: {
    mount: MOUNT,
    server: { value: "url", help: "where the server is, such as https://auth.example.com", default: "" },
  },
  async run(values) {
    const { server = "" } = values;
    if (server !== "" && !/^https?:\/\//.test(server))
      throw new UsageError(`--server must be a URL with http:// or https://, not ${server}`);
    const url = server.replace(/\/+$/, "") + mountPath(values) || "/";
    console.log(JSON.stringify({ ...SENTRI_OPENAPI, servers: [{ url }] }, null, 2));
  },
};

/** Every command by its name; a name of two words is a verb of a group. */
export const COMMANDS: Record<string, Command> = {
  serve,
  migrate,
  "users list": users.list,
  "users show": users.show,
  "users create": users.create,
  "users set-password": users.setPassword,
  "users set-roles": users.setRoles,
  "users disable": users.disable,
  "users enable": users.enable,
  "users delete": users.remove,
  "sessions list": sessions.list,
  "sessions revoke": sessions.revoke,
  "audit list": audit.list,
  import: importUsers,
  "keys list": keys.list,
  "keys rotate": keys.rotate,
  "config check": config.check,
  "config print": config.show,
  "config schema": config.schema,
  doctor,
  openapi,
  "create-user": { ...users.create, summary: "the same as users create" },
};

/** The verbs of a group of commands; none where the word is no group. */
export function verbsOf(group: string): string[] {
  return Object.keys(COMMANDS)
    .filter((name) => name.startsWith(`${group} `))
    .map((name) => name.slice(group.length + 1));
}

/** The command that the arguments begin with, its name, and the arguments behind it. */
export function find(args: readonly string[]): { name: string; command: Command; rest: readonly string[] } {
  const [first = "", second] = args;
  const verbs = verbsOf(first);
  const name = verbs.length > 0 ? `${first} ${second}` : first;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return { name, command, rest: args.slice(verbs.length > 0 ? 2 : 1) };
  if (verbs.length > 0) {
    const wrong = second === undefined || second.startsWith("-") ? "" : suggest(second, verbs, "");
    const known = [verbs.slice(0, -1).join(", "), verbs.at(-1)].filter(Boolean).join(" or ");
    throw new UsageError(`${first} needs a verb: ${known}${wrong}`);
  }
  const known = Object.keys(COMMANDS).map((one) => one.split(" ")[0]!);
  throw new UsageError(`${first} is not a command${suggest(first, known, "")}`);
}
