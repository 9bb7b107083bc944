// Kysely dialects as applications make them: `node dialects.mjs` serves batches of the core over its standard streams,
// for the Rust suite that every executor passes.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);

/** node:sqlite in the form that Kysely's SqliteDialect takes. */
export function nodeSqlite(filename) {
  const { DatabaseSync } = require("node:sqlite");
  const database = new DatabaseSync(filename);
  return {
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      };
    },
    close: () => database.close(),
  };
}

/** A pool of pg for a URL; `types` are parsers as an application may have set them. */
export function pgPool(url, more = {}) {
  const { Pool } = require("pg");
  return new Pool({ connectionString: url, max: 10, ...more });
}

/** A pool of mysql2 for a URL. */
export function mysqlPool(url, more = {}) {
  return require("mysql2").createPool({ uri: url, connectionLimit: 10, ...more });
}

/** A better-sqlite3 database in WAL mode, as its manual recommends. */
export function betterSqlite(filename) {
  const database = require("better-sqlite3")(filename, { timeout: 1500 });
  if (filename !== ":memory:") database.pragma("journal_mode = WAL");
  return database;
}

/** The dialect that an application would make over a driver. */
export function makeDialect(driver, where, more) {
  const { MysqlDialect, PostgresDialect, SqliteDialect } = require("kysely");
  switch (driver) {
    case "pg":
      return new PostgresDialect({ pool: pgPool(where, more) });
    case "mysql2":
      return new MysqlDialect({ pool: mysqlPool(where, more) });
    case "better-sqlite3":
      return new SqliteDialect({ database: betterSqlite(where) });
    case "node:sqlite":
      return new SqliteDialect({ database: nodeSqlite(where) });
    default:
      throw new Error(`no dialect over ${driver}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { DialectDatabase } = require("../../../npm/dist/kysely.js");
  const { describeDialect } = require("../../../npm/dist/kysely/kind.js");
  const [driver, where] = process.argv.slice(2);
  const dialect = makeDialect(driver, where);
  const database = new DialectDatabase(dialect, describeDialect(dialect));
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const { id, batch } = JSON.parse(line);
    const outcome = batch === undefined ? await database.close() : await database.run(JSON.stringify(batch));
    process.stdout.write(`${JSON.stringify({ id, outcome })}\n`);
  });
  lines.on("close", () => process.exit());
  process.stdout.write("ready\n");
}
