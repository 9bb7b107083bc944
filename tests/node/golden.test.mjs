// The golden conversations of tests/http with real Express servers over real sockets, on every database.
import { test } from "node:test";
import { serve } from "./support/express.mjs";
import { conversations, databases, each, hold, isRaw } from "./support/golden.mjs";
import { expresses } from "./support/server.mjs";

const runs = [
  ["Express 5", "SQLite", false],
  ["Express 5", "PostgreSQL", false],
  ["Express 5", "SQLite", true],
  ["Express 4", "SQLite", false],
  ["Express 4", "PostgreSQL", true],
  ["Express 5", "PostgreSQL through Kysely", false],
  ["Express 5", "MySQL through Kysely", false],
  ["Express 5", "SQLite through Kysely", false],
];

for (const [name, database, parsed] of runs) {
  test(`golden conversations: ${name} on ${database}${parsed ? ", behind express.json()" : ""}`, async (t) => {
    const all = conversations().filter((conversation) => !parsed || !isRaw(conversation));
    await each(all, 4, (conversation) =>
      t.test(`${conversation.file} / ${conversation.name}`, () => hold(conversation, databases[database], serve(expresses[name], parsed))),
    );
  });
}
