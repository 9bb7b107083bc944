// Refreshes and logins without their hash: the core's own drivers, the same through Kysely, and what one would write by
// hand with Kysely: a transaction that reads, decides and writes, and two tokens by jsonwebtoken.
import { randomBytes, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import jsonwebtoken from "jsonwebtoken";
import { Kysely, PostgresDialect, SqliteDialect, sql } from "kysely";
import pg from "pg";
import { rate } from "./measure.mjs";
import { secret, sessions } from "./work.mjs";

const { makeServer } = createRequire(import.meta.url)("../../npm/dist/engine.js");
const SECONDS = 1.5;
const ROUNDS = 3;

const OPERATIONS = [
  ["refresh", "refresh"],
  ["login", "login without its hash of a user with all sessions"],
  ["loginOfMany", "login without its hash of users with few"],
];

/** The same by hand, on tables that sentri made. */
async function byHand(dialect, lock) {
  const db = new Kysely({ dialect });
  const identifiers = db.selectFrom("sentri_identifiers").select(["user_id", "value"]).orderBy("id");
  const [{ user_id: userId }, ...many] = await identifiers.execute();
  let turn = 0;
  const sign = (claims, seconds) => jsonwebtoken.sign(claims, secret, { expiresIn: seconds });
  const issue = (user, sessionId, gen) => {
    sign({ id: user.id, roles: JSON.parse(user.roles), sessionId }, 900);
    return sign({ sessionId, gen }, 604_800);
  };
  const instant = (ms) => new Date(ms).toISOString();
  const login = (ofUser) =>
    db.transaction().execute(async (trx) => {
      const user = await trx
        .selectFrom("sentri_users")
        .select(["id", "roles"])
        .where("id", "=", ofUser)
        .executeTakeFirstOrThrow();
      const id = randomUUID();
      const now = Date.now();
      await trx
        .insertInto("sentri_sessions")
        .values({
          id,
          user_id: ofUser,
          created_at: instant(now),
          expires_at: instant(now + 604_800_000),
          generation: 0,
        })
        .execute();
      return issue(user, id, 0);
    });
  return {
    login: () => login(userId),
    loginOfMany: () => login(many[turn++ % many.length].user_id),
    empty: async () => {},
    refresh: (token) => {
      const { sessionId, gen } = jsonwebtoken.verify(token, secret, { algorithms: ["HS256"] });
      return db.transaction().execute(async (trx) => {
        const query = trx
          .selectFrom("sentri_sessions as s")
          .innerJoin("sentri_users as u", "u.id", "s.user_id")
          .select(["s.generation", "s.expires_at", "u.id", "u.roles"])
          .where("s.id", "=", sessionId)
          .where("s.revoked_at", "is", null);
        const found = await (lock ? query.modifyEnd(sql`for update of s`) : query).executeTakeFirstOrThrow();
        if (Number(found.generation) !== gen) throw new Error("raced");
        const now = Date.now();
        await trx
          .updateTable("sentri_sessions")
          .set({
            generation: gen + 1,
            rotated_at: instant(now),
            last_used_at: instant(now),
            expires_at: instant(now + 604_800_000),
          })
          .where("id", "=", sessionId)
          .execute();
        return issue(found, sessionId, gen + 1);
      });
    },
    close: () => db.destroy(),
  };
}

async function postgres() {
  const url = process.env.DATABASE_URL;
  const schema = `sentri_bench_${randomBytes(6).toString("hex")}`;
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE SCHEMA ${schema}`);
  const connectionString = `${url}${url.includes("?") ? "&" : "?"}options=-csearch_path%3D${schema}`;
  const dialect = () => new PostgresDialect({ pool: new pg.Pool({ connectionString, max: 10 }) });
  const native = await sessions(makeServer, { db: { connectionString, max: 10 } });
  const kysely = await sessions(makeServer, { dialect: dialect() });
  const drop = async () => {
    await admin.query(`DROP SCHEMA ${schema} CASCADE`);
    await admin.end();
  };
  return { sides: [native, kysely, await byHand(dialect(), true)], drop };
}

async function sqlite() {
  const filename = join(tmpdir(), `sentri-bench-${randomBytes(6).toString("hex")}.db`);
  const dialect = () => {
    const database = new SQLite(filename);
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    return new SqliteDialect({ database });
  };
  // Two SQLite libraries in one process share no file: the native side has one of its own.
  const own = `${filename}-own`;
  const native = await sessions(makeServer, { db: { filename: own } });
  const kysely = await sessions(makeServer, { dialect: dialect() });
  const drop = async () => {
    for (const file of [filename, own])
      for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
  };
  return { sides: [native, kysely, await byHand(dialect(), false)], drop };
}

/** Prints by `row`: native against by hand, through Kysely against by hand. */
export async function databases(row, median) {
  for (const [database, open] of [
    ["PostgreSQL", postgres],
    ["SQLite file", sqlite],
  ]) {
    const { sides, drop } = await open();
    for (const [operation, name] of OPERATIONS) {
      for (const flight of [1, 32]) {
        const rates = sides.map(() => []);
        for (let round = 0; round < ROUNDS; round += 1) {
          for (const [index, side] of sides.entries()) rates[index].push(await rate(side, operation, flight, SECONDS));
        }
        const [native, kysely, hand] = rates.map(median);
        const what = `${name} on ${database}, ${flight} in flight`;
        const per = (value) => `${Math.round(value)} /s`;
        row(`${what}: native`, per(native), `Kysely by hand ${per(hand)}`, `${(native / hand).toFixed(2)}x`);
        row(`${what}: dialect`, per(kysely), `Kysely by hand ${per(hand)}`, `${(kysely / hand).toFixed(2)}x`);
      }
    }
    for (const side of sides) await side.close();
    await drop();
  }
}
