// Databases of a test's own on the servers that the tests run with: random names, dropped at the end.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mysql from "mysql2/promise";
import pg from "pg";

const POSTGRES = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/test";
const MYSQL = process.env.MYSQL_URL ?? "mysql://root@127.0.0.1:3306/test";
const randomName = () => `sentri_t_${randomBytes(12).toString("hex")}`;

/** Runs a statement on PostgreSQL. */
export async function onPostgres(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Runs a statement on MySQL. */
export async function onMysql(url, sql) {
  const connection = await mysql.createConnection(url);
  try {
    return (await connection.query(sql))[0];
  } finally {
    await connection.end();
  }
}

/** A schema on PostgreSQL. */
export async function postgresSchema() {
  const name = randomName();
  await onPostgres(POSTGRES, `CREATE SCHEMA ${name}`);
  const url = `${POSTGRES}${POSTGRES.includes("?") ? "&" : "?"}options=-csearch_path%3D${name}`;
  return { name, url, drop: () => onPostgres(POSTGRES, `DROP SCHEMA IF EXISTS ${name} CASCADE`) };
}

/** A database on MySQL. */
export async function mysqlDatabase() {
  const name = randomName();
  await onMysql(MYSQL, `CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  const url = new URL(MYSQL);
  url.pathname = `/${name}`;
  return { name, url: url.href, drop: () => onMysql(MYSQL, `DROP DATABASE IF EXISTS ${name}`) };
}

const CLEAR_POSTGRES = (schema) => `DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables
  WHERE schemaname = '${schema}' AND tablename <> 'sentri_migrations' ORDER BY tablename = 'sentri_users'
  LOOP EXECUTE format('DELETE FROM ${schema}.%I', name); END LOOP; END $$`;

/** Empties the tables that a migration has made, users at the end since the others are about them. */
async function clearPostgres({ name }) {
  await onPostgres(POSTGRES, CLEAR_POSTGRES(name));
}

async function clearMysql({ url, name }) {
  const connection = await mysql.createConnection(url);
  try {
    const [tables] = await connection.query(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ? AND table_name <> 'sentri_migrations'",
      [name],
    );
    await connection.query("SET SESSION foreign_key_checks = 0");
    for (const table of tables) await connection.query(`DELETE FROM ${table.name}`);
  } finally {
    await connection.end();
  }
}

/** Places that are emptied and taken again, which takes less than to make them; `end` drops them. */
function renewed(make, clear) {
  const free = [];
  const take = async () => {
    const place = free.pop() ?? (await make());
    const drop = async () => {
      await clear(place);
      free.push(place);
    };
    return { url: place.url, drop };
  };
  return { take, end: () => Promise.all(free.splice(0).map((place) => place.drop())) };
}

const schemas = renewed(postgresSchema, clearPostgres);
const mysqlDatabases = renewed(mysqlDatabase, clearMysql);

/** A schema on PostgreSQL that another test of this process may have had. */
export const renewedSchema = schemas.take;
/** The same on MySQL. */
export const renewedMysql = mysqlDatabases.take;
/** Drops what tests had by these two. */
export const dropRenewed = () => Promise.all([schemas.end(), mysqlDatabases.end()]);

/** A SQLite file. */
export async function sqlitePath() {
  const url = join(tmpdir(), `${randomName()}.db`);
  const drop = async () => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(url + suffix, { force: true });
  };
  return { url, drop };
}
