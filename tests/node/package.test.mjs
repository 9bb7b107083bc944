// The tarballs of `make pack`, installed in an empty folder: the spec's Express quick start from ESM, CommonJS and
// TypeScript, and what the README says of names.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeConsumer } from "./support/consumer.mjs";
import { page } from "./support/docs.mjs";

const FRAMEWORKS = [
  "express@5",
  "fastify@5",
  "hono@4",
  "@hono/node-server@2",
  "koa@3",
  "@koa/router@15",
  "elysia@1.4",
  "@elysiajs/node@1.4",
  "kysely@0.28",
];
let consumer, folder;

before(() => {
  consumer = makeConsumer([...FRAMEWORKS, "typescript@5", "@types/express@5", "@types/node@20"]);
  folder = consumer.folder;
});

after(() => consumer.remove());

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
const untyped = (text) =>
  text
    .replace(/ as const| as any|process\.env\.DATABASE_URL!/g, (found) =>
      found.startsWith("process") ? "process.env.DATABASE_URL" : "",
    )
    .replace("(server.address() as { port: number })", "server.address()")
    .replace(/path: string, body: object/, "path, body")
    .replace("req.user!", "req.user");

const run = (file) => consumer.run(file);

test("the quick start runs from ESM on PostgreSQL and ends by itself", () => {
  writeFileSync(
    join(folder, "app.mjs"),
    untyped(QUICK_START('import express from "express";\nimport { createAuthExpress } from "sentri/express";')),
  );
  assert.equal(run("app.mjs").trim(), "201 200 200 403 RS256");
});

test("the quick start runs from CommonJS", () => {
  writeFileSync(
    join(folder, "app.cjs"),
    untyped(
      QUICK_START(
        'const express = require("express");\nconst { createAuthServer } = require("sentri");\nconst createAuthExpress = ({ mode, ...o }) => createAuthServer(o);',
      ),
    ),
  );
  assert.equal(run("app.cjs").trim(), "201 200 200 403 RS256");
});

test("the quick start type-checks under strict, declaration and composite, and runs", () => {
  const code = QUICK_START(
    'import express from "express";\nimport { createAuthExpress, SentriError, type SentriLogger } from "sentri/express";\nimport { createAuth } from "sentri";\nimport { SENTRI_ERROR_STATUS } from "sentri/core";',
  );
  writeFileSync(
    join(folder, "app.ts"),
    `${code}
export const exported = auth;
export const narrowed = createAuth<"user" | "admin">({ mode: "server", validRoles: ["user"], db: "sqlite::memory:" });
// @ts-expect-error a role that does not exist
export const typo = () => auth.authorize("amdin");
export class NotFound extends SentriError { constructor() { super("NOT_FOUND", "nothing", SENTRI_ERROR_STATUS.USER_NOT_FOUND); } }
export const logger: SentriLogger = console;
void narrowed.close();
`,
  );
  for (const [type, module] of [
    ["module", "NodeNext"],
    ["commonjs", "Node16"],
  ]) {
    consumer.setType(type);
    consumer.compile(["app.ts"], { module, types: ["node"] });
    assert.equal(run("out/app.js").trim(), "201 200 200 403 RS256", module);
    rmSync(join(folder, "out"), { recursive: true });
  }
});

test("every subpath has its types under moduleResolution node10, and options may be undefined under exactOptionalPropertyTypes", () => {
  const subpaths = [
    "",
    "/core",
    "/express",
    "/fastify",
    "/hono",
    "/koa",
    "/elysia",
    "/testing",
    "/prometheus",
    "/web",
    "/browser",
  ];
  assert.deepEqual(
    Object.keys(consumer.json("node_modules/sentri/package.json").exports).map((name) => name.slice(1)),
    [...subpaths, "/package.json"],
  );
  consumer.write(
    "older.ts",
    `${subpaths.map((name, i) => `import { ${{ "/testing": "testClock", "/prometheus": "PROMETHEUS_CONTENT_TYPE" }[name] ?? "SentriError"} as E${i} } from "sentri${name}";`).join("\n")}
import { createAuth } from "sentri/express";
import { createAuthHono } from "sentri/hono";
export const errors: string[] = [E0, E1, E2, E3, E4, E5, E6, E9, E10].map((Own) => new Own("A").code);
export const now: number = E7().now();
export const type: string = E8;
export const tokens = () => [createAuth({ mode: "server", validRoles: ["user"], db: "x" }).signAccessToken({ id: "a", roles: ["user"] }), createAuthHono({ mode: "client", keyUri: "x" }).protect()];
// @ts-expect-error they are types, not any
new E10(5);
`,
  );
  consumer.write(
    "exact.ts",
    `import { createAuth, createAuthServer } from "sentri";
const env: Record<string, string | undefined> = process.env;
export const auth = () => createAuthServer({ validRoles: ["user"], db: { connectionString: env.DATABASE_URL!, ssl: undefined }, apiKey: env.KEY, redisUrl: env.REDIS_URL, secret: env.SECRET,
  hooks: { onLogin: undefined }, cookie: { domain: env.DOMAIN }, password: { preset: undefined }, rateLimit: { maxLoginAttempts: undefined } });
export const guards = () => [auth().rateLimiter({ maxAttempts: 1, durationSeconds: 1, key: (req) => req.user?.id }), auth().permit({ roles: undefined, check: () => true }), auth().errorHandler({ onUnhandled: undefined })];
export const client = () => createAuth({ mode: "client", keyUri: "https://auth.example.com/auth/keys", issuer: env.ISSUER, isTokenRevoked: undefined });
`,
  );
  consumer.setType("commonjs");
  // The types of Elysia and Hono do not check under this resolution.
  consumer.compile(["older.ts"], {
    module: "CommonJS",
    moduleResolution: "node10",
    skipLibCheck: true,
    types: ["node"],
  });
  consumer.compile(["exact.ts"], { module: "Node16", exactOptionalPropertyTypes: true, types: ["node"] });
});

test("sentri/browser and sentri/testing type-check without Node's types and with them, and load", () => {
  const page = `import { createAuthFetch, forwardCookies, SentriError, type AuthFetch, type AuthFetchOptions } from "sentri/browser";
const options: AuthFetchOptions = { baseUrl: "/auth", token: "memory", onSignedOut: () => location.reload() };
export const authFetch: AuthFetch<"user"> = createAuthFetch<"user">(options);
export const roles = authFetch.login({ identifier: "a", password: "b" }).then(({ user }) => user.roles[0] satisfies "user" | undefined);
export const answer = authFetch(new URL("https://a.example"), { method: "POST" }).then((response) => forwardCookies(response, new Headers()));
export const failed = (error: unknown) => error instanceof SentriError && error.code;
// @ts-expect-error no such place
createAuthFetch({ token: "localStorage" });
`;
  const tests = `import { createAuthExpress } from "sentri/express";
import { createTestUser, createTokenFactory, startKeyServer, testClock, testOptions, type KeyServer, type TokenFactory } from "sentri/testing";
export const options = testOptions({ validRoles: ["user", "admin"], clock: testClock(0) });
export const auth = createAuthExpress(options);
export const user = createTestUser(auth, { roles: ["admin"] });
export const tokens: TokenFactory = createTokenFactory({ algorithm: "EdDSA" });
export const keys: Promise<KeyServer> = startKeyServer(tokens);
export const now: number = options.clock.now();
// @ts-expect-error a role that does not exist
export const typo = createTestUser(auth, { roles: ["amdin"] });
// @ts-expect-error client mode takes no shared secret
export const shared = () => createTokenFactory({ algorithm: "HS256" });
`;
  consumer.write("page.ts", page);
  consumer.write("tests.ts", tests);
  consumer.setType("module");
  consumer.compile(["page.ts"], { module: "NodeNext" });
  consumer.compile(["tests.ts"], { module: "NodeNext", types: ["node"] });
  consumer.write(
    "load.mjs",
    `
import { createRequire } from "node:module";
import * as browser from "sentri/browser";
import { SentriError } from "sentri/core";
const required = createRequire(import.meta.url)("sentri/browser");
console.log(Object.keys(browser).sort().join() === Object.keys(required).sort().join(), new browser.SentriError("A") instanceof SentriError);
`,
  );
  assert.equal(consumer.run("load.mjs").trim(), "true true");
});

/** The spec's client mode, with a handler and the address of a key server of ours. */
const CLIENT_MODE = `import express from "express";
import { createAuth } from "sentri";
import { createTokenFactory, startKeyServer } from "sentri/testing";

const tokens = createTokenFactory();
const keyServer = await startKeyServer(tokens);
const handler: express.RequestHandler = (req, res) => { res.json(req.user); };

const auth = createAuth({
  mode: "client",
  keyUri: keyServer.keyUri,
});

const app = express();
app.get("/products", auth.protect(), auth.authorize("admin"), handler);
app.get(
  "/orders",
  auth.protect(),
  auth.permit((req) => req.user!.id === req.params.userId),
  handler,
);

app.use(auth.errorHandler());

const server = app.listen(0, async () => {
  const base = "http://127.0.0.1:" + (server.address() as { port: number }).port;
  const ask = async (path: string, token?: string) => (await fetch(base + path, token ? { headers: { authorization: "Bearer " + token } } : {})).status;
  const [admin, user] = [tokens.sign({ id: "1", roles: ["admin"] }), tokens.sign({ id: "2", roles: ["user"] })];
  console.log(await ask("/products", admin), await ask("/products", user), await ask("/products"), await ask("/orders", user), await ask("/products", admin + "x"));
  server.close();
  server.closeAllConnections();
  await keyServer.close();
});
export {};
`;

test("the spec's client mode type-checks and runs, and ends by itself", () => {
  consumer.write("client.ts", CLIENT_MODE);
  consumer.setType("module");
  consumer.compile(["client.ts"], { module: "NodeNext", types: ["node"] });
  assert.equal(run("out/client.js").trim(), "200 403 401 403 401");
  rmSync(join(folder, "out"), { recursive: true });
});

test("ESM and CommonJS share one SentriError, and instanceof holds across copies", () => {
  writeFileSync(
    join(folder, "one.mjs"),
    `
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
`,
  );
  assert.equal(run("one.mjs").trim(), "true true true true false true SentriError CONFIGURATION_ERROR 500");
});

test("a missing platform package says the cure", () => {
  writeFileSync(
    join(folder, "broken.cjs"),
    `
const Module = require("node:module");
const load = Module._load;
Module._load = function (name, ...rest) {
  if (name.startsWith("sentri-") || name.endsWith(".node")) throw Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" });
  return load.call(this, name, ...rest);
};
try { require("sentri").createAuth({ mode: "server", validRoles: ["user"], db: "sqlite::memory:" }); }
catch (error) { console.log(error.code, /npm install/.test(error.message), /sentri doctor/.test(error.message)); }
`,
  );
  assert.equal(run("broken.cjs").trim(), "CONFIGURATION_ERROR true true");
});

test("the documentation has every endpoint", async () => {
  const { SENTRI_ROUTES } = await import("../../npm/dist/esm/core.mjs");
  const rows = page("docs/reference/endpoints.md").matchAll(/^\| `([A-Z]+ [\w:/-]+)/gm);
  const routes = SENTRI_ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(Array.from(rows, ([, route]) => route).sort(), routes.sort());
});

test("the documentation has every event with its level and fields, and every call in code", async () => {
  const { SENTRI_EVENTS } = await import("../../npm/dist/esm/core.mjs");
  const { PROGRAMMATIC } = createRequire(import.meta.url)("../../npm/dist/adapters/api.js");
  const table = [
    ...page("docs/reference/events.md").matchAll(/^\| `(auth\.[\w.]+)` \| (\w+) \| (?:`([\w ]+)`)? ?\|$/gm),
  ].map(([, name, level, fields]) => [name, { level, fields: fields?.split(" ") ?? [] }]);
  assert.deepEqual(Object.fromEntries(table), SENTRI_EVENTS);
  const calls = page("docs/reference/api.md");
  for (const name of PROGRAMMATIC) assert.match(calls, new RegExp(`\\b${name}\\b`));
  for (const name of ["createAuthServer", "sentri/core", "SentriLogger"])
    assert.ok(page("docs/guide/frameworks.md").includes(name), name);
});
