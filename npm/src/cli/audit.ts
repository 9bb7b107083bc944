import { JSON_FLAG, withTables, type Command } from "./command.js";
import { UsageError } from "./exit.js";
import { DATABASE } from "./options.js";
import { columns, harmless, paint } from "./output.js";
import { theUser } from "./users.js";

export const list: Command = {
  summary: "list what the audit keeps, newest first",
  flags: {
    ...DATABASE,
    limit: { value: "number", help: "how many at most, 1 to 100", default: "50" },
    cursor: { value: "text", help: "the page after another one: its nextCursor" },
    user: { value: "user", help: "only what is about this user: an id, or an identifier of a user who is there" },
    event: { value: "name", help: "only this event, such as auth.roles.assigned" },
    ...JSON_FLAG,
  },
  async run(values) {
    const limit = Number(values.limit);
    if (!/^\d+$/.test(values.limit!) || limit < 1 || limit > 100)
      throw new UsageError(`--limit must be from 1 to 100, not ${values.limit}`);
    return withTables(values, async (auth) => {
      const { cursor, event, user: name } = values;
      // Of a deleted user only the id is left.
      const user = name && (await theUser(auth, name).catch(() => ({ id: name }))).id;
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
