// The golden conversations of tests/http with real Express servers over real sockets, on SQLite and PostgreSQL.
import { test } from "node:test";
import { conversations, databases, each, hold, isRaw } from "./support/golden.mjs";
import { expresses, sentri } from "./support/server.mjs";

/** An Express application with its routes, as a user would write it. `parsed`: behind express.json(). */
function serve(express, parsed) {
  return async (options) => {
    const auth = sentri.createAuthExpress(options);
    const app = express();
    app.set("trust proxy", 1);
    app.disable("x-powered-by");
    if (parsed) app.use(express.json());
    app.use("/auth", auth.router());
    const answer = (req, res) => res.json(req.user);
    const editors = auth.permit({ roles: ["admin"], check: async (req) => req.user.roles.includes("editor") });
    app.all("/protected", auth.protect(), answer);
    app.all("/admin-only", auth.protect(), auth.authorize("admin"), answer);
    app.all("/editors", auth.protect(), editors, answer);
    app.all("/unguarded-admin", auth.authorize("admin"), answer);
    app.all("/unguarded-editors", editors, answer);
    app.use(auth.errorHandler());
    const server = await new Promise((resolve) => {
      const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
    });
    const close = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await auth.close();
    };
    return { auth, base: `http://127.0.0.1:${server.address().port}`, close };
  };
}

const runs = [
  ["Express 5", "SQLite", false],
  ["Express 5", "PostgreSQL", false],
  ["Express 5", "SQLite", true],
  ["Express 4", "SQLite", false],
  ["Express 4", "PostgreSQL", true],
];

for (const [name, database, parsed] of runs) {
  test(`golden conversations: ${name} on ${database}${parsed ? ", behind express.json()" : ""}`, async (t) => {
    const all = conversations().filter((conversation) => !parsed || !isRaw(conversation));
    await each(all, 4, (conversation) =>
      t.test(`${conversation.file} / ${conversation.name}`, () => hold(conversation, databases[database], serve(expresses[name], parsed))),
    );
  });
}
