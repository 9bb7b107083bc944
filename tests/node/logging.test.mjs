// What a host learns by its logger when something is wrong: every failure is told once, at once, with its cause.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { Browser, PASSWORD, listen, options, sentri, sqliteFile, user } from "./support/server.mjs";

const { SentriError, createAuthExpress } = sentri;

/** A logger that keeps `[event, fields]`, and what it was told since the last look. */
function keeper() {
  const entries = [];
  const keep = ({ event, service: _, duration_ms: __, ...fields }) => void entries.push([event, fields]);
  return { logger: { info: keep, warn: keep, error: keep }, news: () => entries.splice(0) };
}

const id = { "x-request-id": "r-1" };

test("a forgotten migrate() and a database that is away from the start are in the log, for endpoints and routes", async (t) => {
  for (const [db, status, code, cause] of [
    [sqliteFile(t), 500, "CONFIGURATION_ERROR", /sentri_/],
    ["postgres://nobody@127.0.0.1:1/none", 503, "SERVICE_UNAVAILABLE", /.+/],
  ]) {
    const { logger, news } = keeper();
    const auth = createAuthExpress(options({ db, logger }));
    const browser = new Browser(await listen(t, auth));
    const login = await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD }, id);
    assert.deepEqual([login.status, login.body.code], [status, code]);
    const [why, failure] = news();
    assert.deepEqual([why[0], why[1].hook], ["auth.hook.failure", code]);
    assert.match(why[1].cause, cause);
    assert.deepEqual(failure, ["auth.login.failure", { errorCode: code, requestId: "r-1" }]);
    const token = auth.signAccessToken({ id: "u-1", roles: [], sessionId: "s-1" });
    assert.equal(
      (await browser.fetch("/protected", { headers: { ...id, authorization: `Bearer ${token}` } })).status,
      status,
    );
    assert.deepEqual(
      news().map(([event]) => event),
      ["auth.hook.failure", "auth.protect.failure"],
    );
    assert.equal((await browser.post("/auth/logout")).status, status);
    assert.deepEqual(
      news().map(([event]) => event),
      ["auth.hook.failure"],
    );
  }
});

test("what a function of the host's threw is in the log in its own words, under the request that asked it", async (t) => {
  const { logger, news } = keeper();
  let broken = false;
  const auth = createAuthExpress(
    options({
      logger,
      router: {
        login: (_input, _ctx, next) => (broken ? Promise.reject(new TypeError("x is not a function")) : next()),
      },
      isTokenRevoked: () => {
        if (broken) throw new Error("redis is down");
        return false;
      },
    }),
  );
  await auth.migrate();
  const browser = new Browser(await listen(t, auth));
  await browser.post("/auth/register", user("rizz"));
  const { accessToken } = (await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD })).body.data;
  broken = true;
  news();
  assert.equal((await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD }, id)).status, 500);
  assert.deepEqual(news(), [
    ["auth.login.failure", { errorCode: "INTERNAL_ERROR", cause: "x is not a function", requestId: "r-1" }],
  ]);
  assert.equal(
    (await browser.fetch("/protected", { headers: { ...id, authorization: `Bearer ${accessToken}` } })).status,
    401,
  );
  assert.deepEqual(
    news().map(([event, { cause, requestId }]) => [event, cause, requestId]),
    [
      ["auth.protect.token_revoked", undefined, "r-1"],
      ["auth.hook.failure", "redis is down", "r-1"],
    ],
  );
});

test("calls in code log what they did, at once", async (t) => {
  const { logger, news } = keeper();
  const auth = createAuthExpress(options({ logger, secret: undefined, algorithm: "ES256" }));
  t.after(() => auth.close());
  await auth.migrate();
  const { user: rizz } = await auth.register(user("rizz"));
  const { accessToken } = await auth.createSession(rizz.id);
  const { sessionId } = auth.verifyAccessToken(accessToken);
  news();
  assert.equal(await auth.revokeSession(sessionId), true);
  assert.deepEqual(news(), [["auth.session.revoked", { userId: rizz.id, sessionId }]]);
  assert.equal(await auth.revokeSession(sessionId), false);
  assert.deepEqual(news(), []);
  await auth.rotateKeys();
  assert.deepEqual(
    news().map(([event]) => event),
    ["auth.keys.rotated"],
  );
});

test("hooks are told of what an override did in the place of a built-in, and only once", async (t) => {
  const told = [];
  const hooks = {
    onLogin: ({ id: who, roles }) => void told.push(["login", who, roles]),
    onFailedLogin: (identifier, { errorCode }) => void told.push(["failed", identifier, errorCode]),
    onLogout: (who) => void told.push(["logout", who]),
  };
  const router = {
    login(input, _ctx, next) {
      if (input.identifier === "no code") throw new SentriError("INVALID_CREDENTIALS");
      return input.identifier === "elsewhere"
        ? { accessToken: "a", refreshToken: "b", user: { id: "u-1", roles: ["user"] } }
        : next();
    },
    logoutAll: () => null,
  };
  const auth = createAuthExpress(options({ hooks, router }));
  await auth.migrate();
  const browser = new Browser(await listen(t, auth));
  await browser.post("/auth/register", user("rizz"));
  const login = (identifier) => browser.post("/auth/login", { identifier, password: PASSWORD });
  assert.equal((await login("no code")).status, 401);
  assert.equal((await login("elsewhere")).status, 200);
  const { accessToken, user: rizz } = (await login("rizz")).body.data;
  assert.equal(
    (await browser.post("/auth/logout-all", undefined, { authorization: `Bearer ${accessToken}` })).status,
    200,
  );
  assert.deepEqual(told, [
    ["failed", "no code", "INVALID_CREDENTIALS"],
    ["login", "u-1", ["user"]],
    ["login", rizz.id, []],
    ["logout", rizz.id],
  ]);
});

test("members of options that do not exist are refused, with the nearest name", () => {
  for (const [more, message] of [
    [{ password: { minlength: 8 } }, "password.minlength is not an option: did you mean password.minLength?"],
    [{ rateLimit: { maxLogin: 3 } }, "rateLimit.maxLogin is not an option"],
    [{ cookie: { secur: true } }, "cookie.secur is not an option: did you mean cookie.secure?"],
    [{ accessCookie: { maxAge: 5 } }, "accessCookie.maxAge is not an option"],
  ]) {
    assert.throws(() => createAuthExpress(options(more)), { code: "CONFIGURATION_ERROR", message });
  }
});

test("the SQLite file is its owner's alone", async (t) => {
  const db = sqliteFile(t);
  const auth = createAuthExpress(options({ db }));
  t.after(() => auth.close());
  await auth.migrate();
  await auth.register(user("rizz"));
  for (const suffix of ["", "-wal"])
    assert.equal(statSync(db.slice("sqlite:".length) + suffix).mode & 0o777, 0o600, suffix);
});
