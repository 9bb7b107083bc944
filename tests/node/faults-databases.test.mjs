// Faults of 6.0.0 in databases, through the package alone, so that the same test runs beside that version.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { mysqlDatabase, onMysql, onPostgres, postgresSchema } from "./support/places.mjs";
import { listen, options, sentri, user } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { makeServer } = require("../../npm/dist/engine.js");
const POSTGRES = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/test";
const POOLER = fileURLToPath(new URL("../services/cluster/pgbouncer.sh", import.meta.url));

const make = (t, db, more) => {
  const auth = makeServer(options({ db, ...more }));
  t.after(() => auth.close());
  return auth;
};
const randomName = () => `sentri_t_${randomBytes(8).toString("hex")}`;

/** The tests' server with another path or user. */
function at(change) {
  const url = new URL(POSTGRES);
  change(url);
  return url.href;
}

/** A database of the test's own on PostgreSQL, in this encoding. */
async function ownDatabase(t, encoding = "UTF8") {
  const name = randomName();
  const how = `ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
  await onPostgres(POSTGRES, `CREATE DATABASE ${name} ${how}`);
  t.after(() => onPostgres(POSTGRES, `DROP DATABASE ${name} WITH (FORCE)`));
  return at((url) => (url.pathname = `/${name}`));
}

/** PgBouncer in transaction mode before a database of the test's own, with five connections to it. */
async function pooler(t) {
  const database = await ownDatabase(t);
  const folder = mkdtempSync(join(tmpdir(), "sentri-pooler-"));
  const env = { ...process.env, DATABASE_URL: database, PGBOUNCER_URL: "" };
  execFileSync("chmod", ["755", folder]);
  execFileSync("bash", [POOLER, folder], { env, stdio: ["ignore", "ignore", "inherit"] });
  t.after(() => {
    execFileSync("sh", [join(folder, "stop")]);
    rmSync(folder, { recursive: true, force: true });
  });
  return { database, url: readFileSync(join(folder, "env"), "utf8").trim().split("PGBOUNCER_URL=")[1] };
}

test("A1: behind a pooler in transaction mode nothing fails", async (t) => {
  const { url } = await pooler(t);
  const causes = [];
  const log = ({ cause }) => causes.push(cause);
  const servers = Array.from({ length: 4 }, () => make(t, url, { logger: { info() {}, warn: log, error: log } }));
  for (const auth of servers) await auth.migrate();
  const users = [];
  for (let index = 0; index < 16; index++) users.push((await servers[0].register(user(`user${index}`))).user);
  const work = async (auth, made) => {
    const name = made.identifiers[0].value;
    for (let round = 0; round < 20; round++) {
      const { sessionId } = await auth.createSession(made.id);
      assert.equal((await auth.listSessions(made.id)).length, 1);
      assert.equal((await auth.findUser(name)).id, made.id);
      assert.equal(await auth.revokeSession(sessionId), true);
    }
  };
  const ends = await Promise.allSettled(users.map((made, index) => work(servers[index % 4], made)));
  const failed = ends.filter(({ status }) => status === "rejected").map(({ reason }) => reason.message);
  assert.deepEqual([failed, causes], [[], []]);
});

test("A14: a schema of one's own behind a pooler", async (t) => {
  const { database, url } = await pooler(t);
  for (const [schema, db] of [
    ["one", `${url}?schema=one`],
    ["two", { connectionString: url, schema: "two" }],
  ]) {
    await onPostgres(database, `CREATE SCHEMA ${schema}`);
    const auth = make(t, db);
    await auth.migrate();
    assert.equal((await auth.register(user("rizz"))).success, true);
    const rows = await onPostgres(database, `SELECT count(*)::int AS users FROM ${schema}.sentri_users`);
    assert.deepEqual(rows, [{ users: 1 }]);
  }
});

test("A2: a URL as other clients write it", async (t) => {
  const { url, drop } = await postgresSchema();
  t.after(drop);
  const schema = /search_path%3D(\w+)/.exec(url)[1];
  const words = `schema=${schema}&connection_limit=3&pool_timeout=10&statement_cache_size=100&uselibpqcompat=true`;
  const auth = make(t, `${POSTGRES}${POSTGRES.includes("?") ? "&" : "?"}${words}`);
  await auth.migrate();
  assert.equal((await auth.register(user("rizz"))).success, true);
  assert.equal((await onPostgres(POSTGRES, `SELECT id FROM ${schema}.sentri_users`)).length, 1, "schema is honoured");
  for (const word of ["sslfoo=1", "tlsfoo=1", "channelfoo=1", "gssfoo=1"])
    assert.throws(() => makeServer(options({ db: `postgres://db/app?${word}` })), { code: "CONFIGURATION_ERROR" });

  const { url: place, drop: dropDatabase } = await mysqlDatabase();
  t.after(dropDatabase);
  const other = make(t, `${place}?connection_limit=3&pool_timeout=10&charset=utf8mb4`);
  await other.migrate();
  assert.equal((await other.register(user("rizz"))).success, true);
});

test("A5: tables of sentri 5 with uuid, jsonb and timestamptz are adopted", async (t) => {
  const { url, drop } = await postgresSchema();
  t.after(drop);
  const [id, session] = ["0196b7a0-0000-7000-8000-00000000000a", "0196b7a0-0000-7000-8000-00000000000b"];
  await onPostgres(
    url,
    `CREATE TABLE sentri_users (id UUID PRIMARY KEY, password_hash VARCHAR(255) NOT NULL,
       roles JSONB NOT NULL DEFAULT '[]', created_at TIMESTAMPTZ NOT NULL DEFAULT now());
     CREATE TABLE sentri_sessions (id UUID PRIMARY KEY,
       user_id UUID NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
       expires_at TIMESTAMPTZ NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
     CREATE TABLE sentri_identifiers (id UUID PRIMARY KEY,
       user_id UUID NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE, type VARCHAR(50) NOT NULL,
       value VARCHAR(255) NOT NULL UNIQUE, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
     INSERT INTO sentri_users (id, password_hash, roles) VALUES ('${id}', 'hash', '["user"]');
     INSERT INTO sentri_identifiers (id, user_id, type, value) VALUES ('${session}', '${id}', 'username', 'Rizz');
     INSERT INTO sentri_sessions (id, user_id, expires_at) VALUES ('${session}', '${id}', now() + interval '9 years')`,
  );
  const auth = make(t, url);
  await auth.migrate();
  const found = await auth.findUser("rizz");
  assert.deepEqual([found.id, found.roles], [id, ["user"]]);
  assert.deepEqual(
    (await auth.listSessions(id)).map((one) => one.id),
    [session],
  );
  assert.equal((await auth.register(user("other"))).success, true);
});

test("A6: an id in capitals ends a session for good, or ends nothing", async (t) => {
  const { url, drop } = await mysqlDatabase();
  t.after(drop);
  for (const statement of [
    `CREATE TABLE sentri_users (id VARCHAR(36) PRIMARY KEY, password_hash VARCHAR(255) NOT NULL,
       roles VARCHAR(1000) NOT NULL DEFAULT '[]', created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))`,
    `CREATE TABLE sentri_sessions (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL,
       expires_at DATETIME(6) NOT NULL, created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
       FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE)`,
    `CREATE TABLE sentri_identifiers (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL,
       type VARCHAR(50) NOT NULL, value VARCHAR(255) NOT NULL UNIQUE,
       created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
       FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE)`,
    "INSERT INTO sentri_users (id, password_hash) VALUES ('u-old', 'hash')",
    "INSERT INTO sentri_identifiers (id, user_id, type, value) VALUES ('i1', 'u-old', 'username', 'rizz')",
  ])
    await onMysql(url, statement);
  const auth = sentri.createAuthExpress(options({ db: url, sessionCheck: { maxAge: "1h" } }));
  await auth.migrate();
  const base = await listen(t, auth);
  const passes = async (token) => {
    const answer = await fetch(`${base}/protected`, { headers: { authorization: `Bearer ${token}` } });
    return answer.status === 200;
  };
  const { sessionId, accessToken } = await auth.createSession("u-old");
  assert.equal(await passes(accessToken), true, "and is remembered now, for an hour");
  const isEnded = await auth.revokeSession(sessionId.toUpperCase());
  assert.equal(await passes(accessToken), !isEnded, "revokeSession");
  const other = await auth.createSession("u-old");
  assert.equal(await passes(other.accessToken), true);
  const isDeleted = await auth.deleteUser("U-OLD");
  assert.equal(await passes(other.accessToken), !isDeleted, "deleteUser");
});

/** Runs in an empty folder, which goes with it. */
async function inFolder(t, run) {
  const before = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), "sentri-folder-"));
  process.chdir(folder);
  try {
    await run(folder);
  } finally {
    process.chdir(before);
    t.after(() => rmSync(folder, { recursive: true, force: true }));
  }
}

test("A8: SQLite URLs in SQLAlchemy's forms, and schemes with the name of a driver", async (t) => {
  await inFolder(t, async (folder) => {
    const name = `${randomName()}.db`;
    t.after(() => ["", "-wal", "-shm"].forEach((suffix) => rmSync(`/${name}${suffix}`, { force: true })));
    const auth = makeServer(options({ db: `sqlite:///./${name}` }));
    await auth.migrate();
    await auth.close();
    assert.deepEqual([existsSync(join(folder, name)), existsSync(`/${name}`)], [true, false]);
    const other = `${randomName()}.db`;
    const absolute = makeServer(options({ db: `sqlite:///${join(folder, other)}` }));
    await absolute.migrate();
    await absolute.close();
    assert.equal(existsSync(join(folder, other)), true);
    assert.throws(
      () => makeServer(options({ db: `sqlite:///${name}` })),
      ({ code, message }) =>
        code === "CONFIGURATION_ERROR" && message.includes(`/${name}`) && message.includes(`./${name}`),
      "the relative file alone exists",
    );
  });
  for (const [db, right] of [
    ["postgresql+asyncpg://app@db/x", "postgresql://"],
    ["postgres+psycopg://app@db/x", "postgres://"],
  ])
    assert.throws(() => makeServer(options({ db })), { code: "CONFIGURATION_ERROR", message: new RegExp(right) });
});

test("A11: a parameter of a SQLite URL is no part of the file's name", async (t) => {
  await inFolder(t, async (folder) => {
    const name = `${randomName()}.db`;
    const open = async (db, run) => {
      const auth = makeServer(options({ db }));
      await auth.migrate();
      await run(auth);
      await auth.close();
    };
    await open(`sqlite:./${name}`, (auth) => auth.register(user("rizz")));
    for (const db of [`sqlite:./${name}?mode=rwc`, `file:./${name}?cache=shared`])
      await open(db, async (auth) => assert.notEqual(await auth.findUser("rizz"), null, db));
    for (const parameter of ["mode=rwc", "cache=shared"])
      assert.equal(existsSync(join(folder, `${name}?${parameter}`)), false);
    assert.throws(() => makeServer(options({ db: "sqlite:./x.db?nolock=1" })), { code: "CONFIGURATION_ERROR" });
  });
});

test("A12: a database that can't hold every name is refused by migrate()", async (t) => {
  const auth = make(t, await ownDatabase(t, "LATIN1"));
  await assert.rejects(auth.migrate(), { code: "CONFIGURATION_ERROR", message: /LATIN1.*ENCODING 'UTF8'/s });
});

test("A13: a missing right is told with the GRANT that helps", async (t) => {
  const database = await ownDatabase(t);
  const role = randomName();
  await onPostgres(
    database,
    `CREATE ROLE ${role} LOGIN PASSWORD 'hunter2'; REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
  );
  const own = new URL(database);
  own.username = role;
  own.password = "hunter2";
  const auth = makeServer(options({ db: own.href }));
  try {
    const told = await auth.migrate().then(
      () => assert.fail("it made its tables"),
      (error) => error,
    );
    assert.equal(told.code, "CONFIGURATION_ERROR", told.message);
    const [, grant] = /run: (GRANT .*)$/s.exec(told.message);
    await onPostgres(database, grant);
    await auth.migrate();
  } finally {
    await auth.close();
    await onPostgres(database, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

for (const [place, own] of Object.entries({ PostgreSQL: postgresSchema, MySQL: mysqlDatabase })) {
  const as = async (t) => {
    const { url, drop } = await own();
    t.after(drop);
    const auth = make(t, url);
    await auth.migrate();
    return auth;
  };

  test(`B13: ${place}: forty additions at once make no more than fifty identifiers`, async (t) => {
    const auth = await as(t);
    const { user: made } = await auth.register(user("rizz"));
    const { accessToken } = await auth.createSession(made.id);
    const add = (index) =>
      auth.handle({
        method: "POST",
        path: "/me/identifiers",
        headers: [["authorization", `Bearer ${accessToken}`]],
        parsed: JSON.stringify({
          identifiers: [1, 2, 3, 4, 5].map((n) => ({ type: `kind${index}`, value: `v${index}-${n}` })),
        }),
      });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => add(index)));
    assert.ok(answers.some(({ status }) => status === 201));
    const { length } = (await auth.getUser(made.id)).identifiers;
    assert.ok(length <= 50, `${length} identifiers`);
  });

  test(`B14: ${place}: of a username and an own type of one spelling, registered at once, one wins`, async (t) => {
    const auth = await as(t);
    const register = (type, value) => auth.register({ ...user(""), identifiers: [{ type, value }] });
    for (let round = 0; round < 8; round++) {
      const both = await Promise.all([register("username", `Rizz${round}`), register("badge", `Rizz${round}`)]);
      assert.equal(both.filter(({ success }) => success).length, 1, `round ${round}`);
    }
  });
}
