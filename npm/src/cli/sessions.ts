import { confirm } from "./ask.js";
import { JSON_FLAG, YES, withTables, type Command } from "./command.js";
import { CommandFailure, EXIT, UsageError } from "./exit.js";
import { DATABASE } from "./options.js";
import { columns, harmless } from "./output.js";
import { theUser } from "./users.js";

export const list: Command = {
  summary: "list a user's sessions, newest first",
  words: ["user"],
  flags: { ...DATABASE, ...JSON_FLAG },
  async run(values, [name]) {
    return withTables(values, async (auth) => {
      const { id } = await theUser(auth, name!);
      const sessions = (await auth.listSessions(id)).map(({ current: _, ...session }) => session);
      const rows = sessions.map((one) => [
        one.id,
        `used ${one.lastUsedAt}`,
        one.ip ?? "-",
        harmless(one.userAgent ?? "-"),
      ]);
      return { value: { sessions }, lines: rows.length ? columns(rows) : ["no sessions"] };
    });
  },
};

export const revoke: Command = {
  summary: "end a session, or all sessions of a user by --user",
  words: ["session?"],
  flags: {
    user: { value: "user", help: "every session of this user: an id or an identifier" },
    ...DATABASE,
    ...YES,
    ...JSON_FLAG,
  },
  async run(values, [session]) {
    if ((session === undefined) === (values.user === undefined)) {
      throw new UsageError(
        "name either a session or a user: sessions revoke <session>, or sessions revoke --user <user>",
      );
    }
    return withTables(values, async (auth) => {
      if (session === undefined) {
        const user = await theUser(auth, values.user!);
        await confirm(`End every session of ${user.id}?`, values);
        const revoked = await auth.revokeSessions(user.id);
        return { value: { revoked }, lines: [`ended ${revoked} ${revoked === 1 ? "session" : "sessions"}`] };
      }
      await confirm(`End the session ${harmless(session)}?`, values);
      if (!(await auth.revokeSession(session))) {
        throw new CommandFailure("SESSION_NOT_FOUND", `there is no live session ${harmless(session)}`, EXIT.notFound);
      }
      return { value: { revoked: 1 }, lines: ["ended 1 session"] };
    });
  },
};
