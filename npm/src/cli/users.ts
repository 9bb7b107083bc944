import { SentriError } from "../errors.js";
import type { AuthServer } from "../server.js";
import type { User } from "../types.js";
import { suggest } from "./arguments.js";
import { confirm, readPassword } from "./ask.js";
import { JSON_FLAG, PAGE, YES, caretaker, pageSize, withServer, withTables, type Command } from "./command.js";
import { CommandFailure, EXIT, UsageError } from "./exit.js";
import { NEW_USER_OPTIONS, PASSWORD_OPTIONS, ruleOptions } from "./file.js";
import { DATABASE, SERVER, VALID_ROLES, WAIT, serverOptions, words } from "./options.js";
import { columns, harmless, paint } from "./output.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The user with an id or an identifier. */
export async function theUser(auth: AuthServer, text: string): Promise<User> {
  const user = (UUID.test(text) && (await auth.getUser(text))) || (await auth.findUser(text));
  if (!user) throw new SentriError("USER_NOT_FOUND", `there is no user ${harmless(text)}`);
  return user;
}

function cells({ id, roles, identifiers, disabled }: User): string[] {
  const names = identifiers.map(({ type, value }) => `${type}:${harmless(value)}`);
  return [id, roles.join(",") || "-", [...names, ...(disabled ? ["(disabled)"] : [])].join(" ")];
}

const row = (user: User): string[] => columns([cells(user)]);

/** The roles of `--roles`, each of which must be one of `--valid-roles`. */
function rolesOf(values: Record<string, string>): { roles: string[]; valid: string } {
  const [roles, valid] = [words(values.roles), words(values["valid-roles"])];
  const unknown = roles.find((role) => !valid.includes(role));
  if (unknown === undefined) return { roles, valid: valid.join(",") };
  throw new UsageError(
    `--roles ${unknown} is not one of --valid-roles ${valid.join(",")}${suggest(unknown, valid, "")}`,
  );
}

export const create: Command = {
  summary: "create a user; the password is asked for, or read from standard input",
  flags: {
    identifier: {
      value: "type:value",
      help: "such as email:rizz@example.com; several separated by commas",
      repeats: true,
    },
    ...SERVER,
    ...WAIT,
    roles: { value: "list", help: "roles to give, separated by commas", default: "", repeats: true },
    ...VALID_ROLES,
    ...JSON_FLAG,
  },
  async run(values) {
    if (!values.identifier)
      throw new UsageError("--identifier is missing: such as --identifier email:rizz@example.com");
    const identifiers = values.identifier.split(",").map((text) => {
      const at = text.indexOf(":");
      if (at <= 0) throw new UsageError(`--identifier ${text}: write type:value, such as username:rizz`);
      return { type: text.slice(0, at), value: text.slice(at + 1) };
    });
    const { roles, valid } = rolesOf(values);
    const rules = ruleOptions(values, NEW_USER_OPTIONS);
    const password = await readPassword();
    const { secret, secretFile, ...options } = serverOptions({ ...values, roles: valid });
    const signing = secret || secretFile ? { secret, secretFile } : { secret: caretaker(values).secret };
    return withServer({ ...options, ...signing, ...rules }, async (auth) => {
      await auth.migrate({ wait: values.wait! });
      const result = await auth.register({ identifiers, password, roles });
      if (!result.success) throw new SentriError(result.error.code, result.error.message, result.error.statusCode);
      const { user } = result;
      return {
        value: { user },
        lines: [`created ${user.id} with ${roles.length ? `roles ${roles.join(", ")}` : "no roles"}`],
      };
    });
  },
};

export const list: Command = {
  summary: "list users, oldest first",
  flags: {
    ...DATABASE,
    ...PAGE,
    cursor: { value: "text", help: "the page after another one: its nextCursor" },
    identifier: { value: "text", help: "only the owner of this identifier, in any spelling" },
    search: { value: "text", help: "only the owners of identifiers that begin so, in any spelling" },
    ...JSON_FLAG,
  },
  async run(values) {
    const limit = pageSize(values);
    return withTables(values, async (auth) => {
      const { cursor, identifier, search } = values;
      const page = await auth.listUsers({ limit, cursor, identifier, search });
      const lines = page.users.length ? columns(page.users.map(cells)) : ["no users"];
      if (page.nextCursor !== null) lines.push(paint(`more: --cursor ${page.nextCursor}`, "dim"));
      return { value: page, lines };
    });
  },
};

export const show: Command = {
  summary: "show a user",
  words: ["user"],
  flags: { ...DATABASE, ...JSON_FLAG },
  async run(values, [name]) {
    return withTables(values, async (auth) => {
      const user = await theUser(auth, name!);
      return { value: { user }, lines: row(user) };
    });
  },
};

export const setPassword: Command = {
  summary: "set a user's password, which ends every session; it is asked for, or read from standard input",
  words: ["user"],
  flags: { ...DATABASE, ...JSON_FLAG },
  async run(values, [name]) {
    const set = async (auth: AuthServer) => {
      const user = await theUser(auth, name!);
      await auth.setPassword(user.id, await readPassword());
      return { value: { user }, lines: [`the password of ${user.id} is set, and every session ended`] };
    };
    return withTables(values, set, ruleOptions(values, PASSWORD_OPTIONS));
  },
};

export const setRoles: Command = {
  summary: "replace a user's roles",
  words: ["user"],
  flags: {
    roles: {
      value: "list",
      help: "every role of the user from now on, separated by commas; empty for none",
      repeats: true,
    },
    ...VALID_ROLES,
    ...DATABASE,
    ...JSON_FLAG,
  },
  async run(values, [name]) {
    if (values.roles === undefined)
      throw new UsageError('--roles is missing: such as --roles admin, or --roles "" for none');
    const { roles, valid } = rolesOf(values);
    return withTables({ ...values, roles: valid }, async (auth) => {
      const user = await theUser(auth, name!);
      const { roles: given } = await auth.assignRoles(user.id, roles);
      return { value: { user: { ...user, roles: given } }, lines: row({ ...user, roles: given }) };
    });
  },
};

export const disable: Command = {
  summary: "disable a user, which ends every session; nothing signs them in",
  words: ["user"],
  flags: {
    reason: { value: "text", help: "for admins: a line of at most 500 characters" },
    until: { value: "instant", help: "the end, such as 2026-12-24T18:00:00Z; none unless given" },
    ...DATABASE,
    ...JSON_FLAG,
  },
  async run(values, [name]) {
    return withTables(values, async (auth) => {
      const { id } = await theUser(auth, name!);
      const user = await auth.disableUser(id, { reason: values.reason, until: values.until });
      const until = user.disabled?.until ? ` until ${user.disabled.until}` : "";
      return { value: { user }, lines: [`disabled ${id}${until}, and every session ended`] };
    });
  },
};

export const enable: Command = {
  summary: "enable a user who was disabled",
  words: ["user"],
  flags: { ...DATABASE, ...JSON_FLAG },
  async run(values, [name]) {
    return withTables(values, async (auth) => {
      const { id } = await theUser(auth, name!);
      return { value: { user: await auth.enableUser(id) }, lines: [`enabled ${id}`] };
    });
  },
};

export const remove: Command = {
  summary: "delete a user with all sessions and identifiers",
  words: ["user"],
  flags: { ...DATABASE, ...YES, ...JSON_FLAG },
  async run(values, [name]) {
    return withTables(values, async (auth) => {
      const user = await theUser(auth, name!);
      await confirm(`Delete ${row(user)[0]}?`, values);
      if (!(await auth.deleteUser(user.id)))
        throw new CommandFailure("USER_NOT_FOUND", `there is no user ${user.id}`, EXIT.notFound);
      return { value: { user }, lines: [`deleted ${user.id}`] };
    });
  },
};
