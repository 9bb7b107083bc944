// The golden conversations of tests/http with real servers of every framework over real sockets on SQLite, and with Express on
// PostgreSQL and through a Kysely dialect on every database. What a database answers no framework sees.
import { test } from "node:test";
import { frameworks, parsing, serve } from "./support/frameworks.mjs";
import { conversations, databases, each, hold, isRaw } from "./support/golden.mjs";

const runs = [
  ...Object.keys(frameworks).map((name) => [name, "SQLite"]),
  ["Express 5", "PostgreSQL"],
  ...Object.keys(parsing).map((name) => [name, "SQLite"]),
  ...["PostgreSQL", "MySQL", "SQLite"].map((database) => ["Express 5", `${database} through Kysely`]),
];

for (const [name, database] of runs) {
  test(`golden conversations: ${name} on ${database}`, async (t) => {
    const framework = frameworks[name] ?? parsing[name];
    const all = conversations().filter((conversation) => name in frameworks || !isRaw(conversation));
    await each(all, 4, (conversation) =>
      t.test(`${conversation.file} / ${conversation.name}`, () =>
        hold(conversation, databases[database], (options) => serve(framework, options)),
      ),
    );
  });
}
