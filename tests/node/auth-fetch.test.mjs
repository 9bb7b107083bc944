// sentri/browser without a browser: one tab against real Express servers.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Readable } from "node:stream";
import { totp } from "./support/pattern.mjs";
import { PASSWORD, listen, options, sentri, testClock, user } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { createAuthFetch, forwardCookies, SentriError } = require("../../npm/dist/browser.js");

/** A server, a user, and an `authFetch` over a cookie jar, with the paths of all requests. */
async function setUp(t, more = {}, fetchOptions = {}) {
  const clock = testClock(Date.now());
  const auth = sentri.createAuth(options({ clock, silentRefresh: false, ...more }));
  await auth.migrate();
  for (const name of ["rizz", "bob"]) await auth.register(user(name, { roles: ["user"] }));
  const base = await listen(t, auth, {
    extend: (app) => app.post("/echo", auth.protect(), (req, res) => res.json({ got: req.body })),
  });
  const jar = new Map();
  const requests = [];
  const holders = new Map();
  /** Holds back the next answer to a path; resolves to what lets it go once it has come. */
  const hold = (path) => new Promise((resolve) => holders.set(path, resolve));
  const send = async (input, init = {}) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    requests.push(
      `${init.method ?? input.method ?? "GET"} ${pathname} ${headers.has("authorization") ? "token" : "-"}`,
    );
    if (jar.size > 0) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(input, { ...init, headers });
    const holder = holders.get(pathname);
    holders.delete(pathname);
    if (holder) await new Promise(holder);
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/);
      if (value === "") jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
  let signedOut = 0;
  const authFetch = createAuthFetch({
    baseUrl: `${base}/auth`,
    fetch: send,
    onSignedOut: () => (signedOut += 1),
    ...fetchOptions,
  });
  t.after(() => authFetch.close());
  return { auth, base, clock, hold, jar, requests, send, authFetch, signedOuts: () => signedOut };
}

const login = (authFetch) => authFetch.login({ identifier: "rizz", password: PASSWORD });

test("login, request, expiry: one refresh and one repetition for ten requests at once", async (t) => {
  const { authFetch, base, clock, requests } = await setUp(t);
  const { user: who, accessToken } = await login(authFetch);
  assert.deepEqual(who.roles, ["user"]);
  assert.equal(authFetch.accessToken, accessToken);
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
  clock.advance(15 * 60_000);
  requests.length = 0;
  const answers = await Promise.all(Array.from({ length: 10 }, () => authFetch(`${base}/protected`)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(10).fill(200),
  );
  assert.equal(requests.filter((line) => line === "POST /auth/refresh -").length, 1);
  assert.equal(requests.filter((line) => line === "GET /protected token").length, 20);
  assert.notEqual(authFetch.accessToken, accessToken);
});

test("bodies are sent again, streams are not", async (t) => {
  const { authFetch, base, clock, requests } = await setUp(t);
  await login(authFetch);
  const headers = { "content-type": "application/json" };
  clock.advance(15 * 60_000);
  const echo = await authFetch(`${base}/echo`, { method: "POST", headers, body: '{"a":1}' });
  assert.deepEqual(await echo.json(), { got: { a: 1 } });
  clock.advance(15 * 60_000);
  requests.length = 0;
  const stream = Readable.toWeb(Readable.from(['{"a":', "1}"]));
  const refused = await authFetch(`${base}/echo`, { method: "POST", headers, body: stream, duplex: "half" });
  assert.equal((await refused.json()).code, "TOKEN_EXPIRED");
  const request = new Request(`${base}/echo`, { method: "POST", headers, body: '{"a":2}' });
  assert.equal((await authFetch(request)).status, 401);
  assert.deepEqual(requests, ["POST /echo token", "POST /echo token"]);
  assert.equal((await authFetch(new Request(`${base}/protected`))).status, 200);
});

test("a token that is known to have expired is replaced before a stream is spent on it", async (t) => {
  const { authFetch, base, requests } = await setUp(t, { clock: undefined, accessExpiresIn: "1s" });
  await login(authFetch);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  requests.length = 0;
  const body = Readable.toWeb(Readable.from(['{"a":', "1}"]));
  const echo = await authFetch(`${base}/echo`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    duplex: "half",
  });
  assert.deepEqual(await echo.json(), { got: { a: 1 } });
  assert.deepEqual(requests, ["POST /auth/refresh -", "POST /echo token"]);
});

test("a new tab has no token and finds the session by its cookie", async (t) => {
  const { authFetch, base, jar, requests } = await setUp(t);
  await login(authFetch);
  const second = await setUpTab(t, base, jar, requests);
  requests.length = 0;
  assert.equal((await second(`${base}/protected`)).status, 200);
  assert.deepEqual(requests, ["GET /protected -", "POST /auth/refresh -", "GET /protected token"]);
});

async function setUpTab(t, base, jar, requests, more = {}) {
  const tab = createAuthFetch({
    ...more,
    baseUrl: `${base}/auth`,
    fetch: (input, init = {}) => {
      const headers = new Headers(init.headers);
      requests.push(
        `${init.method ?? "GET"} ${new URL(input).pathname} ${headers.has("authorization") ? "token" : "-"}`,
      );
      headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
      return fetch(input, { ...init, headers });
    },
  });
  t.after(() => tab.close());
  return tab;
}

test("tabs tell each other of tokens and of the end", async (t) => {
  const { authFetch, base, jar, requests } = await setUp(t);
  const second = await setUpTab(t, base, jar, requests);
  await login(authFetch);
  await until(() => second.accessToken === authFetch.accessToken);
  await authFetch.logout();
  assert.equal(authFetch.accessToken, undefined);
  await until(() => second.accessToken === undefined);
});

test("a logout is told when the server has answered, or could not: what is told may leave the page", async (t) => {
  let down = false;
  const told = [];
  const { authFetch, base, hold, jar } = await setUp(
    t,
    {
      router: {
        logout: (_input, _ctx, next) => {
          if (down) throw new sentri.SentriError("SERVICE_UNAVAILABLE");
          return next();
        },
      },
    },
    { onSignedOut: () => told.push(jar.has("refresh_token")) },
  );
  await login(authFetch);
  const held = hold("/auth/logout");
  const leaving = authFetch.logout();
  const release = await held;
  assert.equal(authFetch.accessToken, undefined, "nothing is sent in the user's name meanwhile");
  assert.deepEqual(told, []);
  release();
  await leaving;
  assert.deepEqual(told, [false], "the cookie is gone by then");
  await authFetch.logout();
  assert.equal(told.length, 1, "once");
  await login(authFetch);
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
  down = true;
  await assert.rejects(authFetch.logout(), { code: "SERVICE_UNAVAILABLE" });
  assert.deepEqual(told, [false, true], "signed out here all the same");
});

async function until(condition) {
  const end = Date.now() + 5_000;
  while (!condition() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition());
}

test("a session that has ended is asked for once", async (t) => {
  const { auth, authFetch, base, clock, requests, signedOuts } = await setUp(t);
  const { user: who } = await login(authFetch);
  await auth.revokeSessions(who.id);
  clock.advance(15 * 60_000);
  requests.length = 0;
  for (let n = 0; n < 3; n++) assert.equal((await authFetch(`${base}/protected`)).status, 401);
  assert.equal(requests.filter((line) => line.startsWith("POST /auth/refresh")).length, 1);
  assert.equal(signedOuts(), 1);
  await login(authFetch);
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
});

test("an outage ends nothing", async (t) => {
  let down = false;
  const { authFetch, base, clock, signedOuts } = await setUp(t, {
    router: {
      refresh: (_input, _ctx, next) => {
        if (down) throw new sentri.SentriError("SERVICE_UNAVAILABLE");
        return next();
      },
    },
  });
  await login(authFetch);
  clock.advance(15 * 60_000);
  down = true;
  assert.equal((await authFetch(`${base}/protected`)).status, 401);
  assert.equal(signedOuts(), 0);
  down = false;
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
});

test("a wrong password is an error with the server's code, and is not sent twice", async (t) => {
  const { authFetch, base, requests } = await setUp(t);
  await assert.rejects(
    authFetch.login({ identifier: "rizz", password: "wrong horse 1" }),
    (error) => error instanceof SentriError && error.code === "INVALID_CREDENTIALS",
  );
  const raw = await authFetch(`${base}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"identifier":"rizz","password":"wrong"}',
  });
  assert.equal(raw.status, 401);
  assert.deepEqual(requests, ["POST /auth/login -", "POST /auth/login -"]);
});

test("the token of a silent refresh is taken over", async (t) => {
  const { authFetch, base, clock, requests } = await setUp(t, { silentRefresh: true });
  const { accessToken } = await login(authFetch);
  clock.advance(15 * 60_000);
  requests.length = 0;
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
  assert.notEqual(authFetch.accessToken, accessToken);
  assert.deepEqual(requests, ["GET /protected token"]);
});

test("the token goes to no other origin", async (t) => {
  const { authFetch, base } = await setUp(t);
  await login(authFetch);
  const seen = [];
  const other = createServer((req, res) => {
    seen.push(req.headers.authorization);
    res.statusCode = 401;
    res.end('{"code":"TOKEN_EXPIRED"}');
  });
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.after(() => other.close());
  const { port } = other.address();
  await authFetch(`http://127.0.0.1:${port}/`, { keepalive: false });
  await authFetch(`http://localhost:${new URL(base).port}/protected`);
  assert.deepEqual(seen, [undefined]);
  const friendly = createAuthFetch({
    baseUrl: `${base}/auth`,
    accessToken: "abc",
    origins: [`http://127.0.0.1:${port}`],
  });
  t.after(() => friendly.close());
  await friendly(`http://127.0.0.1:${port}/`);
  assert.equal(seen[1], "Bearer abc");
});

test("a redirect to another origin signs nobody in", async (t) => {
  const strange = createServer((_, res) => {
    res.setHeader("x-access-token", "of.somebody.else");
    res.end("{}");
  });
  await new Promise((resolve) => strange.listen(0, "127.0.0.1", resolve));
  t.after(() => strange.close());
  const there = `http://127.0.0.1:${strange.address().port}/`;
  const away = createServer((_, res) => res.writeHead(302, { location: there }).end());
  await new Promise((resolve) => away.listen(0, "127.0.0.1", resolve));
  t.after(() => away.close());
  const origin = `http://127.0.0.1:${away.address().port}`;
  const { authFetch } = await setUp(t, {}, { origins: [origin] });
  const { accessToken } = await login(authFetch);
  assert.equal((await authFetch(`${origin}/away`)).url, there);
  assert.equal(authFetch.accessToken, accessToken);
  const friendly = createAuthFetch({ baseUrl: `${origin}/auth`, origins: [new URL(there).origin] });
  t.after(() => friendly.close());
  await friendly(`${origin}/away`);
  assert.equal(friendly.accessToken, "of.somebody.else", "one of ours");
});

const loginBob = (authFetch) => authFetch.login({ identifier: "bob", password: PASSWORD });

test("a late answer to the user before brings no token of theirs", async (t) => {
  const { authFetch, base, clock, hold } = await setUp(t, { silentRefresh: true });
  await login(authFetch);
  clock.advance(15 * 60_000);
  const held = hold("/protected");
  const late = authFetch(`${base}/protected`);
  const release = await held;
  await authFetch.logout();
  const { accessToken } = await loginBob(authFetch);
  release();
  assert.ok((await late).headers.has("x-access-token"));
  assert.equal(authFetch.accessToken, accessToken);
});

test("what the user before was refused is not repeated in the name of the next", async (t) => {
  const { authFetch, base, clock, hold, requests } = await setUp(t);
  await login(authFetch);
  clock.advance(15 * 60_000);
  const held = hold("/echo");
  const late = authFetch(`${base}/echo`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"a":1}',
  });
  const release = await held;
  await loginBob(authFetch);
  requests.length = 0;
  release();
  assert.equal((await late).status, 401);
  assert.deepEqual(requests, []);
});

test("a login waits for a refresh that is on its way, whose cookie would replace its own", async (t) => {
  const { auth, authFetch, hold } = await setUp(t);
  await login(authFetch);
  const held = hold("/auth/refresh");
  const refreshed = authFetch.refresh();
  const release = await held;
  const signedIn = loginBob(authFetch);
  await Promise.race([signedIn, new Promise((resolve) => setTimeout(resolve, 1_000))]);
  release();
  assert.equal(await refreshed, true);
  const { user: bob } = await signedIn;
  assert.equal(await authFetch.refresh(), true);
  assert.equal(auth.verifyAccessToken(authFetch.accessToken).id, bob.id);
});

test("a request that waits for a new token is not sent in the name of whoever signed in meanwhile", async (t) => {
  const { authFetch, base, hold, jar, requests } = await setUp(t, { clock: undefined, accessExpiresIn: "1s" });
  const second = await setUpTab(t, base, jar, requests);
  await login(authFetch);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const held = hold("/auth/refresh");
  const waiting = authFetch(`${base}/protected`);
  const release = await held;
  const { accessToken } = await loginBob(second);
  await until(() => authFetch.accessToken === accessToken);
  requests.length = 0;
  release();
  await assert.rejects(waiting, { code: "UNAUTHORIZED" });
  assert.deepEqual(requests, []);
});

test("in cookie mode nothing is sent by hand", async (t) => {
  const { authFetch, base, clock, requests } = await setUp(t, { accessCookie: true }, { token: "cookie" });
  await login(authFetch);
  assert.equal(authFetch.accessToken, undefined);
  clock.advance(15 * 60_000);
  requests.length = 0;
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
  assert.deepEqual(requests, ["GET /protected -", "POST /auth/refresh -", "GET /protected -"]);
});

test("outside of a page an address must be absolute", async () => {
  const authFetch = createAuthFetch();
  await assert.rejects(authFetch("/orders"), { code: "CONFIGURATION_ERROR" });
  await assert.rejects(authFetch.login({ identifier: "a", password: "b" }), { code: "CONFIGURATION_ERROR" });
  authFetch.close();
});

test("a visitor who never signed in is told of no end (G7)", async (t) => {
  const { authFetch, base, jar, requests, signedOuts } = await setUp(t);
  for (let n = 0; n < 3; n++) assert.equal((await authFetch(`${base}/protected`)).status, 401);
  assert.equal(await authFetch.refresh(), false);
  assert.deepEqual(
    [signedOuts(), authFetch.user],
    [0, undefined],
    "no page that leads to the login leads there for ever",
  );
  assert.equal(requests.filter((line) => line === "POST /auth/refresh -").length, 2, "asked once, and once by hand");
  // A tab that knows of a session hears of its end from one that does not.
  const told = [];
  const second = await setUpTab(t, base, jar, requests, { onSignedOut: () => told.push("second") });
  await login(authFetch);
  await until(() => second.accessToken === authFetch.accessToken);
  jar.clear();
  const third = await setUpTab(t, base, jar, requests, { onSignedOut: () => told.push("third") });
  assert.equal((await third(`${base}/protected`)).status, 401);
  await until(() => second.accessToken === undefined && signedOuts() === 1);
  assert.deepEqual(told, ["second"]);
  await login(authFetch);
  await authFetch.logout();
  assert.equal(signedOuts(), 2);
});

test("in cookie mode a token that has expired is a session that can end (G7)", async (t) => {
  const { auth, authFetch, base, clock, jar, requests } = await setUp(
    t,
    { accessCookie: true, sessionCheck: false },
    { token: "cookie" },
  );
  const { user: who } = await login(authFetch);
  const told = [];
  const fresh = await setUpTab(t, base, jar, requests, { token: "cookie", onSignedOut: () => told.push("ended") });
  await auth.revokeSessions(who.id);
  clock.advance(15 * 60_000);
  assert.equal((await fresh(`${base}/protected`)).status, 401);
  assert.deepEqual(told, ["ended"]);
});

test("user is who signed in, and onChange() tells of every change in every tab (G7)", async (t) => {
  const { auth, authFetch, base, clock, jar, requests } = await setUp(t);
  const second = await setUpTab(t, base, jar, requests);
  const seen = { first: [], second: [] };
  authFetch.onChange((now) => seen.first.push(now));
  const printed = t.mock.method(console, "error", () => {}).mock;
  const stop = second.onChange(() => {
    throw new Error("a view that fails");
  });
  second.onChange((now) => seen.second.push(now));
  const { user: who } = await login(authFetch);
  assert.deepEqual(authFetch.user, who);
  const { user: known } = authFetch;
  await until(() => seen.second.length === 1);
  assert.equal(printed.callCount(), 1);
  stop();
  clock.advance(15 * 60_000);
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
  assert.equal(authFetch.user, known, "the same object until something changes");
  await auth.assignRoles(who.id, ["user", "admin"]);
  clock.advance(15 * 60_000);
  assert.equal((await authFetch(`${base}/protected`)).status, 200);
  const more = { id: who.id, roles: ["user", "admin"] };
  await until(() => seen.second.length === 2);
  assert.deepEqual(second.user, more);
  await authFetch.logout();
  await until(() => seen.second.length === 3);
  assert.deepEqual(seen, { first: [who, more, undefined], second: [who, more, undefined] });
  assert.equal(printed.callCount(), 1, "who has left is not called");
});

test("a token that the page was rendered with names its user, whatever characters a role has (G7)", async () => {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${encode({ alg: "HS256" })}.${encode({ id: "u-1", roles: ["größer", 5] })}.x`;
  const authFetch = createAuthFetch({ baseUrl: "http://127.0.0.1/auth", accessToken: token });
  assert.deepEqual(authFetch.user, { id: "u-1", roles: ["größer"] });
  authFetch.close();
  const opaque = createAuthFetch({ baseUrl: "http://127.0.0.1/auth", accessToken: "abc" });
  assert.equal(opaque.user, undefined);
  opaque.close();
});

test("register() makes a user who can sign in, and says why not (G7)", async (t) => {
  const { authFetch } = await setUp(t);
  const identifiers = [{ type: "email", value: "new@example.com" }];
  const { user: made } = await authFetch.register({ identifiers, password: PASSWORD, roles: ["user"] });
  assert.deepEqual([made.roles, made.identifiers[0].value, authFetch.user], [["user"], "new@example.com", undefined]);
  await assert.rejects(authFetch.register({ identifiers, password: PASSWORD }), {
    code: "USER_ALREADY_EXISTS",
    statusCode: 409,
  });
  assert.equal((await authFetch.login({ identifier: "new@example.com", password: PASSWORD })).user.id, made.id);
});

const MFA = { mfa: { totp: { issuer: "Example" } }, encryptionKey: "a-key-of-32-bytes-for-the-tests--" };

test("what wants a fresh authentication is asked for once, and repeated after it", async (t) => {
  const asked = [];
  const { authFetch, base, clock, requests } = await setUp(t, MFA, {
    onStepUp: async (challenge) => {
      asked.push(challenge);
      await authFetch.reauthenticate({ password: PASSWORD });
      return true;
    },
  });
  const { accessToken } = await login(authFetch);
  clock.advance(11 * 60_000);
  requests.length = 0;
  const change = (value) =>
    authFetch(`${base}/auth/me/identifiers`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ identifiers: [{ type: "email", value: `${value}@example.com` }] }),
    });
  const answers = await Promise.all([change("one"), change("two"), change("three")]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 201, 201],
  );
  assert.deepEqual(asked, [{ maxAge: 600 }]);
  assert.notEqual(authFetch.accessToken, accessToken);
  assert.deepEqual(
    requests.filter((line) => line.includes("refresh") || line.includes("reauthenticate")),
    ["POST /auth/me/reauthenticate token"],
    "a refresh answers nothing",
  );
  // The refresh token is the new one.
  assert.equal(await authFetch.refresh(), true);
});

/** Locks as browsers have them, for the tabs of a test: granted in order, to the next a moment after the last. */
function withLocks(t) {
  const turns = new Map();
  const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
  const request = (name, task) => {
    const turn = (turns.get(name) ?? Promise.resolve()).then(pause).then(task);
    turns.set(
      name,
      turn.catch(() => {}),
    );
    return turn;
  };
  replaceNavigator(t, { locks: { request } });
}

function replaceNavigator(t, value) {
  const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
  t.after(() => {
    if (before) Object.defineProperty(globalThis, "navigator", before);
    else delete globalThis.navigator;
  });
}

const inTime = (...promises) => {
  const late = new Promise((_, reject) => setTimeout(reject, 10_000, new Error("they wait for each other")).unref());
  return Promise.race([Promise.all(promises), late]);
};

test("whoever authenticates again while two tabs want to refresh waits for nobody who waits", async (t) => {
  withLocks(t);
  const { authFetch, base, clock, hold, requests, send } = await setUp(t, MFA);
  const second = createAuthFetch({ baseUrl: `${base}/auth`, fetch: send });
  t.after(() => second.close());
  await login(authFetch);
  await until(() => second.accessToken === authFetch.accessToken);
  clock.advance(15 * 60_000);
  const held = hold("/auth/refresh");
  const refreshed = authFetch.refresh();
  const release = await held;
  requests.length = 0;
  const confirmed = second.reauthenticate({ password: PASSWORD });
  // Refused for its age, it wants a refresh, whose turn is after that of the password.
  const polled = second(`${base}/protected`);
  await until(() => requests.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  release();
  const [isRefreshed, { accessToken }, { status }] = await inTime(refreshed, confirmed, polled);
  assert.deepEqual([isRefreshed, status, second.accessToken], [true, 200, accessToken]);
  assert.deepEqual(
    requests,
    ["GET /protected token", "POST /auth/me/reauthenticate token", "GET /protected token"],
    "the token of the password is the one that the poll waited for",
  );
  await until(() => authFetch.accessToken === accessToken);
  assert.equal(await inTime(authFetch.refresh()).then(([isThere]) => isThere), true);
});

test("without locks, too, no refresh sends what an authentication is about to replace", async (t) => {
  replaceNavigator(t, undefined);
  const { authFetch, hold, requests, signedOuts } = await setUp(t, { ...MFA, refreshGrace: 0 });
  await login(authFetch);
  const held = hold("/auth/me/reauthenticate");
  const confirmed = authFetch.reauthenticate({ password: PASSWORD });
  const release = await held;
  requests.length = 0;
  const refreshed = authFetch.refresh();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(requests, []);
  release();
  const [{ accessToken }, isRefreshed] = await inTime(confirmed, refreshed);
  assert.deepEqual([isRefreshed, authFetch.accessToken, requests, signedOuts()], [true, accessToken, [], 0]);
  // One that fails lets the next one through.
  await assert.rejects(authFetch.reauthenticate({ password: "not the password" }), { code: "INVALID_CREDENTIALS" });
  assert.equal(await authFetch.refresh(), true);
});

test("what other tabs wait for has a time limit", async (t) => {
  const limited = [];
  const { base } = await setUp(t, MFA);
  const own = createAuthFetch({
    baseUrl: `${base}/auth`,
    fetch: (input, init) => {
      if (init.signal) limited.push(new URL(input).pathname);
      return fetch(input, init);
    },
  });
  t.after(() => own.close());
  await login(own);
  assert.equal(await own.refresh(), false);
  await own.logout();
  assert.deepEqual(limited, ["/auth/refresh", "/auth/logout"]);
});

test("a reauthentication lets others go on after 15 s, and its answer counts whenever it comes", async (t) => {
  const { base } = await setUp(t, MFA);
  let send;
  const own = createAuthFetch({
    baseUrl: `${base}/auth`,
    fetch: (input, init) => {
      if (!String(input).endsWith("/me/reauthenticate")) return fetch(input, init);
      return new Promise((resolve) => (send = () => resolve(fetch(input, init))));
    },
  });
  t.after(() => own.close());
  await login(own);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const confirmed = own.reauthenticate({ password: PASSWORD });
  while (!send) await new Promise(setImmediate);
  const refreshed = own.refresh();
  t.mock.timers.tick(15_000);
  t.mock.timers.reset();
  assert.equal(await refreshed, false, "the jar of cookies is the browser's");
  send();
  assert.equal(typeof (await confirmed).accessToken, "string");
});

test("a step-up that does not come about leaves the refusal", async (t) => {
  const answers = [false, undefined, true];
  const { authFetch, base, clock, requests } = await setUp(t, MFA, { onStepUp: () => answers.shift() });
  await login(authFetch);
  clock.advance(11 * 60_000);
  for (const sent of [1, 1, 2]) {
    requests.length = 0;
    const refused = await authFetch(`${base}/auth/me/identifiers`, { method: "DELETE", body: '{"ids":["x"]}' });
    assert.deepEqual([refused.status, (await refused.json()).code], [401, "STEP_UP_REQUIRED"]);
    assert.equal(requests.length, sent, "whoever says so without doing so is refused again, and not asked again");
  }
  await assert.rejects(authFetch.reauthenticate({ password: "not the password" }), { code: "INVALID_CREDENTIALS" });
  assert.equal(authFetch.user !== undefined, true, "the session goes on");
});

test("a login in two steps, whose challenge no refresh answers", async (t) => {
  const { authFetch, base, clock, requests } = await setUp(t, MFA, {
    onStepUp: async ({ acr }) => {
      await authFetch.reauthenticate({ method: acr === "aal2" ? "totp" : "recovery", code: code() });
      return true;
    },
  });
  await login(authFetch);
  const ask = async (path, method, body) => {
    const headers = { "content-type": "application/json" };
    const response = await authFetch(`${base}/auth/me/${path}`, { method, headers, body: JSON.stringify(body) });
    return (await response.json()).data;
  };
  const app = await ask("factors/totp", "POST", {});
  const code = () => totp(app.secret, 0, clock.now());
  const { recoveryCodes } = await ask("factors/totp/confirm", "POST", { id: app.id, code: code() });
  clock.advance(60_000);
  requests.length = 0;
  assert.equal(
    (await ask("recovery-codes", "POST", {})).recoveryCodes.length,
    recoveryCodes.length,
    "onStepUp knows acr",
  );
  clock.advance(60_000);
  await authFetch.logout();
  requests.length = 0;
  const refused = await login(authFetch).then(
    () => assert.fail("the password is not enough"),
    (error) => error,
  );
  assert.ok(refused instanceof SentriError);
  assert.deepEqual([refused.code, refused.statusCode, authFetch.user], ["MFA_REQUIRED", 401, undefined]);
  const { flow, methods, expiresAt } = refused.details;
  assert.deepEqual([methods, new Date(expiresAt).getTime() - clock.now()], [["totp", "recovery"], 300_000]);
  const wrong = { flow, method: "totp", code: code() === "000000" ? "000001" : "000000" };
  await assert.rejects(authFetch.loginMfa(wrong), { code: "CODE_INVALID" });
  const { user: who } = await authFetch.loginMfa({ flow, method: "totp", code: code() });
  assert.equal(authFetch.user.id, who.id);
  assert.deepEqual(
    requests.map((line) => line.split(" ")[1]),
    ["/auth/login", "/auth/login/mfa", "/auth/login/mfa"],
  );
});

test("a code of a message signs in, once, and tells every tab", async (t) => {
  const sent = [];
  const messages = { send: (message) => void sent.push(message) };
  const { auth, authFetch, base, jar, requests } = await setUp(t, { messages, loginCode: true });
  const second = await setUpTab(t, base, jar, requests);
  const identifiers = [{ type: "email", value: "anna@example.com" }];
  const { user: anna } = await authFetch.register({ identifiers, password: PASSWORD });
  const { flow, expiresAt } = await authFetch.loginCode("anna@example.com");
  assert.ok(new Date(expiresAt) > new Date() && authFetch.user === undefined);
  await until(() => sent.length === 1);
  const { code, kind } = sent[0];
  assert.equal(kind, "login-code");
  const wrong = code === "000000" ? "000001" : "000000";
  await assert.rejects(authFetch.loginWithCode({ flow, code: wrong }), { code: "CODE_INVALID" });
  requests.length = 0;
  const { user: who } = await authFetch.loginWithCode({ flow, code: `${code.slice(0, 3)} ${code.slice(3)}` });
  assert.deepEqual([who.id, authFetch.user.id, requests.length], [anna.id, anna.id, 1]);
  await until(() => second.user?.id === anna.id);
  await assert.rejects(authFetch.loginWithCode({ flow, code }), { code: "CODE_INVALID", statusCode: 401 });
  const nobody = await authFetch.loginCode("nobody@example.com");
  assert.deepEqual(Object.keys(nobody), ["flow", "expiresAt"]);
  await auth.close();
});

test("without onStepUp the refusal comes back, with what is missing", async (t) => {
  const { authFetch, base, clock, requests } = await setUp(t, MFA);
  await login(authFetch);
  clock.advance(16 * 60_000);
  requests.length = 0;
  const refused = await authFetch(`${base}/auth/me/identifiers`, { method: "DELETE", body: '{"ids":["x"]}' });
  const { code, data } = await refused.json();
  assert.deepEqual([refused.status, code, data], [401, "STEP_UP_REQUIRED", { maxAge: 600 }]);
  assert.deepEqual(
    requests.map((line) => line.split(" ")[1]),
    ["/auth/me/identifiers", "/auth/refresh", "/auth/me/identifiers"],
    "the refresh is for the token that has expired, and once",
  );
});

test("what is no option is refused", () => {
  for (const [given, message] of [
    [{ onSignedout: () => {} }, /onSignedout is not an option/],
    [{ token: "storage" }, /token must be/],
    [{ onSignedOut: "/login" }, /onSignedOut must be a function/],
  ]) {
    assert.throws(() => createAuthFetch(given), { code: "CONFIGURATION_ERROR", message });
  }
});

test("the guide lists every option", async () => {
  const guide = await readFile(new URL("../../docs/guide/browser.md", import.meta.url), "utf8");
  let refused;
  assert.throws(
    () => createAuthFetch({ nonsense: true }),
    (error) => (refused = error) instanceof SentriError,
  );
  const names = refused.message.split("; there is ")[1].split(", ");
  const listed = [...guide.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(listed.sort(), names.sort());
});

test("forwardCookies() keeps every cookie a header of its own", async (t) => {
  const { base } = await setUp(t, { accessCookie: true });
  const answer = await fetch(`${base}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ identifier: "rizz", password: PASSWORD }),
  });
  const cookies = answer.headers.getSetCookie();
  assert.equal(cookies.length, 2);
  const response = new Response("page", { headers: { "set-cookie": "own=1" } });
  assert.equal(forwardCookies(answer, response), 2);
  assert.deepEqual(response.headers.getSetCookie(), ["own=1", ...cookies]);
  assert.equal(response.headers.get("cache-control"), "no-store");
  const server = createServer((_, res) => {
    forwardCookies(answer.headers, res);
    res.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const page = await fetch(`http://127.0.0.1:${server.address().port}`);
  assert.deepEqual(page.headers.getSetCookie(), cookies);
  // HTTP/2 of Node before 20.12 can't append a header.
  const written = { "set-cookie": "own=1" };
  const response2 = {
    getHeader: (name) => written[name.toLowerCase()],
    setHeader: (name, value) => (written[name.toLowerCase()] = value),
  };
  assert.equal(forwardCookies(answer, response2), 2);
  assert.deepEqual(written, { "set-cookie": ["own=1", ...cookies], "cache-control": "no-store" });
  assert.equal(forwardCookies(new Response("x"), new Headers()), 0);
});

test("forwardCookies() refuses what takes no cookies", () => {
  const answer = new Response("x");
  for (const [target, message] of [
    [Promise.resolve({ set() {} }), /await cookies\(\)/],
    [{}, /takes no cookies/],
    [undefined, /takes no cookies/],
    [{ headers: {} }, /takes no cookies/],
  ]) {
    assert.throws(() => forwardCookies(answer, target), { code: "CONFIGURATION_ERROR", message });
  }
});
