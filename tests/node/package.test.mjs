// The tarballs of `make pack`, installed in an empty folder: the spec's Express quick start from ESM, CommonJS and
// TypeScript, and every snippet of the README.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { mysqlDatabase, postgresSchema } from "./support/places.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
let folder;

before(() => {
  const tarballs = join(root, "target/npm");
  const files = readdirSync(tarballs).filter((name) => name.endsWith(".tgz")).map((name) => join(tarballs, name));
  assert.equal(files.length, 2, "make pack leaves the package and the package of this platform");
  folder = mkdtempSync(join(tmpdir(), "sentri-consumer-"));
  writeFileSync(join(folder, "package.json"), '{ "name": "consumer", "private": true }');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...files, "express@5", "typescript@5", "@types/express@5", "@types/node@20"], { cwd: folder, stdio: "pipe" });
});

after(() => rmSync(folder, { recursive: true, force: true }));

const QUICK_START = (head) => `${head}
const auth = createAuthExpress({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  db: { connectionString: process.env.DATABASE_URL! },
});
const app = express();
app.use(express.json());
async function main() {
  await auth.migrate();
  app.use("/auth", auth.router());
  app.get("/me", auth.protect(), (req, res) => { res.json(req.user); });
  app.get("/admin", auth.protect(), auth.authorize("admin"), (req, res) => { res.json(req.user!.id); });
  app.use(auth.errorHandler());
  const server = app.listen(0, async () => {
    const base = "http://127.0.0.1:" + (server.address() as { port: number }).port;
    const post = (path: string, body: object) => fetch(base + path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
    const name = "rizz" + process.pid + Date.now();
    const registered = await post("/auth/register", { identifiers: [{ type: "username", value: name }], password: "secret123" });
    const login = await (await post("/auth/login", { identifier: name, password: "secret123" })).json() as any;
    const me = await fetch(base + "/me", { headers: { authorization: "Bearer " + login.data.accessToken } });
    const admin = await fetch(base + "/admin", { headers: { authorization: "Bearer " + login.data.accessToken } });
    const keys = await (await fetch(base + "/auth/keys")).json() as any;
    console.log(registered.status, login.statusCode, me.status, admin.status, keys.keys[0].alg);
    await auth.deleteUser(login.data.user.id);
    server.close();
    server.closeAllConnections();
    await auth.close();
  });
}
main();
`;
const untyped = (text) => text.replace(/ as const| as any|process\.env\.DATABASE_URL!/g, (found) => (found.startsWith("process") ? "process.env.DATABASE_URL" : ""))
  .replace("(server.address() as { port: number })", "server.address()").replace(/path: string, body: object/, "path, body").replace("req.user!", "req.user");

const run = (file, args = []) => execFileSync(process.execPath, [...args, join(folder, file)], { cwd: folder, encoding: "utf8", env: { ...process.env, DATABASE_URL: process.env.DATABASE_URL }, timeout: 60_000 });

test("the quick start runs from ESM on PostgreSQL and ends by itself", () => {
  writeFileSync(join(folder, "app.mjs"), untyped(QUICK_START('import express from "express";\nimport { createAuthExpress } from "sentri/express";')));
  assert.equal(run("app.mjs").trim(), "201 200 200 403 RS256");
});

test("the quick start runs from CommonJS", () => {
  writeFileSync(join(folder, "app.cjs"), untyped(QUICK_START('const express = require("express");\nconst { createAuthServer } = require("sentri");\nconst createAuthExpress = ({ mode, ...o }) => createAuthServer(o);')));
  assert.equal(run("app.cjs").trim(), "201 200 200 403 RS256");
});

test("the quick start type-checks under strict, declaration and composite, and runs", () => {
  const code = QUICK_START('import express from "express";\nimport { createAuthExpress, SentriError, type SentriLogger } from "sentri/express";\nimport { createAuth } from "sentri";\nimport { SENTRI_ERROR_STATUS } from "sentri/core";');
  writeFileSync(join(folder, "app.ts"), `${code}
export const exported = auth;
export const narrowed = createAuth<"user" | "admin">({ mode: "server", validRoles: ["user"], db: "sqlite::memory:" });
// @ts-expect-error a role that does not exist
export const typo = () => auth.authorize("amdin");
export class NotFound extends SentriError { constructor() { super("NOT_FOUND", "nothing", SENTRI_ERROR_STATUS.USER_NOT_FOUND); } }
export const logger: SentriLogger = console;
void narrowed.close();
`);
  const base = { strict: true, declaration: true, composite: true, skipLibCheck: false, target: "ES2022", types: ["node"], outDir: "out" };
  for (const [name, module] of [["esm", "NodeNext"], ["cjs", "Node16"]]) {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: name === "esm" ? "module" : "commonjs", dependencies: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).dependencies }));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...base, module, moduleResolution: module, esModuleInterop: true }, files: ["app.ts"] }));
    try {
      execFileSync(process.execPath, [join(folder, "node_modules/typescript/bin/tsc"), "-p", folder], { cwd: folder, encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      assert.fail(`${name}: ${error.stdout}`);
    }
    assert.equal(run("out/app.js").trim(), "201 200 200 403 RS256", name);
    rmSync(join(folder, "out"), { recursive: true });
    rmSync(join(folder, "tsconfig.tsbuildinfo"), { force: true });
  }
});

/** The spec's own lines, with only the module's name and the way to end left to us. */
const SPEC_POSTGRES = `import express from "express";
import { createAuthExpress } from "sentri/express";

import { PostgresDialect } from "kysely";
import pg from "pg";

const { Pool } = pg;

const auth = createAuthExpress({
  mode: "server",
  validRoles: ["user", "admin"] as const,
  dialect: new PostgresDialect({
    pool: new Pool({ connectionString: process.env.DATABASE_URL! }),
  }),
});

const app = express();
app.use(express.json());
app.use(auth.idempotencyMiddleware());

await auth.migrate();
app.use("/auth", auth.router());

app.get("/me", auth.protect(), (req, res) => res.json(req.user));
app.use(auth.errorHandler());
app.listen(3000);
`;
const SPEC_MYSQL = SPEC_POSTGRES.replace('import { PostgresDialect } from "kysely";\nimport pg from "pg";\n\nconst { Pool } = pg;', 'import { MysqlDialect } from "kysely";\nimport { createPool } from "mysql2";')
  .replace("new PostgresDialect({\n    pool: new Pool({ connectionString: process.env.DATABASE_URL! }),", "new MysqlDialect({\n    pool: createPool(process.env.MYSQL_URL!),");

test("the option dialect compiles without Kysely installed, and fits Kysely's own types", () => {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...JSON.parse(readFileSync(join(folder, "package.json"), "utf8")), type: "module" }));
  const compile = (code) => {
    writeFileSync(join(folder, "dialect.ts"), code);
    const flags = ["--strict", "--declaration", "--noEmit", "--target", "ES2022", "--module", "NodeNext", "--moduleResolution", "NodeNext", "--types", "node", "dialect.ts"];
    try {
      execFileSync(process.execPath, [join(folder, "node_modules/typescript/bin/tsc"), ...flags], { cwd: folder, encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      assert.fail(error.stdout);
    }
  };
  compile('import { createAuth, type KyselyDialect } from "sentri";\nexport const make = (dialect: KyselyDialect) => createAuth({ mode: "server", validRoles: ["a"], dialect, dialectKind: "mysql" });\n');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "kysely@0.28", "pg@8", "mysql2@3", "better-sqlite3@12.11.1", "@types/pg@8"], { cwd: folder, stdio: "pipe" });
  for (const code of [SPEC_POSTGRES, SPEC_MYSQL]) compile(code);
  compile(`import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { createAuth } from "sentri";
const dialect = new PostgresDialect({ pool: new pg.Pool() });
export const auth = createAuth({ mode: "server", validRoles: ["user"], dialect });
const db = new Kysely<{ t: { a: string } }>({ dialect });
export const run = () => db.transaction().execute((trx) => auth.register({ identifiers: [], password: "" }, { trx }));
// @ts-expect-error not a transaction
export const wrong = () => auth.register({ identifiers: [], password: "" }, { trx: db });
`);
});

for (const [name, code, make, variable] of [["PostgreSQL", SPEC_POSTGRES, postgresSchema, "DATABASE_URL"], ["MariaDB", SPEC_MYSQL, mysqlDatabase, "MYSQL_URL"]]) {
  test(`the spec's quick start with a dialect runs verbatim on ${name}`, async (t) => {
    const { url, drop } = await make();
    t.after(drop);
    const port = await freePort();
    writeFileSync(join(folder, `spec-${name}.mjs`), code.replace(" as const", "").replaceAll("!", "").replace("listen(3000)", `listen(${port})`));
    const child = spawn(process.execPath, [`spec-${name}.mjs`], { cwd: folder, env: { ...process.env, [variable]: url }, stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += chunk));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    t.after(async () => {
      child.kill();
      await ended;
    });
    const base = `http://127.0.0.1:${port}`;
    const post = (path, body) => fetch(base + path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
    await until(async () => (await fetch(`${base}/auth/keys`)).status === 200, () => errors);
    const registered = await post("/auth/register", { identifiers: [{ type: "username", value: "rizz" }], password: "secret123", roles: ["user"] });
    const login = await (await post("/auth/login", { identifier: "rizz", password: "secret123" })).json();
    const me = await fetch(`${base}/me`, { headers: { authorization: `Bearer ${login.data.accessToken}` } });
    assert.deepEqual([registered.status, login.statusCode, me.status], [201, 200, 200], errors);
    assert.deepEqual(await me.json(), { id: login.data.user.id, roles: ["user"] });
  });
}

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

async function until(holds, why) {
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    if (await holds().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`not in time: ${why()}`);
}

test("ESM and CommonJS share one SentriError, and instanceof holds across copies", () => {
  writeFileSync(join(folder, "one.mjs"), `
import { createRequire } from "node:module";
import { SentriError, createAuth } from "sentri";
import { SentriError as FromCore } from "sentri/core";
const required = createRequire(import.meta.url)("sentri").SentriError;
const copy = class SentriError extends Error {};
Object.defineProperty(copy.prototype, Symbol.for("sentri.SentriError"), { value: true });
class Own extends SentriError {}
let thrown;
try { createAuth({ mode: "x" }); } catch (error) { thrown = error; }
console.log(SentriError === required, SentriError === FromCore, new copy() instanceof SentriError, new Own("A", "b", 404) instanceof Own,
  new SentriError("A") instanceof Own, thrown instanceof SentriError, thrown.name, thrown.code, thrown.statusCode);
`);
  assert.equal(run("one.mjs").trim(), "true true true true false true SentriError CONFIGURATION_ERROR 500");
});

test("a missing platform package says the cure", () => {
  writeFileSync(join(folder, "broken.cjs"), `
const Module = require("node:module");
const load = Module._load;
Module._load = function (name, ...rest) {
  if (name.startsWith("sentri-") || name.endsWith(".node")) throw new Error("not there");
  return load.call(this, name, ...rest);
};
try { require("sentri").createAuth({ mode: "server", validRoles: ["user"], db: "sqlite::memory:" }); }
catch (error) { console.log(error.code, /npm install/.test(error.message), /sentri doctor/.test(error.message)); }
`);
  assert.equal(run("broken.cjs").trim(), "CONFIGURATION_ERROR true true");
});

const snippets = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/<!-- snippet: (\S+) -->\n```(\w+)\n([\s\S]*?)```/g)];

test("the README has its snippets", () => assert.deepEqual(snippets.map(([, name]) => name), ["quick-start", "commonjs", "kysely", "middleware", "programmatic"]));

for (const [, name, language, code] of snippets) {
  test(`the README's snippet ${name} runs`, async () => {
    const file = `readme-${name}.${language === "cjs" ? "cjs" : "mjs"}`;
    writeFileSync(join(folder, file), code);
    const child = spawn(process.execPath, [file], { cwd: folder, env: { ...process.env, PORT: "0", DATABASE_URL: "sqlite::memory:" } });
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += chunk));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // A snippet that listens is still there after a while; the others end by themselves.
    const code_ = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 4_000, "listening"))]);
    if (code_ === "listening") {
      assert.match(code, /app\.listen/);
      child.kill();
      await ended;
    } else {
      assert.equal(code_, 0, errors);
    }
    assert.doesNotMatch(errors, /Error/);
  });
}
