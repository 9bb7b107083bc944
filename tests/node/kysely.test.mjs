// The option `dialect`: the drivers of an application under it, its parsers, its transactions, its outages.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { test } from "node:test";
import { betterSqlite, makeDialect, mysqlPool, pgPool } from "./support/dialects.mjs";
import { mysqlDatabase, onPostgres, postgresSchema, sqlitePath } from "./support/places.mjs";
import { options, testClock, user } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { Kysely, MssqlAdapter, MysqlDialect, PostgresDialect, SqliteDialect } = require("kysely");
const { makeServer: createAuth } = require("../../npm/dist/engine.js");

const DRIVERS = { pg: postgresSchema, mysql2: mysqlDatabase, "better-sqlite3": sqlitePath };

const own = (more) => {
  const { db, ...rest } = options(more);
  return rest;
};

/** A place that goes with the test. */
async function place(t, make) {
  const { url, drop } = await make();
  t.after(drop);
  return url;
}

const throwsConfiguration = (run, ...words) =>
  assert.throws(
    run,
    (error) => error.code === "CONFIGURATION_ERROR" && words.every((word) => error.message.includes(word)),
  );

for (const [driver, make] of Object.entries(DRIVERS)) {
  test(`the life of a user through ${driver}`, async (t) => {
    const auth = createAuth(own({ dialect: makeDialect(driver, await place(t, make)) }));
    await assert.rejects(auth.ready(), { code: "CONFIGURATION_ERROR", message: /migrate\(\)/ });
    await Promise.all([auth.migrate(), auth.migrate()]);
    const { user: made } = await auth.register(user("rizz", { roles: ["admin"] }));
    assert.deepEqual(await auth.getUser(made.id), made);
    assert.equal((await auth.findUser("RIZZ")).id, made.id);
    assert.equal((await auth.register(user("rizz"))).error.code, "USER_ALREADY_EXISTS");
    const before = Date.now();
    const { sessionId } = await auth.createSession(made.id, { ip: "203.0.113.7", userAgent: "test/1" });
    const [session] = await auth.listSessions(made.id);
    assert.equal(session.id, sessionId);
    assert.ok(Math.abs(Date.parse(session.createdAt) - before) < 10_000, session.createdAt);
    assert.equal(await auth.revokeSession(sessionId), true);
    assert.equal(await auth.deleteUser(made.id), true);
    await auth.close();
    await assert.rejects(auth.getUser(made.id), { code: "SERVICE_UNAVAILABLE" });
  });

  test(`calls join a transaction of the application's through ${driver}`, async (t) => {
    const where = await place(t, make);
    const database = driver === "better-sqlite3" ? betterSqlite(where) : undefined;
    const dialect = () => (database ? new SqliteDialect({ database }) : makeDialect(driver, where));
    const auth = createAuth(own({ dialect: dialect() }));
    await auth.migrate();
    const db = new Kysely({ dialect: dialect() });
    await db.schema.createTable("accounts").addColumn("name", "varchar(40)").execute();
    const accounts = async () => (await db.selectFrom("accounts").select("name").execute()).map(({ name }) => name);
    class Undo extends Error {}

    const undone = db.transaction().execute(async (trx) => {
      await trx.insertInto("accounts").values({ name: "undone" }).execute();
      assert.equal((await auth.register(user("undone"), { trx })).success, true);
      throw new Undo();
    });
    await assert.rejects(undone, Undo);
    assert.equal(await auth.findUser("undone"), null);
    assert.deepEqual(await accounts(), []);

    const { user: rizz } = await db.transaction().execute(async (trx) => {
      await trx.insertInto("accounts").values({ name: "rizz" }).execute();
      return auth.register(user("rizz"), { trx });
    });
    assert.equal((await auth.findUser("rizz")).id, rizz.id);

    // What is refused is undone by itself; what the application did before and after it stays.
    const codes = await db.transaction().execute(async (trx) => {
      await trx.insertInto("accounts").values({ name: "first" }).execute();
      const taken = {
        identifiers: [
          { type: "username", value: "new" },
          { type: "handle", value: "rizz" },
        ],
        password: "correct horse 1",
      };
      const refused = [
        await auth.register(taken, { trx }),
        await auth.bulkCreateIdentifiers(
          rizz.id,
          [
            { type: "handle", value: "x" },
            { type: "handle", value: "rizz" },
          ],
          { trx },
        ),
        await auth.bulkDeleteIdentifiers(rizz.id, [rizz.identifiers[0].id], { trx }),
      ];
      await trx.insertInto("accounts").values({ name: "second" }).execute();
      const added = await auth.bulkCreateIdentifiers(rizz.id, [{ type: "handle", value: "added" }], { trx });
      const updated = await auth.bulkUpdateIdentifiers(rizz.id, [{ type: "handle", value: "changed" }], { trx });
      assert.deepEqual([added.success, updated.success], [true, true]);
      return refused.map(({ error }) => error.code);
    });
    assert.deepEqual(codes, ["USER_ALREADY_EXISTS", "IDENTIFIER_ALREADY_EXISTS", "VALIDATION_ERROR"]);
    assert.deepEqual(await accounts(), ["rizz", "first", "second"]);
    assert.equal(await auth.findUser("new"), null);
    assert.equal(await auth.findUser("x"), null);
    assert.deepEqual(
      (await auth.getUser(rizz.id)).identifiers.map(({ value }) => value),
      ["rizz", "changed"],
    );

    await assert.rejects(auth.register(user("nobody"), { trx: db }), { code: "CONFIGURATION_ERROR", message: /trx/ });
    // The handle of SQLite is the one that `db` ends; the others have a pool of their own.
    await auth.close({ keepPool: database !== undefined });
    await db.destroy();
  });
}

for (const [driver, make] of Object.entries(DRIVERS)) {
  test(`what runs at once in one transaction does not undo each other through ${driver}`, async (t) => {
    const where = await place(t, make);
    const auth = createAuth(own({ dialect: makeDialect(driver, where) }));
    await auth.migrate();
    const [{ user: one }, { user: two }] = [await auth.register(user("one")), await auth.register(user("two"))];
    await auth.register(user("taken"));
    const db = new Kysely({ dialect: makeDialect(driver, where) });
    await db.schema.createTable("accounts").addColumn("name", "varchar(40)").execute();
    const handles = (...names) => names.map((value) => ({ type: "handle", value }));
    const many = Array.from({ length: 20 }, (_, n) => `many${n}`);
    for (let round = 0; round < 5; round++) {
      await db.transaction().execute(async (trx) => {
        const answers = await Promise.all([
          auth.bulkCreateIdentifiers(one.id, handles(...many, "taken"), { trx }),
          auth.bulkCreateIdentifiers(two.id, handles(`first${round}`), { trx }),
          // The same transaction by another object, as repositories with a schema of their own have it.
          auth.bulkCreateIdentifiers(two.id, handles(`second${round}`), { trx: trx.withoutPlugins() }),
          ...Array.from({ length: 10 }, () =>
            trx
              .insertInto("accounts")
              .values({ name: `own${round}` })
              .execute(),
          ),
        ]);
        assert.deepEqual(
          answers.slice(0, 3).map(({ success }) => success),
          [false, true, true],
        );
      });
      const there = (await auth.getUser(two.id)).identifiers.map(({ value }) => value);
      assert.deepEqual(there.slice(-2).sort(), [`first${round}`, `second${round}`]);
      assert.equal(
        (await db.selectFrom("accounts").selectAll().where("name", "=", `own${round}`).execute()).length,
        10,
      );
    }
    assert.equal((await auth.getUser(one.id)).identifiers.length, 1);
    await auth.close();
    await db.destroy();
  });
}

test("a call that fails in a transaction holds up none of those behind it", async (t) => {
  const auth = createAuth(own({ dialect: makeDialect("pg", await place(t, postgresSchema)) }));
  await auth.migrate();
  const gone = {
    isTransaction: true,
    getExecutor: () => ({
      provideConnection: async () => {
        throw new Error("gone");
      },
    }),
  };
  const codes = await Promise.all(
    ["a", "b"].map((name) => auth.register(user(name), { trx: gone }).catch(({ code }) => code)),
  );
  assert.deepEqual(codes, ["SERVICE_UNAVAILABLE", "SERVICE_UNAVAILABLE"]);
  await auth.close();
});

test("nothing is said to be done that the rollback of somebody else's transaction on the same SQLite object undoes", async () => {
  const database = betterSqlite(":memory:");
  const auth = createAuth(own({ dialect: new SqliteDialect({ database }) }));
  await auth.migrate();
  const { user: rizz } = await auth.register(user("rizz"));
  const { sessionId } = await auth.createSession(rizz.id);
  const db = new Kysely({ dialect: new SqliteDialect({ database }) });
  const foreign = async (during) => {
    await assert.rejects(
      db.transaction().execute(async (trx) => {
        await trx.selectFrom("sentri_users").selectAll().execute();
        await during();
        throw new Error("undone");
      }),
      /undone/,
    );
  };

  await foreign(() => assert.rejects(auth.revokeSession(sessionId), { code: "SERVICE_UNAVAILABLE" }));
  assert.deepEqual(
    (await auth.listSessions(rizz.id)).map(({ id }) => id),
    [sessionId],
  );

  let revoked;
  await foreign(async () => {
    revoked = auth.revokeSession(sessionId);
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
  assert.equal(await revoked, true, "what finds the other one ended in time is repeated");
  assert.deepEqual(await auth.listSessions(rizz.id), []);
  await auth.close();
});

test("trx is refused where sentri has connections of its own", async () => {
  const auth = createAuth(options());
  await auth.migrate();
  const db = new Kysely({ dialect: makeDialect("better-sqlite3", ":memory:") });
  const joined = db.transaction().execute((trx) => auth.register(user("rizz"), { trx }));
  await assert.rejects(joined, { code: "CONFIGURATION_ERROR", message: /dialect/ });
  assert.equal(await auth.findUser("rizz"), null);
  await auth.close();
  await db.destroy();
});

test("plugins and parsers of the application change nothing", async (t) => {
  const { types } = require("pg");
  const parsers = {
    20: BigInt,
    1114: (text) => ({ parsed: text }),
    1184: (text) => ({ parsed: text }),
    25: (text) => text,
  };
  const custom = { getTypeParser: (oid, format) => parsers[oid] ?? types.getTypeParser(oid, format) };
  const dialects = [
    new PostgresDialect({ pool: pgPool(await place(t, postgresSchema), { types: custom, options: undefined }) }),
    ...[
      { dateStrings: true },
      { timezone: "+09:00" },
      { supportBigNumbers: true, bigNumberStrings: true },
      { flags: "-FOUND_ROWS" },
    ],
  ];
  for (const given of dialects) {
    const dialect =
      given instanceof PostgresDialect
        ? given
        : new MysqlDialect({ pool: mysqlPool(await place(t, mysqlDatabase), given) });
    // The clock stands still, so that the same roles are set in the same millisecond.
    const auth = createAuth(own({ dialect, clock: testClock(Date.now()) }));
    t.after(() => auth.close());
    await auth.migrate();
    const { user: made } = await auth.register(user("rizz", { roles: ["admin", "user"] }));
    const before = Date.now();
    const { refreshToken } = await auth.createSession(made.id);
    const answer = await auth.handle({
      method: "POST",
      path: "/refresh",
      headers: [["cookie", `refresh_token=${refreshToken}`]],
    });
    assert.equal(answer.status, 200, answer.body);
    const [session] = await auth.listSessions(made.id);
    for (const at of [session.createdAt, session.lastUsedAt]) assert.ok(Math.abs(Date.parse(at) - before) < 10_000, at);
    assert.deepEqual((await auth.getUser(made.id)).roles, ["admin", "user"]);
    await auth.assignRoles(made.id, ["user"]);
    await auth.assignRoles(made.id, ["user"]);
  }
});

test("big integers as such come from better-sqlite3 too", async () => {
  const database = betterSqlite(":memory:").defaultSafeIntegers(true);
  const auth = createAuth(own({ dialect: new SqliteDialect({ database }) }));
  await auth.migrate();
  const { user: made } = await auth.register(user("rizz"));
  await auth.createSession(made.id);
  assert.equal((await auth.listSessions(made.id)).length, 1);
  await auth.close();
});

test("a dialect tells its database by its adapter, in whatever copy of Kysely, or is told", () => {
  const { describeDialect } = require("../../npm/dist/kysely/kind.js");
  const base = makeDialect("better-sqlite3", ":memory:");
  const of = (adapter) => ({ createDriver: () => base.createDriver(), createAdapter: () => adapter });
  const copy = (name, abilities) =>
    Object.assign(Object.create({ constructor: { name } }), { supportsCreateIfNotExists: true, ...abilities });
  assert.equal(describeDialect(base), "sqlite");
  assert.equal(describeDialect(of(copy("MysqlAdapter", {}))), "mysql");
  assert.equal(describeDialect(of(copy("a", { supportsTransactionalDdl: true, supportsReturning: true }))), "postgres");
  assert.equal(describeDialect(of(copy("b", { supportsTransactionalDdl: false, supportsReturning: false }))), "mysql");
  assert.equal(describeDialect(of(copy("c", { supportsTransactionalDdl: false, supportsReturning: true }))), "sqlite");
  assert.equal(describeDialect(of(new MssqlAdapter())), "[dialect]");

  throwsConfiguration(() => createAuth(own({ dialect: of(new MssqlAdapter()) })), "dialectKind", "'postgres'");
  throwsConfiguration(() => createAuth(own({ dialect: base, dialectKind: "oracle" })), "dialectKind");
  throwsConfiguration(() => createAuth(options({ dialectKind: "postgres" })), "dialectKind");
  throwsConfiguration(() => createAuth(options({ dialect: base })), "dialect", "db");
  for (const wrong of ["postgres", {}, 1, new Kysely({ dialect: base })]) {
    throwsConfiguration(() => createAuth(own({ dialect: wrong })), "dialect", "PostgresDialect");
  }
  assert.ok(createAuth(own({ dialect: of(new MssqlAdapter()), dialectKind: "sqlite" })));
});

/** A PostgreSQL dialect whose driver fails at the n-th query; `lost`: as if the connection were gone. */
function failing(where, fails) {
  const dialect = makeDialect("pg", where);
  const wrap = (connection) => ({
    executeQuery: async (query) => (await fails(query), connection.executeQuery(query)),
    inner: connection,
  });
  const createDriver = () => {
    const driver = dialect.createDriver();
    const begin = (connection) => connection.executeQuery({ sql: "begin", parameters: [] });
    return {
      init: () => driver.init(),
      acquireConnection: async () => wrap(await driver.acquireConnection()),
      beginTransaction: begin,
      commitTransaction: (connection) => connection.executeQuery({ sql: "commit", parameters: [] }),
      rollbackTransaction: ({ inner }) => driver.rollbackTransaction(inner),
      releaseConnection: ({ inner }) => driver.releaseConnection(inner),
      destroy: () => driver.destroy(),
    };
  };
  return { createDriver, createAdapter: () => dialect.createAdapter() };
}

test("a fault at the n-th query, for all n, leaves no half user", async (t) => {
  const where = await place(t, postgresSchema);
  let left = 0;
  const fails = async () => {
    if (left > 0 && (left -= 1) === 0) throw Object.assign(new Error("connection lost"), { code: "ECONNRESET" });
  };
  const auth = createAuth(own({ dialect: failing(where, fails) }));
  await auth.migrate();
  let [n, users, refused] = [0, 0, 0];
  for (let fired = true; fired; ) {
    left = n += 1;
    const identifiers = [
      { type: "username", value: `user${n}` },
      { type: "handle", value: `handle${n}` },
    ];
    const outcome = await auth.register({ identifiers, password: "correct horse 1" }).catch((error) => error.code);
    fired = left === 0;
    left = 0;
    // Reads that come first are made again by themselves; then all is done, else nothing.
    const done = outcome.success === true;
    if (done) users += 1;
    else refused += 1;
    assert.ok(done || (fired && outcome === "SERVICE_UNAVAILABLE"), `query ${n}: ${JSON.stringify(outcome)}`);
    const [{ count }] = await onPostgres(
      where,
      `SELECT count(*)::int FROM sentri_identifiers WHERE value IN ('user${n}', 'handle${n}')`,
    );
    assert.equal(count, done ? 2 : 0, `query ${n}`);
    assert.equal((await onPostgres(where, "SELECT 1 FROM sentri_users")).length, users);
  }
  assert.ok(refused > 3, `${refused} of ${n} faults were refused`);
  await auth.close();
});

test("work that comes too late is undone", async (t) => {
  const where = await place(t, postgresSchema);
  let slow = false;
  let finish;
  const auth = createAuth(
    own({
      dialect: failing(where, async ({ sql: text }) => {
        if (slow && text.includes("INTO sentri_users")) {
          slow = false;
          await new Promise((resolve) => (finish = resolve));
        }
      }),
    }),
  );
  await auth.migrate();
  slow = true;
  await assert.rejects(auth.register(user("late")), { code: "SERVICE_UNAVAILABLE" });
  finish();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.deepEqual(await onPostgres(where, "SELECT id FROM sentri_users"), []);
  assert.equal((await auth.register(user("late"))).success, true);
  await auth.close();
});

test("a change of the schema takes its time", async (t) => {
  const { DialectDatabase } = require("../../npm/dist/kysely.js");
  const database = new DialectDatabase(makeDialect("pg", await place(t, postgresSchema)), "postgres");
  const run = async (schema, ...texts) => {
    const statements = texts.map((sql) => ({ sql, params: [], expect: null, returns: sql.startsWith("SELECT") }));
    const batch = { limit: 800, plain: false, reads: false, schema, transaction: null, cleanup: null, statements };
    return JSON.parse(await database.run(JSON.stringify(batch)));
  };
  await run(false, "SELECT 1 AS one");
  const late = ["CREATE TABLE things (id INT)", "SELECT CAST(pg_sleep(1) AS TEXT) AS slept"];
  assert.equal((await run(false, ...late)).failed.code, "LATE");
  assert.equal((await run(true, ...late)).done.length, 2);
  assert.deepEqual((await run(false, "SELECT id FROM things")).done, [{ count: 0, rows: [] }]);
  await database.close();
});

test("a server that says nothing is a 503 in time, and no cookie is taken", async (t) => {
  const silent = createServer(() => {});
  const sockets = new Set();
  silent.on("connection", (socket) => sockets.add(socket.on("error", () => {})));
  await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const { port } = silent.address();
  for (const dialect of [
    new PostgresDialect({ pool: pgPool(`postgres://nobody@127.0.0.1:${port}/none`) }),
    new MysqlDialect({ pool: mysqlPool(`mysql://nobody@127.0.0.1:${port}/none`) }),
    new PostgresDialect({ pool: pgPool("postgres://nobody@127.0.0.1:1/none") }),
    new MysqlDialect({ pool: mysqlPool("mysql://nobody@127.0.0.1:1/none") }),
  ]) {
    const auth = createAuth(own({ dialect }));
    const started = Date.now();
    const answer = await auth.handle({ method: "POST", path: "/refresh", headers: [["cookie", "refresh_token=x"]] });
    assert.equal(answer.status, 503, answer.body);
    const headers = Object.fromEntries(answer.headers.map(([name, value]) => [name.toLowerCase(), value]));
    assert.ok(headers["retry-after"]);
    assert.equal(headers["set-cookie"], undefined);
    assert.ok(Date.now() - started < 3_000);
  }
});

test("connections that the server ends are replaced", async (t) => {
  const where = await place(t, postgresSchema);
  const pool = pgPool(where, { application_name: "sentri-kysely-test" });
  pool.on("error", () => {});
  // pg tells of a connection that is lost in use by an event too, which ends a process that does not listen.
  pool.on("connect", (client) => client.on("error", () => {}));
  const auth = createAuth(own({ dialect: new PostgresDialect({ pool }) }));
  await auth.migrate();
  const { user: made } = await auth.register(user("rizz"));
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(Array.from({ length: 10 }, () => auth.getUser(made.id)));
    await onPostgres(
      where,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sentri-kysely-test'",
    );
    assert.equal((await auth.getUser(made.id)).id, made.id, "a read is read again");
  }
  assert.equal((await auth.register(user("second"))).success, true);
  await auth.close();
  assert.equal(pool.totalCount, 0);
});

test("close() ends the pool unless it is to be kept", async (t) => {
  const where = await place(t, postgresSchema);
  const pool = pgPool(where);
  const kept = createAuth(own({ dialect: new PostgresDialect({ pool }) }));
  await kept.migrate();
  await kept.close({ keepPool: true });
  await assert.rejects(kept.getUser("x"), { code: "SERVICE_UNAVAILABLE" });
  assert.equal((await pool.query("SELECT 1 AS one")).rows[0].one, 1);
  const ended = createAuth(own({ dialect: new PostgresDialect({ pool }) }));
  await ended.ready();
  await ended.close();
  await assert.rejects(pool.query("SELECT 1"), /end/);
});

test("hostile texts are values and nothing else", async (t) => {
  for (const [driver, make] of Object.entries(DRIVERS)) {
    const auth = createAuth(own({ dialect: makeDialect(driver, await place(t, make)) }));
    await auth.migrate();
    const values = [
      "' OR 1=1 -- ",
      "\\' OR 1=1 -- ",
      '"; DROP TABLE sentri_users; --',
      "${x} $1 ? :y",
      "\u{1F980}\\",
      "__proto__",
    ];
    for (const value of values) {
      const { user: made } = await auth.register({
        identifiers: [{ type: "handle", value }],
        password: "correct horse 1",
      });
      assert.equal(made.identifiers[0].value, value);
      assert.equal((await auth.findUser(value)).id, made.id, `${driver}: ${value}`);
    }
    assert.equal((await auth.listUsers()).users.length, values.length);
    await auth.close();
  }
});

test("texts that MySQL's driver would quote wrongly are noticed before anything is written", async (t) => {
  const where = await place(t, mysqlDatabase);
  const narrow = createAuth(own({ dialect: new MysqlDialect({ pool: mysqlPool(where, { charset: "latin1" }) }) }));
  await assert.rejects(narrow.migrate(), { code: "INTERNAL_ERROR" });
  await narrow.close();
});
