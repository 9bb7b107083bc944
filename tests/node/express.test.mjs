// Express 4 and 5 over real sockets: the life of a session, the errors, the middleware.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Browser, PASSWORD, expresses, listen, options, sentri, testClock, user } from "./support/server.mjs";

const { createAuthExpress, SentriError } = sentri;
const { makeServer } = createRequire(import.meta.url)("../../npm/dist/engine.js");
const START = Date.parse("2026-01-01T00:00:00Z");

for (const [name, express] of Object.entries(expresses)) {
  for (const json of [true, false]) {
    test(`${name}${json ? "" : " without express.json()"}: register, login, silent refresh, refresh, logout`, async (t) => {
      const clock = testClock(START);
      const auth = createAuthExpress(options({ accessCookie: true, clock }));
      await auth.migrate();
      const browser = new Browser(await listen(t, auth, { express, json }));

      const registered = await browser.post("/auth/register", user("rizz"));
      assert.equal(registered.status, 201);
      assert.deepEqual(Object.keys(registered.body), ["error", "statusCode", "message", "data"]);
      assert.equal(registered.body.message, "User registered successfully");
      const { id } = registered.body.data.user;

      const login = await browser.post("/auth/login", { identifier: "RIZZ ", password: PASSWORD });
      assert.equal(login.status, 200);
      assert.deepEqual(login.body.data.user, { id, roles: [] });
      assert.equal(login.headers.get("cache-control"), "no-store");
      assert.ok(!("refreshToken" in login.body.data), "the refresh token is in the cookie alone");
      assert.match(login.headers.getSetCookie()[0], /^refresh_token=.*; Path=\/; HttpOnly; SameSite=Lax$/);
      assert.doesNotMatch(login.headers.getSetCookie()[1], /HttpOnly/);

      const seen = await browser.fetch("/protected");
      assert.deepEqual(seen.body.user, { id, roles: [] });
      assert.equal(seen.body.auth.token, login.body.data.accessToken);

      clock.advance(15 * 60_000);
      const silent = await browser.fetch("/protected");
      assert.equal(silent.status, 200, silent.text);
      assert.match(silent.headers.getSetCookie()[0], /^access_token=/);
      assert.notEqual(silent.body.auth.token, login.body.data.accessToken);

      const refreshed = await browser.post("/auth/refresh", undefined, { "content-type": "application/json" });
      assert.equal(refreshed.status, 200, refreshed.text);
      const out = await browser.post("/auth/logout", undefined, { "content-type": "application/json" });
      assert.deepEqual(out.body, { error: false, statusCode: 200, message: "Logged out", data: null });
      assert.equal(browser.jar.size, 0, "the cookies are gone");
      const refused = await new Browser(browser.base).fetch("/protected", {
        headers: { authorization: `Bearer ${refreshed.body.data.accessToken}` },
      });
      assert.equal(refused.status, 401);
      assert.equal(refused.body.code, "UNAUTHORIZED");
      assert.equal(refused.headers.get("www-authenticate"), "Bearer");
    });
  }

  test(`${name}: authorize, permit and errors in the envelope`, async (t) => {
    const auth = createAuthExpress(options());
    await auth.migrate();
    let unhandled = 0;
    class NotFoundError extends SentriError {
      constructor() {
        super("NOT_FOUND", "Item not found", 404);
      }
    }
    const base = await listen(t, auth, {
      express,
      extend(app) {
        app.get("/admin", auth.protect(), auth.authorize("admin"), (_req, res) => res.json("in"));
        app.get("/unguarded", auth.authorize("admin"), (_req, res) => res.json("in"));
        app.get(
          "/own/:id",
          auth.protect(),
          auth.permit((req) => req.user.id === req.params.id),
          (_req, res) => res.json("in"),
        );
        app.get(
          "/either/:id",
          auth.protect(),
          auth.permit({ roles: ["admin"], check: async () => false }),
          (_req, res) => res.json("in"),
        );
        app.get(
          "/boom",
          auth.protect(),
          auth.permit(() => {
            throw new Error("secret detail");
          }),
          (_req, res) => res.json("in"),
        );
        app.get("/missing", () => {
          throw new NotFoundError();
        });
        app.use(auth.errorHandler({ onUnhandled: () => (unhandled += 1) }));
      },
    });
    const login = async (name, roles) => {
      assert.equal((await auth.register(user(name, { roles }))).success, true);
      const answer = await new Browser(base).post("/auth/login", { identifier: name, password: PASSWORD });
      const headers = { authorization: `Bearer ${answer.body.data.accessToken}` };
      return { id: answer.body.data.user.id, get: (path) => new Browser(base).fetch(path, { headers }) };
    };
    const admin = await login("boss", ["admin"]);
    const plain = await login("rizz", []);
    const expected = [
      [admin, "/admin", 200],
      [plain, "/admin", 403],
      [plain, `/own/${plain.id}`, 200],
      [plain, `/own/${admin.id}`, 403],
      [admin, "/either/1", 200],
      [plain, "/either/1", 403],
      [plain, "/missing", 404],
      [plain, "/boom", 500],
      [plain, "/unguarded", 401],
    ];
    for (const [who, path, status] of expected) {
      const answer = await who.get(path);
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
      if (status >= 400) assert.deepEqual(Object.keys(answer.body), ["error", "statusCode", "code", "message", "data"]);
      assert.doesNotMatch(answer.text, /secret detail/);
    }
    assert.equal(unhandled, 1, "only the error that nobody expected");
    assert.throws(() => auth.authorize("boss"), { code: "CONFIGURATION_ERROR" });
    assert.throws(() => auth.authorize(), { code: "CONFIGURATION_ERROR" });
  });

  test(`${name}: what its parser and its router refuse is worded by us, a challenge that is there stays`, async (t) => {
    const auth = createAuthExpress(options());
    await auth.migrate();
    const base = await listen(t, auth, {
      express,
      extend(app) {
        app.get("/items/:id", (_req, res) => res.json("in"));
        app.post("/items", (_req, res) => res.json("in"));
        app.get("/basic", (_req, res) => {
          res.set("WWW-Authenticate", "Basic");
          throw Object.assign(new Error("secret detail"), { status: 401 });
        });
      },
    });
    const told = ({ status, body }) => [status, body.code, body.message];
    const unread = [400, "VALIDATION_ERROR", "The request could not be read"];
    assert.deepEqual(told(await new Browser(base).fetch("/items/%ff")), unread);
    assert.deepEqual(
      told(
        await new Browser(base).fetch("/items", {
          method: "POST",
          raw: "{",
          headers: { "content-type": "application/json" },
        }),
      ),
      unread,
    );
    const basic = await new Browser(base).fetch("/basic");
    assert.deepEqual(
      [...told(basic), basic.headers.get("www-authenticate")],
      [401, "UNAUTHORIZED", "Unauthorized", "Basic"],
    );
  });

  test(`${name}: bad bodies and headers never are a 5xx`, async (t) => {
    for (const json of [true, false]) {
      const auth = createAuthExpress(options());
      await auth.migrate();
      const base = await listen(t, auth, { express, json });
      for (const raw of [
        "{",
        "[]",
        "null",
        "1",
        '{"identifier":"a\\u0000","password":"x"}',
        "\u0000",
        `{"password":"${"x".repeat(10_000_000)}"}`,
      ]) {
        const answer = await fetch(`${base}/auth/login`, {
          method: "POST",
          body: raw,
          headers: { "content-type": "application/json" },
        });
        const body = await answer.json();
        assert.ok(answer.status >= 400 && answer.status < 500, `${raw.slice(0, 30)}: ${answer.status}`);
        assert.deepEqual([body.error, body.code], [true, "VALIDATION_ERROR"]);
      }
      for (const headers of [
        { authorization: "Bearer" },
        { authorization: "Bearer a.b.c" },
        { authorization: "Basic x" },
        { cookie: 'access_token=;;=,"' },
      ]) {
        const answer = await fetch(`${base}/auth/me`, { headers });
        assert.equal(answer.status, 401, JSON.stringify(headers));
      }
      assert.equal((await fetch(`${base}/auth/nothing`)).status, 404, "unknown paths are the application's");
    }
  });

  test(`${name}: rateLimiter counts by address and tells when to come back`, async (t) => {
    const auth = createAuthExpress(options());
    const base = await listen(t, auth, {
      express,
      extend: (app) =>
        app.post("/mail", auth.rateLimiter({ maxAttempts: 2, durationSeconds: 60, keyPrefix: "mail" }), (_req, res) =>
          res.json("sent"),
        ),
    });
    const browser = new Browser(base);
    const statuses = [];
    let last;
    for (let i = 0; i < 3; i++) statuses.push((last = await browser.post("/mail")).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    assert.equal(last.body.code, "RATE_LIMIT_EXCEEDED");
    assert.ok(Number(last.headers.get("retry-after")) > 0);
    assert.match(last.headers.get("ratelimit-policy"), /"mail";q=2;w=60/);
    assert.throws(() => auth.rateLimiter({ maxAttempts: 0, durationSeconds: 60 }), { code: "CONFIGURATION_ERROR" });
  });
}

test("hooks are awaited before the answer, and a throw changes nothing", async (t) => {
  const told = [];
  const logged = [];
  const logger = { info: (e) => logged.push(e), warn: (e) => logged.push(e), error: (e) => logged.push(e) };
  const hooks = {
    async onLogin(who, ctx) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      told.push(["login", who.roles, typeof ctx.sessionId]);
      throw new Error("mail server is down");
    },
    onFailedLogin: (identifier, ctx) => void told.push(["failed", identifier, ctx.errorCode]),
    onLogout: (userId) => void told.push(["logout", typeof userId]),
  };
  const auth = createAuthExpress(options({ hooks, logger, loggerService: "auth-service" }));
  await auth.migrate();
  const browser = new Browser(await listen(t, auth));
  await browser.post("/auth/register", user("rizz"));
  const id = { "x-request-id": "abc-1" };
  assert.equal((await browser.post("/auth/login", { identifier: "rizz", password: "wrong password" }, id)).status, 401);
  const login = await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD }, id);
  assert.equal(login.status, 200);
  await browser.post("/auth/logout");
  assert.deepEqual(told, [
    ["failed", "rizz", "INVALID_CREDENTIALS"],
    ["login", [], "string"],
    ["logout", "string"],
  ]);
  const failure = logged.find((entry) => entry.event === "auth.login.failure");
  assert.equal(failure.service, "auth-service");
  assert.equal(failure.requestId, "abc-1");
  assert.equal(failure.errorCode, "INVALID_CREDENTIALS");
  assert.equal(logged.find((entry) => entry.event === "auth.hook.failure").cause, "mail server is down");
  assert.doesNotMatch(JSON.stringify(logged), /rizz|correct horse/);
});

test("overrides run with next() in the context of their request, and what they throw is told as it is", async (t) => {
  const calls = [];
  const storage = new AsyncLocalStorage();
  const router = {
    async login(input, ctx, next) {
      calls.push([input.identifier, storage.getStore()]);
      assert.deepEqual(Object.keys(ctx), ["ip", "userAgent", "requestId"]);
      if (input.identifier === "blocked") throw new SentriError("FORBIDDEN", "not you", 403);
      if (input.identifier === "broken") throw new TypeError("secret detail");
      return next({ ...input, identifier: input.identifier.replace("alias", "rizz") });
    },
  };
  const auth = createAuthExpress(options({ router }));
  await auth.migrate();
  const app = { before: (inner) => inner.use((req, _res, next) => storage.run(req.headers["x-tenant"], next)) };
  const browser = new Browser(await listen(t, auth, app));
  await browser.post("/auth/register", user("rizz"));
  const login = (identifier) =>
    browser.post("/auth/login", { identifier, password: PASSWORD }, { "x-tenant": `of ${identifier}` });
  assert.equal((await login("alias")).status, 200);
  const blocked = await login("blocked");
  assert.deepEqual([blocked.status, blocked.body.code, blocked.body.message], [403, "FORBIDDEN", "not you"]);
  const broken = await login("broken");
  assert.equal(broken.status, 500);
  assert.doesNotMatch(broken.text, /secret detail/);
  assert.deepEqual(
    calls,
    ["alias", "blocked", "broken"].map((identifier) => [identifier, `of ${identifier}`]),
  );
});

test("isTokenRevoked: truthy, a throw and a rejection refuse", async (t) => {
  let mode = "no";
  const isTokenRevoked = (sessionId) => {
    assert.equal(typeof sessionId, "string");
    if (mode === "throw") throw new Error("redis is down");
    if (mode === "reject") return Promise.reject(new Error("redis is down"));
    return mode === "yes" ? "yes" : mode === "async" ? Promise.resolve(1) : undefined;
  };
  const auth = createAuthExpress(options({ isTokenRevoked }));
  await auth.migrate();
  const base = await listen(t, auth);
  const browser = new Browser(base);
  await browser.post("/auth/register", user("rizz"));
  const { accessToken } = (await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD })).body.data;
  const status = async () =>
    (await new Browser(base).fetch("/protected", { headers: { authorization: `Bearer ${accessToken}` } })).status;
  for (const [next, expected] of [
    ["no", 200],
    ["yes", 401],
    ["async", 401],
    ["throw", 401],
    ["reject", 401],
    ["no", 200],
  ]) {
    mode = next;
    assert.equal(await status(), expected, next);
  }
});

test("isTokenRevoked runs in the context of its request, at a route, at an endpoint and at a refresh", async (t) => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const isTokenRevoked = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    seen.push(storage.getStore());
    return false;
  };
  const auth = createAuthExpress(options({ isTokenRevoked }));
  await auth.migrate();
  const app = { before: (inner) => inner.use((req, _res, next) => storage.run(req.headers["x-tenant"], next)) };
  const browser = new Browser(await listen(t, auth, app));
  await browser.post("/auth/register", user("rizz"));
  const { accessToken } = (await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD })).body.data;
  const authorization = `Bearer ${accessToken}`;
  const visits = [
    ["/protected", "route", { headers: { authorization } }],
    ["/protected", "silent refresh", {}],
    ["/auth/me", "endpoint", { headers: { authorization } }],
    ["/auth/refresh", "refresh", { method: "POST" }],
  ].flatMap((visit) => Array.from({ length: 10 }, (_, i) => [visit[0], `${visit[1]} ${i}`, visit[2]]));
  const answers = await Promise.all(
    visits.map(([path, tenant, init]) =>
      browser.fetch(path, { ...init, headers: { ...init.headers, "x-tenant": tenant } }),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.deepEqual(
    new Set(seen),
    new Set(visits.map(([, tenant]) => tenant)),
    "each in its own, none in another's or none",
  );
});

test("req.user is fresh for every request, and caches forget what was revoked", async (t) => {
  const auth = createAuthExpress(options());
  await auth.migrate();
  const base = await listen(t, auth, {
    extend: (app) =>
      app.get("/spoil", auth.protect(), (req, res) => {
        req.user.roles.push("admin");
        res.json(req.user);
      }),
  });
  const browser = new Browser(base);
  await browser.post("/auth/register", user("rizz"));
  const login = (await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD })).body.data;
  const headers = { authorization: `Bearer ${login.accessToken}` };
  const get = (path) => new Browser(base).fetch(path, { headers });
  assert.deepEqual((await get("/spoil")).body.roles, ["admin"]);
  assert.deepEqual((await get("/protected")).body.user.roles, []);
  await auth.assignRoles(login.user.id, ["user"]);
  assert.deepEqual((await get("/protected")).body.user.roles, ["user"]);
  const { sessionId } = auth.verifyAccessToken(login.accessToken);
  assert.equal(await auth.revokeSession(sessionId), true);
  assert.equal((await get("/protected")).status, 401);
});

test("verifyAccessToken: equal answers from the cache, expiry to the millisecond", async () => {
  const clock = testClock(START);
  const auth = createAuthExpress(options({ clock }));
  await auth.ready().catch(() => {});
  const token = auth.signAccessToken({ id: "u1", roles: ["user"], sessionId: "s1" });
  // The first is verified, the second is kept, the others come from the cache: nobody's changes are seen by others.
  for (let i = 0; i < 4; i++) {
    const verified = auth.verifyAccessToken(token);
    assert.deepEqual(verified, { id: "u1", roles: ["user"], sessionId: "s1" });
    verified.roles.push("admin");
  }
  clock.set(START + 15 * 60_000 - 1);
  assert.equal(auth.verifyAccessToken(token).id, "u1");
  clock.set(START + 15 * 60_000);
  assert.throws(() => auth.verifyAccessToken(token), { code: "TOKEN_EXPIRED", statusCode: 401, name: "SentriError" });
  for (const bad of ["", "a.b.c", `${token}x`, token.slice(0, -1), auth.signRefreshToken("s1"), 7, undefined]) {
    assert.throws(() => auth.verifyAccessToken(bad), { code: "TOKEN_INVALID" }, String(bad));
  }
  assert.throws(() => auth.verifyRefreshToken(token), { code: "TOKEN_INVALID" });
  await auth.close();
});

test("disableUser: the end is a text or a Date", async () => {
  const auth = makeServer(options());
  await auth.migrate();
  const { user: rizz } = await auth.register(user("rizz"));
  for (const until of [new Date("2099-12-24T18:00:00Z"), "2099-12-24T19:00:00+01:00"]) {
    const { disabled } = await auth.disableUser(rizz.id, { until });
    assert.equal(disabled.until, "2099-12-24T18:00:00.000Z");
  }
  await assert.rejects(auth.disableUser(rizz.id, { until: new Date(0) }), {
    code: "VALIDATION_ERROR",
    message: /until/,
  });
  assert.equal((await auth.enableUser(rizz.id)).disabled, undefined);
  await auth.close();
});

test("verifyAccessToken: what was found out under another epoch is found out anew", async () => {
  for (const clock of [testClock(START), undefined]) {
    const auth = makeServer(options({ clock }));
    await auth.migrate();
    const { user: rizz } = await auth.register(user("rizz"));
    const { sessionId } = await auth.createSession(rizz.id);
    const token = auth.signAccessToken({ id: "u1", roles: ["user"] });
    let verified = 0;
    const { core } = auth;
    auth.core = {
      ...core,
      epoch: core.epoch,
      verifyAccessToken: (...args) => (verified++, core.verifyAccessToken(...args)),
    };
    const verify = async (times) => {
      // The epoch is asked for every 100 ms, or at every call where the clock stands still.
      if (!clock) await new Promise((resolve) => setTimeout(resolve, 150));
      for (let i = 0; i < 5; i++) assert.equal(auth.verifyAccessToken(token).id, "u1");
      assert.equal(verified, times);
    };
    await verify(2);
    await verify(2);
    await auth.revokeSession(sessionId);
    await verify(3);
    await verify(3);
    await auth.close();
  }
});

test("calls in code refuse what is of the wrong type with a SentriError", async () => {
  const auth = createAuthExpress(options());
  await auth.migrate();
  const odd = Object.create(null);
  const circular = {};
  circular.itself = circular;
  const given = [undefined, null, 7, 7n, Symbol("x"), {}, [], odd, circular, () => {}];
  const sync = {
    signRefreshToken: "VALIDATION_ERROR",
    signAccessToken: "VALIDATION_ERROR",
    verifyAccessToken: "TOKEN_INVALID",
    verifyRefreshToken: "TOKEN_INVALID",
  };
  for (const [name, code] of Object.entries(sync)) {
    for (const value of given) assert.throws(() => auth[name](value), { name: "SentriError", code }, name);
  }
  assert.throws(() => auth.signRefreshToken(""), {
    code: "VALIDATION_ERROR",
    message: /sessionId/,
    details: { field: "sessionId" },
  });
  for (const name of [
    "getUser",
    "findUser",
    "deleteUser",
    "exportUser",
    "setPassword",
    "removeFactors",
    "disableUser",
    "enableUser",
    "createSession",
    "listSessions",
    "revokeSession",
    "revokeSessions",
    "hashPassword",
    "verifyPassword",
  ]) {
    for (const value of given)
      await assert.rejects(
        async () => auth[name](value),
        { name: "SentriError", code: "VALIDATION_ERROR" },
        `${name}(${typeof value})`,
      );
  }
  await auth.close();
  const audited = createAuthExpress(options({ audit: "changes" }));
  await audited.migrate();
  for (const filter of [{ limit: "ten" }, { user: 7 }, { event: {} }, { cursor: "x" }, circular])
    await assert.rejects(audited.listAudit(filter), { name: "SentriError", code: "VALIDATION_ERROR" });
  await audited.close();
});

test("verifyAccessToken: a token that ends as a remembered one is still verified by itself", async () => {
  const auth = createAuthExpress(options());
  const token = auth.signAccessToken({ id: "u1", roles: ["user"], sessionId: "s1" });
  for (let i = 0; i < 4; i++) auth.verifyAccessToken(token);
  const [header, payload, signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  const admin = Buffer.from(JSON.stringify({ ...claims, roles: ["admin"] })).toString("base64url");
  for (const forged of [
    `${header}.${admin}.${signature}`,
    `x${token}`,
    `${header}.${payload}.A${signature.slice(1)}`,
    signature,
  ]) {
    for (let i = 0; i < 4; i++) assert.throws(() => auth.verifyAccessToken(forged), { code: "TOKEN_INVALID" }, forged);
  }
  assert.deepEqual(auth.verifyAccessToken(token).roles, ["user"]);
  await auth.close();
});

test("verifyAccessToken: claims of every length and alphabet cross unharmed", async () => {
  const auth = createAuthExpress(options());
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const sign = (claims) => {
    const input = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ ...claims, exp: 4_000_000_000 })}`;
    return `${input}.${createHmac("sha256", options().secret).update(input).digest("base64url")}`;
  };
  const lengths = Array.from({ length: 400 }, (_, i) => "x".repeat(500 + i));
  const texts = ["1", "日本", "é", "\u{1F600}", "a\x1fb", "{", "\ufeff", "\u0000", "x".repeat(5_000), ...lengths];
  for (const text of texts) {
    for (const claims of [
      { id: text, roles: [] },
      { id: "1", roles: [text, "", text] },
      { id: "1", roles: [], sessionId: text },
    ]) {
      const token = sign(claims);
      if (token.length > 8_192) continue;
      for (let i = 0; i < 3; i++) assert.deepEqual(auth.verifyAccessToken(token), { sessionId: null, ...claims });
    }
    assert.throws(() => auth.verifyAccessToken(text), { code: "TOKEN_INVALID" });
  }
  await auth.close();
});

test("a wrong configuration throws from the factory and names the option", () => {
  const wrong = [
    [{ mode: "neither" }, /^mode/],
    [options({ validRoles: [] }), /^validRoles/],
    [options({ validRoles: ["a b"] }), /^validRoles/],
    [options({ db: "oracle://x" }), /^db/],
    [options({ db: undefined }), /^db/],
    [options({ dialect: {}, db: undefined }), /^dialect/],
    [options({ secret: "" }), /^secret/],
    [options({ algorithm: "none" }), /^algorithm/],
    [options({ algorithm: "RS256" }), /secret|algorithm/],
    [options({ accessExpiresIn: "900" }), /^accessExpiresIn/],
    [options({ accessExpiresIn: Number.NaN }), /^accessExpiresIn/],
    [options({ saltRounds: 9 }), /^saltRounds/],
    [options({ apiKey: "" }), /^apiKey/],
    [options({ cookie: { sameSite: "none", secure: false } }), /^cookie\.secure.*sameSite/],
    [options({ hooks: { onLogin: 1 } }), /^hooks\.onLogin/],
    [options({ logger: { info() {} } }), /^logger/],
    [options({ accesExpiresIn: "15m" }), /^accesExpiresIn.*accessExpiresIn/],
    [options({ trustedOrigins: ["example.com"] }), /^trustedOrigins/],
    [options({ rateLimit: { maxLoginAttempts: 0 } }), /^rateLimit\.maxLoginAttempts/],
    [undefined, /options/],
  ];
  for (const [given, message] of wrong) {
    assert.throws(
      () => createAuthExpress(given),
      (error) => {
        assert.equal(error.code, "CONFIGURATION_ERROR");
        assert.ok(error instanceof SentriError);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test("without migrate() the error says so; a sync call before the keys are there says ready()", async (t) => {
  const auth = createAuthExpress(options({ secret: undefined }));
  assert.throws(() => auth.signAccessToken({ id: "1" }), { code: "SERVICE_UNAVAILABLE", message: /auth\.ready\(\)/ });
  await assert.rejects(auth.ready(), { code: "CONFIGURATION_ERROR", message: /migrate\(\)/ });
  const base = await listen(t, auth);
  const early = await new Browser(base).post("/auth/login", { identifier: "a", password: "b" });
  assert.equal(early.body.code, "CONFIGURATION_ERROR");
  await auth.migrate();
  await auth.migrate();
  const keys = await new Browser(base).fetch("/auth/keys");
  assert.equal(keys.body.keys[0].alg, "RS256");
  assert.deepEqual(Object.keys(keys.body.keys[0]).sort(), ["alg", "e", "kid", "kty", "n", "use"]);
});
