// The packed package on other runtimes: Bun and Deno in server mode over the native core, workerd in client mode without.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Browser } from "./support/server.mjs";
import { makeConsumer } from "./support/consumer.mjs";
import { binary, bundle, start, startEdgeRuntime, startWorkerd } from "./support/runtimes.mjs";

const require = createRequire(import.meta.url);
const { createTokenFactory, startKeyServer } = require("../../npm/dist/testing.js");

/** With the native core, and as it is on machines that have none. */
let full, bare;
const consumers = [];

before(() => {
  consumers.push(
    makeConsumer(["hono@4", "elysia@1.4", "kysely@0.28", "kysely-bun-sqlite@0.4"]),
    makeConsumer(["hono@4"], { native: false }),
  );
  for (const consumer of consumers) consumer.setType("module");
  [full, bare] = consumers.map(({ folder }) => folder);
});

after(() => consumers.forEach((consumer) => consumer.remove()));

const SERVER = `{ mode: "server", db: "sqlite::memory:", validRoles: ["user", "admin"], saltRounds: 10, rateLimit: false }`;

const HONO = `
import { Hono } from "hono";
import { createAuthHono } from "sentri/hono";
const auth = createAuthHono(${SERVER});
await auth.migrate();
const app = new Hono();
app.route("/auth", auth.router());
app.get("/protected", auth.protect(), (c) => c.json({ user: c.get("user") }));
app.get("/single", auth.protect(), (c) => c.json({ user: c.get("user") }));
app.get("/admin", auth.protect(), auth.authorize("admin"), (c) => c.json({ ok: true }));
app.onError(auth.errorHandler());
`;

const ELYSIA = `
import { Elysia } from "elysia";
import { createAuthElysia } from "sentri/elysia";
const auth = createAuthElysia(${SERVER});
await auth.migrate();
const app = new Elysia()
  .onError(auth.errorHandler())
  .group("/auth", (group) => group.use(auth.router()))
  .use(auth.macro())
  .get("/single", ({ user }) => ({ user }), { protect: true })
  .get("/single/admin", ({ user }) => ({ user }), { authorize: ["admin"] })
  .get("/single/own", ({ user }) => ({ user }), { permit: ({ user, params }) => user.id === params.id })
  .get("/open", (context) => ({ known: "user" in context }))
  .use(auth.protect())
  .get("/protected", ({ user }) => ({ user }))
  .use(auth.authorize("admin"))
  .get("/admin", () => ({ ok: true }));
`;

const BUN = `
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: app.fetch });
console.log("listening " + server.port);
`;

// Elysia knows its server, and by it the address of a client, if it listens itself or is told.
const BUN_ELYSIA = {
  "listening itself": `
app.listen({ port: 0, hostname: "127.0.0.1" }, ({ port }) => console.log("listening " + port));
`,
  "told of Bun.serve()": `
app.server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: app.fetch });
console.log("listening " + app.server.port);
`,
};

const DENO = `
Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log("listening " + port) }, app.fetch);
`;

/** A life with the server: register, log in, ask, refresh, log out, and what is refused. */
async function assertServes(base) {
  const browser = new Browser(base);
  const identifiers = [
    { type: "email", value: "rizz@example.com" },
    { type: "username", value: "rizz" },
  ];
  assert.equal(
    (await browser.post("/auth/register", { identifiers, password: "correct horse 1", roles: ["user"] })).status,
    201,
  );
  assert.equal(
    (await browser.post("/auth/register", { identifiers, password: "correct horse 1" })).body.code,
    "USER_ALREADY_EXISTS",
  );
  assert.equal(
    (await browser.post("/auth/login", { identifier: "rizz", password: "wrong horse 1" })).body.code,
    "INVALID_CREDENTIALS",
  );
  const login = await browser.post("/auth/login", { identifier: "RIZZ@example.com", password: "correct horse 1" });
  assert.equal(login.status, 200, login.text);
  const headers = { authorization: `Bearer ${login.body.data.accessToken}` };
  for (const path of ["/protected", "/single"])
    assert.deepEqual((await browser.fetch(path, { headers })).body.user, login.body.data.user, path);
  const { sessions } = (await browser.fetch("/auth/me/sessions", { headers })).body.data;
  assert.deepEqual(
    sessions.map(({ ip, current }) => [ip, current]),
    [["127.0.0.1", true]],
    "the peer's address, as this runtime has it",
  );
  assert.equal((await browser.fetch("/admin", { headers })).body.code, "FORBIDDEN");
  for (const path of ["/protected", "/single"]) {
    const refused = await new Browser(base).fetch(path);
    assert.deepEqual([refused.status, refused.headers.get("www-authenticate")], [401, "Bearer"], path);
  }
  const silent = await browser.fetch("/protected");
  assert.ok(silent.headers.get("x-access-token"));
  assert.equal((await browser.fetch("/auth/refresh", { method: "POST" })).status, 200);
  assert.equal((await fetch(`${base}/auth/keys`).then((response) => response.json())).keys.length, 1);
  assert.equal((await browser.post("/auth/login", "{", {})).status, 400);
  assert.equal((await browser.fetch("/auth/logout", { method: "POST", headers })).status, 200);
  assert.equal(browser.jar.size, 0);
  assert.equal((await browser.fetch("/protected", { headers })).body.code, "UNAUTHORIZED");
}

/** The options of single routes. */
async function assertMacros(base) {
  const browser = new Browser(base);
  const { data } = (await browser.post("/auth/login", { identifier: "rizz", password: "correct horse 1" })).body;
  const ask = async (path, headers) => (await new Browser(base).fetch(path, { headers })).status;
  const rizz = { authorization: `Bearer ${data.accessToken}` };
  assert.deepEqual(
    [await ask("/single", rizz), await ask("/single/admin", rizz), await ask("/single/own", rizz)],
    [200, 403, 403],
  );
  assert.deepEqual([await ask("/single"), await ask("/single/admin"), await ask("/single/own")], [401, 401, 401]);
  assert.deepEqual((await new Browser(base).fetch("/open")).body, { known: false });
}

test("Bun serves Hono in server mode on SQLite", { timeout: 60_000 }, async (t) => {
  writeFileSync(join(full, "bun-hono.js"), HONO + BUN);
  const { base } = await start(t, binary("bun"), ["bun-hono.js"], { cwd: full });
  await assertServes(base);
});

for (const [how, listening] of Object.entries(BUN_ELYSIA)) {
  test(`Bun serves Elysia in server mode on SQLite, ${how}`, { timeout: 60_000 }, async (t) => {
    writeFileSync(join(full, "bun-elysia.js"), ELYSIA + listening);
    const { base } = await start(t, binary("bun"), ["bun-elysia.js"], { cwd: full });
    await assertServes(base);
    await assertMacros(base);
  });
}

const OVER_BUN_SQLITE = `import { Database } from "bun:sqlite";
import { Kysely } from "kysely";
import { BunSqliteDialect } from "kysely-bun-sqlite";
const database = () => {
  const opened = new Database(process.env.FILE);
  opened.run("PRAGMA journal_mode = WAL");
  return opened;
};
const dialect = new BunSqliteDialect({ database: database() });
${HONO.replace('db: "sqlite::memory:"', "dialect")}
const db = new Kysely({ dialect: new BunSqliteDialect({ database: database() }) });
await db.schema.createTable("profiles").ifNotExists().addColumn("user_id", "text").execute();
app.post("/sign-up/:name", async (c) => {
  const identifiers = [{ type: "username", value: c.req.param("name") }];
  const answer = await db.transaction().execute(async (trx) => {
    const result = await auth.register({ identifiers, password: "correct horse 1" }, { trx });
    if (result.success) await trx.insertInto("profiles").values({ user_id: result.user.id }).execute();
    return { success: result.success, code: result.error?.code };
  });
  return c.json({ ...answer, profiles: (await db.selectFrom("profiles").selectAll().execute()).length });
});
process.on("SIGTERM", () => auth.close().then(() => process.exit(0)));
${BUN}`;

test("Bun serves over bun:sqlite, by a Kysely dialect of the application's, and logins outlive a restart", {
  timeout: 60_000,
}, async (t) => {
  writeFileSync(join(full, "bun-sqlite.js"), OVER_BUN_SQLITE);
  const run = () => start(t, binary("bun"), ["bun-sqlite.js"], { cwd: full, env: { FILE: join(full, "bun.db") } });
  const first = await run();
  await assertServes(first.base);
  const signUp = (name) =>
    new Browser(first.base).fetch(`/sign-up/${name}`, { method: "POST" }).then(({ body }) => body);
  assert.deepEqual(await signUp("ada"), { success: true, profiles: 1 });
  assert.deepEqual(await signUp("ADA"), { success: false, code: "USER_ALREADY_EXISTS", profiles: 1 });
  const names = Array.from({ length: 20 }, (_, index) => `user${index % 10}`);
  const made = await Promise.all(
    names.map((value) =>
      new Browser(first.base).post("/auth/register", {
        identifiers: [{ type: "username", value }],
        password: "correct horse 1",
      }),
    ),
  );
  assert.equal(made.filter(({ status }) => status === 201).length, 10);
  const browser = new Browser(first.base);
  const login = await browser.post("/auth/login", { identifier: "ada", password: "correct horse 1" });
  const headers = { authorization: `Bearer ${login.body.data.accessToken}` };
  assert.equal((await browser.fetch("/auth/refresh", { method: "POST" })).status, 200);

  first.child.kill("SIGTERM");
  await new Promise((resolve) => first.child.once("exit", resolve));
  const second = await run();
  browser.base = second.base;
  const me = await browser.fetch("/auth/me", { headers });
  assert.equal(me.body.data?.id, login.body.data.user.id, me.text);
  assert.equal((await browser.fetch("/auth/refresh", { method: "POST" })).status, 200);
  assert.equal((await browser.fetch("/auth/logout", { method: "POST", headers })).status, 200);
});

test("Deno serves Hono in server mode on SQLite", { timeout: 60_000 }, async (t) => {
  writeFileSync(join(full, "deno-server.js"), HONO + DENO);
  const { base } = await start(
    t,
    binary("deno"),
    ["run", "--allow-net", "--allow-read", "--allow-env", "--allow-sys", "--allow-ffi", "deno-server.js"],
    { cwd: full },
  );
  await assertServes(base);
});

const CLIENT = (keyUri) => `
import { Hono } from "hono";
import { createAuthHono, SentriError } from "sentri/hono";
const auth = createAuthHono({ mode: "client", keyUri: ${keyUri}, validRoles: ["user", "admin"] });
const app = new Hono();
app.all("/protected", auth.protect(), (c) => c.json({ user: c.get("user"), auth: c.get("auth") }));
app.get("/admin", auth.protect(), auth.authorize("admin"), (c) => c.json({ ok: true }));
app.get("/mine/:id", auth.protect(), auth.permit((c) => c.get("user").id === c.req.param("id")), (c) => c.json({ ok: true }));
app.get("/item", () => { throw new SentriError("NOT_FOUND", "Item not found", 404); });
app.onError(auth.errorHandler());
`;

/** What a client-mode application must do, from its first request on. */
async function assertGuards(base, tokens) {
  const ask = async (path, token, init = {}) => {
    const response = await fetch(base + path, {
      ...init,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...init.headers },
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const user = tokens.sign({ id: "rizz", roles: ["user"], sessionId: "s1" });
  const first = await Promise.all(Array.from({ length: 20 }, () => ask("/protected", user)));
  assert.deepEqual([...new Set(first.map(({ status }) => status))], [200]);
  assert.deepEqual(first[0].body, { user: { id: "rizz", roles: ["user"] }, auth: { sessionId: "s1", token: user } });
  const refused = await ask("/admin", user);
  assert.deepEqual(refused.body, { error: true, statusCode: 403, code: "FORBIDDEN", message: "Forbidden", data: null });
  assert.equal((await ask("/admin", tokens.sign({ roles: ["admin"] }))).status, 200);
  assert.equal((await ask("/mine/rizz", user)).status, 200);
  assert.equal((await ask("/mine/other", user)).status, 403);
  assert.equal((await ask("/item")).body.code, "NOT_FOUND");
  const missing = await ask("/protected");
  assert.deepEqual(
    [missing.status, missing.headers.get("www-authenticate"), missing.headers.get("cache-control")],
    [401, "Bearer", "no-store"],
  );
  assert.equal((await ask("/protected", tokens.sign({ expiresIn: -60 }))).body.code, "TOKEN_EXPIRED");
  assert.equal((await ask("/protected", tokens.sign({ header: { alg: "none" } }))).body.code, "TOKEN_INVALID");
  assert.equal((await ask("/protected", createTokenFactory().sign())).body.code, "TOKEN_INVALID");
  assert.equal((await ask("/protected", tokens.sign({ header: { typ: "rt+jwt" } }))).body.code, "TOKEN_INVALID");
  const cookie = `access_token=${user}`;
  assert.equal((await ask("/protected", undefined, { headers: { cookie } })).status, 200);
  assert.equal(
    (await ask("/protected", undefined, { method: "POST", headers: { cookie, origin: "https://evil.example" } }))
      .status,
    403,
  );
}

async function issuer(t, options) {
  const tokens = createTokenFactory(options);
  const keys = await startKeyServer(tokens);
  t.after(() => keys.close());
  return { tokens, keys };
}

test("Bun guards Hono in client mode", { timeout: 60_000 }, async (t) => {
  const { tokens, keys } = await issuer(t);
  writeFileSync(join(full, "bun-client.js"), CLIENT("Bun.env.KEY_URI") + BUN);
  const { base } = await start(t, binary("bun"), ["bun-client.js"], { cwd: full, env: { KEY_URI: keys.keyUri } });
  await assertGuards(base, tokens);
  assert.equal(keys.requests, 1);
});

for (const [what, folder, flags] of [
  ["over the native core", () => full, ["--allow-net", "--allow-read", "--allow-env", "--allow-sys", "--allow-ffi"]],
  [
    "on WebCrypto where native code is not allowed",
    () => full,
    ["--allow-net", "--allow-read", "--allow-env", "--allow-sys"],
  ],
  ["on WebCrypto where there is no native core", () => bare, ["-A"]],
]) {
  test(`Deno guards Hono in client mode ${what}`, { timeout: 60_000 }, async (t) => {
    const { tokens, keys } = await issuer(t);
    writeFileSync(join(folder(), "deno-client.js"), CLIENT('Deno.env.get("KEY_URI")') + DENO);
    const { base } = await start(t, binary("deno"), ["run", "--no-prompt", ...flags, "deno-client.js"], {
      cwd: folder(),
      env: { KEY_URI: keys.keyUri },
    });
    await assertGuards(base, tokens);
    assert.equal(keys.requests, 1);
  });
}

test("Deno without leave to load native code says what server mode needs", () => {
  writeFileSync(join(full, "deno-refused.js"), HONO);
  const { status, stderr } = spawnSync(
    binary("deno"),
    ["run", "--no-prompt", "--allow-read", "--allow-env", "--allow-sys", "deno-refused.js"],
    { cwd: full, encoding: "utf8" },
  );
  assert.notEqual(status, 0);
  assert.match(stderr, /CONFIGURATION_ERROR|SentriError/);
  assert.match(stderr, /--allow-ffi/);
});

const WORKER = `${CLIENT("env.KEY_URI").replace("\n", '\nimport { env } from "cloudflare:workers";\n')}export default app;\n`;

for (const algorithm of ["RS256", "ES256", "EdDSA"]) {
  test(`workerd guards Hono in client mode: ${algorithm}`, { timeout: 60_000 }, async (t) => {
    const { tokens, keys } = await issuer(t, { algorithm });
    await bundle(bare, WORKER, ["workerd", "worker", "browser"], "worker.js");
    const { base } = await startWorkerd(t, bare, "worker.js", { KEY_URI: keys.keyUri });
    await assertGuards(base, tokens);
    assert.equal(keys.requests, 1);
    await keys.setOutage("refuse");
    const token = tokens.sign({ id: "rizz" });
    assert.equal((await fetch(`${base}/protected`, { headers: { authorization: `Bearer ${token}` } })).status, 200);
  });
}

test("workerd answers 503 until there are keys", { timeout: 60_000 }, async (t) => {
  const { tokens, keys } = await issuer(t);
  await keys.setOutage("error");
  await bundle(bare, WORKER, ["workerd", "worker", "browser"], "worker.js");
  const { base } = await startWorkerd(t, bare, "worker.js", { KEY_URI: keys.keyUri });
  const ask = () => fetch(`${base}/protected`, { headers: { authorization: `Bearer ${tokens.sign()}` } });
  const answers = await Promise.all(Array.from({ length: 10 }, ask));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [503]);
  assert.ok(answers.every(({ headers }) => Number(headers.get("retry-after")) >= 1));
  assert.equal(keys.requests, 1);
  await keys.setOutage(undefined);
  await pause(2_100);
  assert.equal((await ask()).status, 200);
});

test("on workerd a fetch that is lost with its request holds nobody up for long", { timeout: 60_000 }, async (t) => {
  const { tokens, keys } = await issuer(t);
  await bundle(bare, WORKER, ["workerd", "worker", "browser"], "worker.js");
  const { base } = await startWorkerd(t, bare, "worker.js", { KEY_URI: keys.keyUri });
  const ask = (signal) => fetch(`${base}/protected`, { signal, headers: { authorization: `Bearer ${tokens.sign()}` } });
  await keys.setOutage("hang");
  const abort = new AbortController();
  const lost = ask(abort.signal).catch(() => "given up");
  await until(() => keys.requests === 1);
  const waiting = ask();
  abort.abort();
  assert.equal(await lost, "given up");
  assert.equal((await waiting).status, 503);
  await keys.setOutage(undefined);
  await until(async () => (await ask()).status === 200);
  assert.equal((await ask()).status, 200);
});

/** The worker, answering after 300 ms whatever its handler waits for, and naming its trouble at `/causes`. */
const early = (worker) =>
  worker
    .replace(
      "const app = new Hono();",
      `const app = new Hono();
const late = (c) => new Promise((resolve) => setTimeout(() => resolve(c.text("late", 504)), 300));
app.use((c, next) => Promise.race([next(), late(c)]));
app.get("/causes", (c) => c.json(causes));`,
    )
    .replace(
      "const auth = createAuthHono({",
      `const causes = [];
const logger = { info() {}, warn() {}, error: ({ cause }) => causes.push(cause) };
const auth = createAuthHono({ logger,`,
    );

for (const [how, again, logged] of [
  [
    "by requests all the time",
    (ask) => until(async () => (await ask()).status === 200),
    ["the attempt was broken off"],
  ],
  ["by the next request, whenever it comes", (ask) => pause(8_000).then(ask), []],
]) {
  test(`on workerd a fetch that an early answer ends is made again ${how}`, { timeout: 60_000 }, async (t) => {
    const { tokens, keys } = await issuer(t);
    await bundle(bare, early(WORKER), ["workerd", "worker", "browser"], "worker.js");
    const { base } = await startWorkerd(t, bare, "worker.js", { KEY_URI: keys.keyUri });
    const ask = () => fetch(`${base}/protected`, { headers: { authorization: `Bearer ${tokens.sign()}` } });
    await keys.setOutage("hang");
    assert.equal((await ask()).status, 504);
    assert.equal(keys.requests, 1);
    await keys.setOutage(undefined);
    await again(ask);
    assert.equal(keys.requests, 2);
    assert.equal((await ask()).status, 200);
    assert.deepEqual(await fetch(`${base}/causes`).then((response) => response.json()), logged);
  });
}

/** A worker whose clock is put forward by `POST /ahead/MILLISECONDS`. */
const AHEAD = WORKER.replace(
  "const auth =",
  "let ahead = 0;\nconst { now } = Date;\nDate.now = () => now() + ahead;\nconst auth =",
).replace(
  "const app = new Hono();",
  `const app = new Hono();
app.post("/ahead/:ms", (c) => c.json((ahead += Number(c.req.param("ms")))));`,
);

async function startAhead(t, worker = AHEAD) {
  const { tokens, keys } = await issuer(t);
  await bundle(bare, worker, ["workerd", "worker", "browser"], "worker.js");
  const { base } = await startWorkerd(t, bare, "worker.js", { KEY_URI: keys.keyUri });
  const ask = async (token) =>
    (await fetch(`${base}/protected`, { headers: { authorization: `Bearer ${token}` } })).status;
  const ahead = (ms) => fetch(`${base}/ahead/${ms}`, { method: "POST" });
  return { tokens, keys, ask, ahead, sign: () => tokens.sign({ expiresIn: 200_000 }) };
}

test("on workerd a withdrawn key is refused when the issuer is back after an outage", {
  timeout: 60_000,
}, async (t) => {
  const { tokens, keys, ask, ahead, sign } = await startAhead(t);
  const old = sign();
  assert.equal(await ask(old), 200);
  await keys.setOutage("error");
  await ahead(3_600_000);
  assert.equal(await ask(old), 200);
  assert.equal(keys.requests, 2);
  await keys.setOutage(undefined);
  tokens.rotate();
  tokens.retire();
  assert.equal(await ask(old), 200, "the next attempt begins 30 s after the last");
  await ahead(30_000);
  assert.equal(await ask(old), 401);
  assert.equal(await ask(sign()), 200);
  assert.equal(keys.requests, 3);
});

test("on workerd keys are fetched anew that grew too old after a lost fetch", { timeout: 60_000 }, async (t) => {
  const { keys, ask, ahead, sign } = await startAhead(t, early(AHEAD));
  assert.equal(await ask(sign()), 200);
  await keys.setOutage("hang");
  await ahead(3_600_000);
  assert.equal(await ask(sign()), 504);
  await keys.setOutage(undefined);
  await ahead(25 * 3_600_000);
  assert.equal(await ask(sign()), 200);
  assert.equal(keys.requests, 3);
});

test("on workerd one request waits for keys that are due, and no other", { timeout: 60_000 }, async (t) => {
  const { keys, ask, ahead, sign } = await startAhead(t);
  assert.equal(await ask(sign()), 200);
  for (const [age, ms] of [
    ["due", 2_700_000],
    ["old, after a failed attempt", 900_000],
  ]) {
    await keys.setOutage("hang");
    await ahead(ms);
    const before = keys.requests;
    let isWaiting = true;
    const waiting = ask(sign()).finally(() => (isWaiting = false));
    await until(() => keys.requests === before + 1);
    assert.deepEqual(await Promise.all([ask(sign()), ask(sign())]), [200, 200], age);
    assert.ok(isWaiting, age);
    assert.equal(await waiting, 200, age);
    assert.equal(keys.requests, before + 1, age);
  }
  await keys.setOutage(undefined);
  await ahead(30_000);
  assert.equal(await ask(sign()), 200);
  assert.equal(keys.requests, 4);
});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for what must come within ten seconds. */
async function until(condition) {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < end, "it took too long");
    await pause(100);
  }
}

test("Vercel's edge runtime guards Hono in client mode", { timeout: 60_000 }, async (t) => {
  const { tokens, keys } = await issuer(t);
  const source = `${CLIENT(JSON.stringify(keys.keyUri))}addEventListener("fetch", (event) => event.respondWith(app.fetch(event.request)));\n`;
  await bundle(bare, source, ["edge-light"], "edge-light.js", "iife");
  const { base } = await startEdgeRuntime(t, bare, "edge-light.js");
  await assertGuards(base, tokens);
  assert.equal(keys.requests, 1);
});

test("server mode on workerd is refused with the reason", { timeout: 60_000 }, async (t) => {
  const source = `
import { createAuthHono, SentriError } from "sentri/hono";
export default {
  fetch() {
    try {
      createAuthHono(${SERVER});
      return new Response("made");
    } catch (error) {
      return Response.json({ ours: error instanceof SentriError, code: error.code, message: error.message });
    }
  },
};`;
  await bundle(bare, source, ["workerd", "worker", "browser"], "refused.js");
  const { base } = await startWorkerd(t, bare, "refused.js", {});
  const { ours, code, message } = await fetch(base).then((response) => response.json());
  assert.deepEqual([ours, code], [true, "CONFIGURATION_ERROR"]);
  assert.match(message, /needs the native core.*Node, Bun or Deno.*mode 'client'/);
});

for (const condition of ["workerd", "edge-light", "browser"]) {
  test(`under the condition ${condition} nothing of Node's is bundled`, async () => {
    // The bundler stops at a module of Node's: there is none on this platform.
    const inputs = await bundle(
      bare,
      `import { createAuthHono } from "sentri/hono";\nglobalThis.make = createAuthHono;`,
      [condition],
      "edge.js",
    );
    assert.ok(
      inputs.some((name) => name.endsWith("sentri/dist/edge/engine.js")),
      inputs.join("\n"),
    );
    assert.equal(
      inputs.some((name) => /sentri\/dist\/(native|server|guarding)\.js$/.test(name)),
      false,
    );
    assert.doesNotMatch(readFileSync(join(bare, "edge.js"), "utf8"), /require\("(node:|fs|path)/);
  });
}

test("the licence of what is bundled goes with it", () => {
  const folder = join(bare, "node_modules/sentri/dist/edge");
  assert.match(readFileSync(join(folder, "LICENSE-jose.md"), "utf8"), /MIT License[\s\S]*Filip Skokan/);
  assert.equal(
    execFileSync("npm", ["ls", "--all", "--parseable", "jose"], {
      cwd: bare,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).includes("node_modules/jose"),
    false,
  );
});
