// What is Fastify's own: scopes, decorators, parsers, hooks, other plugins.
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { test } from "node:test";
import cookie from "@fastify/cookie";
import Fastify from "fastify";
import { createAuthFastify } from "../../npm/dist/esm/fastify.mjs";
import { Browser, PASSWORD, options, testClock, user } from "./support/server.mjs";

/** An application that `build(app, auth)` makes, listening. */
async function start(t, build, more = {}, settings = {}) {
  const auth = createAuthFastify(options(more));
  await auth.migrate();
  const app = Fastify(settings);
  await build(app, auth);
  await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(async () => {
    await app.close();
    await auth.close();
  });
  return { app, auth, base: `http://127.0.0.1:${app.server.address().port}` };
}

const json = { "content-type": "application/json" };

test("the endpoints read their bodies themselves; the application's parsers stay as they are", async (t) => {
  const { base } = await start(t, async (app, auth) => {
    app.addContentTypeParser("text/plain", { parseAs: "string" }, (_request, body, done) =>
      done(null, `parsed ${body}`),
    );
    await app.register(auth.plugin(), { prefix: "/auth" });
    app.post("/echo", async (request) => ({ body: request.body }));
  });
  const browser = new Browser(base);
  await browser.post("/auth/register", user("rizz"));
  await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
  const refreshed = await browser.post("/auth/refresh", undefined, json);
  assert.equal(refreshed.status, 200, "an empty body with a JSON content type is fine with us");
  const echoed = await browser.fetch("/echo", { method: "POST", raw: "x", headers: { "content-type": "text/plain" } });
  assert.deepEqual(echoed.body, { body: "parsed x" });
  const empty = await browser.post("/echo", undefined, json);
  assert.equal(empty.body.code, "FST_ERR_CTP_EMPTY_JSON_BODY", "and with the application as it always was");
  assert.deepEqual((await browser.post("/echo", { a: 1 })).body, { body: { a: 1 } });
});

test("errors on endpoints are in the envelope, whenever the application sets its handler", async (t) => {
  const { base } = await start(t, async (app, auth) => {
    await app.register(auth.plugin(), { prefix: "/auth" });
    app.setErrorHandler((_error, _request, reply) => reply.status(500).send("the application's"));
  });
  const answer = await fetch(`${base}/auth/login`, { method: "POST", body: "{}", headers: { "content-type": "" } });
  assert.deepEqual([answer.status, (await answer.json()).error], [415, true]);
  const bad = await new Browser(base).fetch("/auth/login", { method: "POST", raw: "{", headers: json });
  assert.deepEqual([bad.status, bad.body.code], [400, "VALIDATION_ERROR"]);
});

test("request.user and request.auth are decorated, unless they are already; nothing else leaks out of the plugin", async (t) => {
  const { app } = await start(t, async (app, auth) => {
    app.decorateRequest("user", null);
    await app.register(auth.router(), { prefix: "/one" });
    await app.register(auth.plugin(), { prefix: "/two" });
  });
  assert.ok(app.hasRequestDecorator("user") && app.hasRequestDecorator("auth"));
  assert.equal(app.hasContentTypeParser("*"), false);
  assert.ok(
    app.hasRoute({ method: "GET", url: "/one/me" }) &&
      app.hasRoute({ method: "POST", url: "/two/users/:userId/roles" }),
  );
  assert.equal(app.hasRoute({ method: "GET", url: "/me" }), false);
});

for (const withCookies of [true, false]) {
  test(`silent refresh sets its cookie beside the handler's own, ${withCookies ? "with" : "without"} @fastify/cookie`, async (t) => {
    const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
    const { base } = await start(
      t,
      async (app, auth) => {
        if (withCookies) await app.register(cookie);
        await app.register(auth.plugin(), { prefix: "/auth" });
        app.setErrorHandler(auth.errorHandler());
        app.get("/me", { preHandler: auth.protect() }, async (request, reply) => {
          if (withCookies) reply.setCookie("theme", "dark");
          else reply.header("set-cookie", "theme=dark");
          return reply.send(request.user);
        });
      },
      { accessCookie: true, clock },
    );
    const browser = new Browser(base);
    await browser.post("/auth/register", user("rizz"));
    await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
    const before = browser.jar.get("access_token");
    clock.advance(15 * 60_000);
    const seen = await browser.fetch("/me");
    assert.equal(seen.status, 200, seen.text);
    assert.deepEqual(
      seen.headers
        .getSetCookie()
        .map((line) => line.split("=")[0])
        .sort(),
      ["access_token", "theme"],
    );
    assert.notEqual(browser.jar.get("access_token"), before);
  });
}

test("protect() as a hook of a scope, on a HEAD route, and request ids of Fastify in the log", async (t) => {
  const logged = [];
  const log = (entry) => void logged.push(entry);
  const { base, auth } = await start(
    t,
    async (app, made) => {
      await app.register(made.plugin(), { prefix: "/auth" });
      app.setErrorHandler(made.errorHandler());
      await app.register(async (scope) => {
        scope.addHook("preHandler", made.protect());
        scope.get("/inside", async (request) => request.user);
      });
      app.get("/outside", async () => ({ open: true }));
    },
    { logger: { info: log, warn: log, error: log } },
    { genReqId: () => "fastify-7" },
  );
  const { user: rizz } = await auth.register(user("rizz"));
  const { accessToken } = await auth.createSession(rizz.id);
  const headers = { authorization: `Bearer ${accessToken}` };
  const ofCalls = logged.splice(0).map(({ event, requestId }) => [event, requestId]);
  assert.deepEqual(ofCalls, [["auth.register.success", undefined]], "a call in code belongs to no request");
  assert.equal((await fetch(`${base}/inside`)).status, 401);
  assert.equal((await fetch(`${base}/outside`)).status, 200);
  assert.equal((await fetch(`${base}/inside`, { method: "HEAD", headers })).status, 200);
  const head = await fetch(`${base}/auth/me`, { method: "HEAD", headers });
  assert.deepEqual(
    [head.status, await head.text(), head.headers.get("content-type")],
    [200, "", "application/json; charset=utf-8"],
  );
  assert.ok(logged.length >= 3);
  for (const entry of logged) assert.equal(entry.requestId, "fastify-7", entry.event);
});

test("over HTTP/2, where there is no Host header, the origin of a request is known all the same", async (t) => {
  const { auth, base } = await start(
    t,
    async (app, made) => {
      await app.register(made.plugin(), { prefix: "/auth" });
      app.setErrorHandler(made.errorHandler());
      app.post("/act", { preHandler: made.protect() }, async () => ({ done: true }));
    },
    { accessCookie: true },
    { http2: true },
  );
  const { user: rizz } = await auth.register(user("rizz"));
  const { accessToken, refreshToken } = await auth.createSession(rizz.id);
  const session = connect(base);
  try {
    const post = (path, headers) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":method": "POST", ":path": path, ...headers });
        stream
          .on("error", reject)
          .on("response", (answer) => resolve(answer[":status"]))
          .end();
      });
    const cookies = { cookie: `access_token=${accessToken}; refresh_token=${refreshToken}` };
    assert.equal(await post("/act", { ...cookies, origin: base }), 200);
    assert.equal(await post("/act", { ...cookies, origin: "http://evil.example" }), 403);
    assert.equal(await post("/auth/refresh", { ...cookies, origin: "http://evil.example" }), 403);
    assert.equal(await post("/auth/refresh", { ...cookies, origin: base }), 200);
  } finally {
    session.destroy();
  }
});

test("as frameworkErrors, the error handler answers what Fastify would not route; endpoints as everywhere, other paths in the envelope", async (t) => {
  const auth = createAuthFastify(options({ db: "sqlite::memory:" }));
  await auth.migrate();
  const app = Fastify({ frameworkErrors: auth.errorHandler() });
  await app.register(auth.plugin(), { prefix: "/auth" });
  await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(async () => {
    await app.close();
    await auth.close();
  });
  const ask = async (path, init) => {
    const answer = await fetch(`http://127.0.0.1:${app.server.address().port}${path}`, init);
    return [answer.status, (await answer.json()).code];
  };
  const { user: boss } = await auth.register({ ...user("boss"), roles: ["admin"] });
  const { accessToken } = await auth.createSession(boss.id);
  const headers = { authorization: `Bearer ${accessToken}` };
  assert.deepEqual(await ask("/auth/users/%ff"), [401, "UNAUTHORIZED"]);
  assert.deepEqual(await ask("/auth/users/%ff", { headers }), [404, "USER_NOT_FOUND"]);
  assert.deepEqual(await ask(`/auth/users/${"a".repeat(200)}?x=%ff`, { headers }), [404, "USER_NOT_FOUND"]);
  const roles = { method: "POST", headers: { ...headers, ...json }, body: JSON.stringify({ roles: ["user"] }) };
  assert.deepEqual(await ask("/auth/users/%ff/roles", roles), [404, "USER_NOT_FOUND"]);
  assert.deepEqual(await ask("/auth/users/%ff/roles", { ...roles, body: "{" }), [400, "VALIDATION_ERROR"]);
  const [status, code] = await ask("/elsewhere/%ff");
  assert.equal(status, 400, code);
  assert.equal((await ask("/auth/nothing/%ff"))[0], 400);
});

test("what Fastify refuses: schemas say what is wrong, parsers are worded by us, a challenge stays", async (t) => {
  const { base } = await start(t, async (app, auth) => {
    app.setErrorHandler(auth.errorHandler());
    const schema = { body: { type: "object", required: ["name"], properties: { name: { type: "string" } } } };
    app.post("/items", { schema }, async () => ({ made: true }));
    app.get("/basic", async (_request, reply) => {
      reply.header("www-authenticate", "Basic");
      throw Object.assign(new Error("secret detail"), { statusCode: 401 });
    });
  });
  const post = (raw, headers = json) => new Browser(base).fetch("/items", { method: "POST", raw, headers });
  const told = ({ status, body }) => [status, body.code, body.message];
  assert.deepEqual(told(await post("{}")), [400, "VALIDATION_ERROR", "body must have required property 'name'"]);
  assert.deepEqual(told(await post('{"name":')), [400, "VALIDATION_ERROR", "The request could not be read"]);
  assert.deepEqual(told(await post("a=b", { "content-type": "text/odd" })), [
    415,
    "VALIDATION_ERROR",
    "The request could not be read",
  ]);
  const basic = await new Browser(base).fetch("/basic");
  assert.deepEqual(
    [...told(basic), basic.headers.get("www-authenticate")],
    [401, "UNAUTHORIZED", "Unauthorized", "Basic"],
  );
});
