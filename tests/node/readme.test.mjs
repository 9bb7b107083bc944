// Every JavaScript snippet of the documentation, as it stands, in a project with the tarballs: servers are asked, pages are opened in
// a browser, Workers run in workerd, and all else runs to its end.
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser } from "./support/chromium.mjs";
import { makeConsumer, root } from "./support/consumer.mjs";
import { pages, snippets } from "./support/docs.mjs";
import { totp } from "./support/pattern.mjs";
import { bundle, startWorkerd } from "./support/runtimes.mjs";
import { Browser, PASSWORD, listen, options, sentri, sqliteFile, user } from "./support/server.mjs";

const { createTokenFactory, startKeyServer } = createRequire(import.meta.url)("../../npm/dist/testing.js");
const PACKAGES = [
  "express@5",
  "fastify@5",
  "hono@4",
  "@hono/node-server@2",
  "koa@3",
  "@koa/router@15",
  "elysia@1.4",
  "@elysiajs/node@1.4",
  "kysely@0.28",
  "pino@10",
];

const found = snippets();
/** The pages with programs of several files, each of which is run by a test of its own. */
const FILES = ["docs/guide/bundlers.md", "docs/guide/fetch.md", "docs/guide/hosts.md"];
let consumer;

before(() => {
  consumer = makeConsumer(PACKAGES);
  // Compiled once is enough.
  symlinkSync(join(root, "tests/node/node_modules/better-sqlite3"), consumer.path("node_modules/better-sqlite3"));
});

after(() => consumer.remove());

/** A provider of mail, whose mails are counted from one. */
async function mailProvider(t) {
  const mails = [];
  const provider = createServer((req, res) => {
    let text = "";
    req.on("data", (part) => (text += part));
    req.on("end", () => mails.push({ id: req.headers["idempotency-key"], ...JSON.parse(text) }) && res.end());
  });
  await new Promise((resolve) => provider.listen(0, "127.0.0.1", resolve));
  t.after(() => provider.close());
  const mail = async (number) => {
    for (let i = 0; mails.length < number && i < 200; i++) await new Promise((resolve) => setTimeout(resolve, 25));
    return mails[number - 1];
  };
  return { mails, mail, url: `http://127.0.0.1:${provider.address().port}` };
}

/** What only ends. */
async function runsToItsEnd(_t, file) {
  consumer.run(file, { env: { DATABASE_URL: "sqlite::memory:" } });
}

/** What listens, until the test ends. */
async function start(t, file, env) {
  const { base, stop, said } = await consumer.start(file, env);
  t.after(stop);
  return { base, said };
}

/** A quick start: somebody registers, logs in and is known; and may not do what an administrator may. */
async function serves(t, file, code) {
  const { base, said } = await start(t, file, { DATABASE_URL: "sqlite::memory:" });
  const browser = new Browser(base);
  assert.equal((await browser.post("/auth/register", user("rizz"))).status, 201);
  const {
    body: { data },
  } = await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
  const headers = { authorization: `Bearer ${data.accessToken}` };
  const nobody = new Browser(base);
  assert.deepEqual((await nobody.fetch("/me", { headers })).body, data.user);
  assert.equal((await nobody.fetch("/me")).status, 401);
  if (code.includes("/posts/:id")) {
    assert.equal((await nobody.fetch("/posts/1", { method: "DELETE", headers })).body.code, "FORBIDDEN");
    assert.equal((await nobody.fetch("/posts/1", { method: "DELETE" })).body.code, "UNAUTHORIZED");
  }
  assert.equal(said.errors, "");
}

async function issuer(t) {
  const tokens = createTokenFactory();
  const keys = await startKeyServer(tokens);
  t.after(() => keys.close());
  return { keyUri: keys.keyUri, headers: (input) => ({ authorization: `Bearer ${tokens.sign(input)}` }) };
}

/** An application that trusts an auth server elsewhere. */
async function trusts(t, base, path, { headers }) {
  const ask = async (given) => new Browser(base).fetch(path, { headers: given });
  assert.deepEqual((await ask(headers({ id: "rizz", roles: ["user"] }))).body, { id: "rizz", roles: ["user"] });
  assert.equal((await ask({})).body.code, "UNAUTHORIZED");
  assert.equal((await ask({ authorization: "Bearer a.b.c" })).body.code, "TOKEN_INVALID");
}

/** A page whose script is the snippet, served by an application whose endpoints it calls. */
async function runsInABrowser(t, _file, code) {
  const auth = sentri.createAuth(options());
  await auth.migrate();
  await auth.register(user("rizz", { password: "correct horse" }));
  const log = [];
  const page = `<!doctype html><title>app</title><script type="importmap">{"imports":{"sentri/browser":"/sentri.mjs"}}</script><script type="module">${code}</script>`;
  const base = await listen(t, auth, {
    before: (app) => {
      app.use((req, res, next) => {
        res.on("finish", () => log.push(`${req.method} ${req.originalUrl} ${res.statusCode}`));
        next();
      });
      app.get("/", (_req, res) => res.type("html").send(page));
      app.get("/login", (_req, res) => res.type("html").send("<!doctype html><title>login</title>"));
      app.get("/sentri.mjs", (_req, res) => res.sendFile(consumer.path("node_modules/sentri/dist/esm/browser.mjs")));
      app.get("/favicon.ico", (_req, res) => res.status(204).end());
    },
    extend: (app) => app.get("/api/orders", auth.protect(), (req, res) => res.json({ of: req.user.id })),
  });
  const browser = await openBrowser(t);
  const tab = await browser.newPage();
  const errors = [];
  tab.on("pageerror", (error) => errors.push(String(error)));
  await tab.goto(base);
  await tab.waitForURL(`${base}/login`);
  assert.deepEqual(
    log.filter((line) => / \/(auth|api|login)/.test(line)),
    ["POST /auth/login 200", "GET /api/orders 200", "POST /auth/logout 200", "GET /login 200"],
  );
  assert.deepEqual(errors, []);
}

/** A handler that renders a page and refreshes for it: `req` and `res` are its own. */
async function forwards(t, file, code) {
  const auth = sentri.createAuth(options());
  await auth.migrate();
  await auth.register(user("rizz"));
  const internal = await listen(t, auth);
  const [first, ...rest] = code.split("\n");
  assert.ok(code.includes("http://auth.internal/"));
  const handler = `${first}\nexport default async (req, res) => {\n${rest.join("\n")}\n};\n`.replace(
    "http://auth.internal",
    internal,
  );
  consumer.write(file, handler);
  const { default: render } = await import(consumer.path(file));
  const outer = sentri.createAuth(options());
  const base = await listen(t, outer, {
    before: (app) =>
      app.get("/page", (req, res, next) => render(req, res).then(() => res.json({ rendered: true }), next)),
  });
  const browser = new Browser(internal);
  await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
  const given = browser.jar.get("refresh_token");
  browser.base = base;
  const answer = await browser.fetch("/page");
  assert.deepEqual([answer.body, answer.headers.get("cache-control")], [{ rendered: true }, "no-store"]);
  assert.notEqual(browser.jar.get("refresh_token"), given);
  browser.base = internal;
  assert.equal((await browser.fetch("/auth/refresh", { method: "POST" })).status, 200);
}

/** How a snippet is run that does not only end. */
const RUNS = {
  "quick-start": serves,
  fastify: serves,
  hono: serves,
  koa: serves,
  elysia: serves,
  browser: runsInABrowser,
  "forward-cookies": forwards,
  async "client-mode"(t, file) {
    const from = await issuer(t);
    const { base, said } = await start(t, file, { KEY_URI: from.keyUri });
    await trusts(t, base, "/products", from);
    const remove = async (roles) =>
      (await new Browser(base).fetch("/products/7", { method: "DELETE", headers: from.headers({ roles }) })).body;
    assert.deepEqual(await remove(["admin"]), { deleted: "7" });
    assert.equal((await remove(["user"])).code, "FORBIDDEN");
    assert.equal(said.errors, "");
  },
  async metrics(t, file) {
    const { base, said } = await start(t, file, { DATABASE_URL: "sqlite::memory:" });
    const text = await (await fetch(`${base}/metrics`)).text();
    assert.match(text, /^sentri_ready 1$/m);
    assert.equal(said.errors, "");
  },
  async "password-reset"(t, file) {
    const { mails, mail, url } = await mailProvider(t);
    const { base, said } = await start(t, file, { DATABASE_URL: "sqlite::memory:", MAIL_URL: url });
    const browser = new Browser(base);
    const anna = { type: "email", value: "anna@example.com" };
    await browser.post("/auth/register", { identifiers: [anna], password: PASSWORD });
    const { status } = await browser.post("/auth/password/forgot", { identifier: anna.value });
    const first = await mail(1);
    assert.deepEqual([status, first.to], [202, anna.value]);
    const [, token] = /https:\/\/app\.example\.com\/reset-password\?token=([\w-]{43})/.exec(first.text);
    const reset = await browser.post("/auth/password/reset", { token, newPassword: "a new password" });
    assert.equal(reset.status, 200);
    assert.match((await mail(2)).text, /Your password was changed/);
    assert.notEqual(mails[1].id, first.id);
    assert.equal((await browser.post("/auth/login", { identifier: anna.value, password: PASSWORD })).status, 401);
    const again = await browser.post("/auth/login", { identifier: anna.value, password: "a new password" });
    assert.equal(again.status, 200);
    assert.equal(said.errors, "");
  },
  async "login-code"(t, file) {
    const { mail, url } = await mailProvider(t);
    const { base, said } = await start(t, file, { DATABASE_URL: "sqlite::memory:", MAIL_URL: url });
    const browser = new Browser(base);
    const anna = { type: "email", value: "anna@example.com" };
    await browser.post("/auth/register", { identifiers: [anna], password: PASSWORD });
    const asked = await browser.post("/auth/login/code", { identifier: anna.value });
    assert.equal(asked.status, 202);
    const [code] = /\d{6}/.exec((await mail(1)).text);
    const answer = { flow: asked.body.data.flow, code };
    const { status, body } = await browser.post("/auth/login/code/verify", answer);
    assert.equal(status, 200);
    const me = await fetch(`${base}/me`, { headers: { authorization: `Bearer ${body.data.accessToken}` } });
    assert.deepEqual((await me.json()).id, body.data.user.id);
    assert.match((await mail(2)).text, /does not count any more/);
    assert.equal((await browser.post("/auth/login/code/verify", answer)).status, 401);
    assert.equal(said.errors, "");
  },
  async "step-up"(t, file) {
    const { base } = await start(t, file, {
      DATABASE_URL: "sqlite::memory:",
      ENCRYPTION_KEY: "a-key-of-32-bytes-for-this-snippet",
    });
    const browser = new Browser(base);
    await browser.post("/auth/register", user("rizz"));
    const { body } = await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
    const ask = (path, token, json) =>
      fetch(base + path, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(json ?? {}),
      }).then((response) => response.json());
    const paid = await ask("/payouts", body.data.accessToken);
    assert.ok(paid.paid && paid.authTime > 1_700_000_000);
    const { data } = await ask("/auth/me/reauthenticate", body.data.accessToken, { password: PASSWORD });
    assert.ok((await ask("/payouts", data.accessToken)).authTime >= paid.authTime);
  },
  async account(t, file) {
    const { base } = await start(t, file, {
      DATABASE_URL: "sqlite::memory:",
      ENCRYPTION_KEY: "a-key-of-32-bytes-for-this-snippet",
    });
    const browser = new Browser(base);
    await browser.post("/auth/register", user("rizz"));
    const credentials = { identifier: "rizz", password: PASSWORD };
    const { body } = await browser.post("/auth/login", credentials);
    const ask = (method, path, sent) => {
      const headers = { authorization: `Bearer ${body.data.accessToken}`, ...(sent && { "content-type": sent.type }) };
      return fetch(base + path, { method, headers, body: sent?.text }).then((response) => response.json());
    };
    assert.deepEqual(await ask("PUT", "/notes", { type: "text/plain", text: "a note" }), { saved: true });
    const { account, notes } = await ask("GET", "/my-data");
    assert.deepEqual([account.identifiers[0].value, account.sessions.length, notes], ["rizz", 1, "a note"]);
    const { data } = await ask("GET", "/auth/me/export");
    assert.deepEqual(data, account);
    assert.deepEqual(await ask("DELETE", "/notes"), { deleted: true });
    const proof = { type: "application/json", text: JSON.stringify({ password: PASSWORD }) };
    assert.equal((await ask("DELETE", "/auth/me", proof)).message, "Account deleted");
    assert.equal((await browser.post("/auth/login", credentials)).body.code, "INVALID_CREDENTIALS");
  },
  async administration(t, file) {
    const { mails, mail, url } = await mailProvider(t);
    const db = sqliteFile(t);
    const { base, said } = await start(t, file, { DATABASE_URL: db, MAIL_URL: url });
    const browser = new Browser(base);
    const register = (value) =>
      browser.post("/auth/register", { identifiers: [{ type: "email", value }], password: PASSWORD });
    const { id } = (await register("Anna@example.com")).body.data.user;
    const helper = (await register("helen@example.com")).body.data.user;
    const auth = sentri.createAuth(options({ db, validRoles: ["support"] }));
    await auth.assignRoles(helper.id, ["support"]);
    await auth.close();
    const signIn = async (identifier) =>
      (await browser.post("/auth/login", { identifier, password: PASSWORD })).body.data.accessToken;
    const [anna, helen] = [await signIn("anna@example.com"), await signIn("helen@example.com")];
    const ask = (method, path, token) =>
      fetch(base + path, { method, headers: { authorization: `Bearer ${token}` } }).then((response) => response.json());
    assert.equal((await ask("GET", "/support/users?q=a", anna)).code, "FORBIDDEN");
    assert.deepEqual(
      (await ask("GET", "/support/users?q=ANNA", helen)).map((found) => found.id),
      [id],
    );
    assert.deepEqual(await ask("POST", `/support/users/${id}/rescue`, helen), { ended: 1 });
    assert.equal((await ask("GET", "/auth/me", anna)).code, "UNAUTHORIZED");
    assert.match((await mail(1)).text, /new password is \d{6}\./);
    assert.equal(mails[0].to, "Anna@example.com");
    assert.equal((await ask("POST", `/support/users/${id}/suspend`, helen)).reason, "looked at by support");
    assert.match((await mail(2)).text, /closed for the time being/);
    const login = () => browser.post("/auth/login", { identifier: "anna@example.com", password: PASSWORD });
    assert.equal((await login()).body.code, "ACCOUNT_DISABLED");
    const headers = { authorization: `Bearer ${helen}` };
    assert.equal((await fetch(`${base}/support/users/${id}/restore`, { method: "POST", headers })).status, 204);
    assert.equal((await login()).status, 200);
    const history = await ask("GET", `/support/users/${id}/history`, helen);
    assert.deepEqual(
      history.slice(0, 2).map(({ event, actor }) => [event, actor]),
      [
        ["auth.user.enabled", "code"],
        ["auth.user.disabled", "code"],
      ],
    );
    assert.equal((await ask("GET", `/auth/users/${id}/sessions`, helen)).code, "FORBIDDEN");
    assert.equal(said.errors, "");
  },
  async "second-factor"(t, file) {
    const { base } = await start(t, file, {
      DATABASE_URL: "sqlite::memory:",
      ENCRYPTION_KEY: "a-key-of-32-bytes-for-this-snippet",
    });
    const browser = new Browser(base);
    await browser.post("/auth/register", user("rizz"));
    const credentials = { identifier: "rizz", password: PASSWORD };
    const { body } = await browser.post("/auth/login", credentials);
    const ask = (path, token, json) =>
      fetch(base + path, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(json ?? {}),
      }).then((response) => response.json());
    const weak = body.data.accessToken;
    assert.deepEqual((await ask("/payouts", weak)).data, { acr: "aal2" });
    const { data: app } = await ask("/auth/me/factors/totp", weak);
    const confirmation = { id: app.id, code: totp(app.secret, 0, Date.now()) };
    const { data: confirmed } = await ask("/auth/me/factors/totp/confirm", weak, confirmation);
    assert.equal(confirmed.recoveryCodes.length, 10);
    const asked = await browser.post("/auth/login", credentials);
    assert.deepEqual([asked.status, asked.body.data.methods], [401, ["totp", "recovery"]]);
    const answer = { flow: asked.body.data.flow, method: "totp", code: totp(app.secret, 1, Date.now()) };
    const { body: strong } = await browser.post("/auth/login/mfa", answer);
    assert.deepEqual(await ask("/payouts", strong.data.accessToken), { paid: true, amr: ["pwd", "otp"] });
  },
  async verification(t, file) {
    const { mail, url } = await mailProvider(t);
    const { base, said } = await start(t, file, { DATABASE_URL: "sqlite::memory:", MAIL_URL: url });
    const browser = new Browser(base);
    const anna = { type: "email", value: "anna@example.com" };
    const registered = await browser.post("/auth/register", { identifiers: [anna], password: PASSWORD });
    assert.deepEqual([registered.status, Object.keys(registered.body.data)], [202, ["flow", "expiresAt"]]);
    const login = { identifier: anna.value, password: PASSWORD };
    assert.equal((await browser.post("/auth/login", login)).status, 401);
    const [, token] = /https:\/\/app\.example\.com\/verify\?token=([\w-]{43})/.exec((await mail(1)).text);
    assert.equal((await browser.post("/auth/identifiers/confirm", { token, password: PASSWORD })).status, 200);
    assert.equal((await browser.post("/auth/login", login)).status, 200);
    const taken = await browser.post("/auth/register", { identifiers: [anna], password: PASSWORD });
    assert.equal(taken.status, 202);
    assert.equal(said.errors, "");
  },
  async workers(t, _file, code) {
    const from = await issuer(t);
    await bundle(consumer.folder, code, ["workerd", "worker", "browser"], "worker.js");
    const { base } = await startWorkerd(t, consumer.folder, "worker.js", { KEY_URI: from.keyUri });
    await trusts(t, base, "/orders", from);
  },
};

test("every snippet is run, and a page of its own has each", () => {
  assert.deepEqual(found.map(({ name }) => name).sort(), [
    "account",
    "administration",
    "asvs-options",
    "browser",
    "client-mode",
    "commonjs",
    "elysia",
    "fastify",
    "forward-cookies",
    "hono",
    "import",
    "koa",
    "kysely",
    "logger",
    "login-code",
    "login-code-browser",
    "metrics",
    "middleware",
    "password-reset",
    "programmatic",
    "quick-start",
    "second-factor",
    "second-factor-browser",
    "step-up",
    "step-up-browser",
    "testing",
    "verification",
    "workers",
  ]);
  const unmarked = pages().flatMap(({ path, text }) =>
    [...text.matchAll(/^(.*)\n```(?:js|cjs|mjs|ts)\n(.*)$/gm)]
      .filter(([, mark]) => !/^<!-- (snippet: [\w-]+|fragment) -->$/.test(mark))
      .filter(([, , first]) => !(FILES.includes(path) && /^\/\/ \S+\.[jt]s$/.test(first)))
      .map(([, , first]) => `${path}: ${first}`),
  );
  assert.deepEqual(unmarked, []);
});

for (const { name, language, code } of found) {
  test(`the snippet ${name} runs`, { timeout: 60_000 }, async (t) => {
    const file = `readme-${name}.${language === "cjs" ? "cjs" : "mjs"}`;
    consumer.write(file, code);
    await (RUNS[name] ?? runsToItsEnd)(t, file, code);
  });
}
