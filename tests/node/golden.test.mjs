// The golden conversations of tests/http with real servers of every framework over real sockets on SQLite. What a
// database answers no framework sees, so other databases under Express take turns, and body parsers: each conversation is held
// with one of them, and by `make soak` with all.
import { after, test } from "node:test";
import { frameworks, parsing, serve } from "./support/frameworks.mjs";
import { conversations, databases, each, hold, isRaw } from "./support/golden.mjs";
import { dropRenewed } from "./support/places.mjs";

const isLong = process.env.SENTRI_SOAK !== undefined;

/** Runs that take turns with each other. */
const groups = [
  ...Object.keys(frameworks).map((name) => [[name, "SQLite"]]),
  Object.keys(parsing).map((name) => [name, "SQLite"]),
  ["PostgreSQL", ...["PostgreSQL", "MySQL", "SQLite"].map((name) => `${name} through Kysely`)].map((database) => [
    "Express 5",
    database,
  ]),
];

after(dropRenewed);

for (const [name, database, isTurn] of groups.flatMap((group) =>
  group.map((run, place) => [...run, (index) => isLong || index % group.length === place]),
)) {
  test(`golden conversations: ${name} on ${database}`, async (t) => {
    const framework = frameworks[name] ?? parsing[name];
    const all = conversations().filter((conversation) => name in frameworks || !isRaw(conversation));
    await each(
      all.filter((_, index) => isTurn(index)),
      4,
      (conversation) =>
        t.test(`${conversation.file} / ${conversation.name}`, () =>
          hold(conversation, databases[database], (options) => serve(framework, options)),
        ),
    );
  });
}
