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
  return { url, drop: () => onPostgres(POSTGRES, `DROP SCHEMA IF EXISTS ${name} CASCADE`) };
}

/** A database on MySQL. */
export async function mysqlDatabase() {
  const name = randomName();
  await onMysql(MYSQL, `CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  const url = new URL(MYSQL);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => onMysql(MYSQL, `DROP DATABASE IF EXISTS ${name}`) };
}

/** A SQLite file. */
export async function sqlitePath() {
  const url = join(tmpdir(), `${randomName()}.db`);
  const drop = async () => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(url + suffix, { force: true });
  };
  return { url, drop };
}
