// The types of the option `dialect`, in a project of a user's: without Kysely installed, and with it.
import { after, before, test } from "node:test";
import { makeConsumer } from "./support/consumer.mjs";

let consumer;

before(() => {
  consumer = makeConsumer(["typescript@5", "express@5", "@types/express@5", "@types/node@20"]);
  consumer.setType("module");
});

after(() => consumer.remove());

const compile = (code, skipLibCheck = false) => {
  consumer.write("dialect.ts", code);
  consumer.compile(["dialect.ts"], { module: "NodeNext", skipLibCheck, types: ["node"] });
};

test("it compiles without Kysely installed", () => {
  compile(`import { createAuth, type KyselyDialect } from "sentri";
export const make = (dialect: KyselyDialect) => createAuth({ mode: "server", validRoles: ["a"], dialect, dialectKind: "mysql" });
`);
});

test("it fits Kysely's own types, and so do its transactions", () => {
  consumer.install("kysely@0.28", "pg@8", "@types/pg@8");
  compile(
    `import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { createAuth } from "sentri";
const dialect = new PostgresDialect({ pool: new pg.Pool() });
export const auth = createAuth({ mode: "server", validRoles: ["user"], dialect });
const db = new Kysely<{ t: { a: string } }>({ dialect });
export const run = () => db.transaction().execute((trx) => auth.register({ identifiers: [], password: "" }, { trx }));
// @ts-expect-error not a transaction
export const wrong = () => auth.register({ identifiers: [], password: "" }, { trx: db });
`,
    true,
  );
});
