import { JSON_FLAG, PAGE, pageSize, withTables, type Command } from "./command.js";
import { DATABASE } from "./options.js";
import { columns, harmless, paint } from "./output.js";
import { theUser } from "./users.js";

/** Treats a name that no user has as the id of a deleted user. */
const onlyId = (name: string) => (error: unknown) => {
  if ((error as { code?: string }).code !== "USER_NOT_FOUND") throw error;
  return { id: name };
};

export const list: Command = {
  summary: "list what the audit keeps, newest first",
  flags: {
    ...DATABASE,
    ...PAGE,
    cursor: { value: "text", help: "the page after another one: its nextCursor" },
    user: { value: "user", help: "only what is about this user: an id, or an identifier of a user who is there" },
    event: { value: "name", help: "only this event, such as auth.roles.assigned" },
    ...JSON_FLAG,
  },
  async run(values) {
    const limit = pageSize(values);
    return withTables(values, async (auth) => {
      const { cursor, event, user: name } = values;
      // Of a deleted user only the id is left.
      const user = name && (await theUser(auth, name).catch(onlyId(name))).id;
      const page = await auth.listAudit({ limit, cursor, user, event });
      const rows = page.entries.map((one) => [
        one.at,
        one.event,
        `by ${one.actor ?? "-"}`,
        `about ${one.subject ?? "-"}`,
      ]);
      const lines = rows.length ? columns(rows.map((row) => row.map(harmless))) : ["no entries"];
      if (page.nextCursor !== null) lines.push(paint(`more: --cursor ${page.nextCursor}`, "dim"));
      return { value: page, lines };
    });
  },
};
