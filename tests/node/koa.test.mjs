// What is Koa's own: routers in routers, body parsers, state.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Http2ServerResponse } from "node:http2";
import { test } from "node:test";
import Router from "@koa/router";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { createAuthKoa } from "../../npm/dist/esm/koa.mjs";
import { Browser, PASSWORD, options, testClock, user } from "./support/server.mjs";

/** An application that `build(app, auth)` makes, listening. */
async function start(t, build, more = {}) {
  const auth = createAuthKoa(options(more));
  await auth.migrate();
  const app = new Koa();
  build(app, auth);
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await auth.close();
  });
  return { auth, base: `http://127.0.0.1:${server.address().port}` };
}

test("router() is one router, usable by itself and inside another under a prefix", async (t) => {
  const { base, auth } = await start(t, (app, made) => {
    const outer = new Router({ prefix: "/api" });
    outer.use("/auth", made.router().routes(), made.router().allowedMethods());
    app.use(made.errorHandler());
    app.use(outer.routes()).use(outer.allowedMethods());
    app.use(made.router().routes()).use(made.router().allowedMethods());
  });
  assert.equal(auth.router(), auth.router());
  const browser = new Browser(base);
  assert.equal((await browser.post("/api/auth/register", user("rizz"))).status, 201);
  assert.equal((await browser.post("/login", { identifier: "rizz", password: PASSWORD })).status, 200);
  const wrong = await fetch(`${base}/api/auth/login`, { method: "DELETE" });
  assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
  assert.equal((await fetch(`${base}/login`, { method: "OPTIONS" })).status, 200);
});

test("bodies that koa-bodyparser has read, will not read, or refuses", async (t) => {
  const { base } = await start(t, (app, auth) => {
    app.use(auth.errorHandler());
    app.use(bodyParser());
    app.use(auth.router().routes());
  });
  const browser = new Browser(base);
  const register = (name, type) =>
    browser.fetch("/register", { method: "POST", raw: JSON.stringify(user(name)), headers: { "content-type": type } });
  assert.equal((await register("one", "application/json")).status, 201);
  assert.equal((await register("two", "text/plain")).status, 201, "nobody has read it: we do");
  await browser.post("/login", { identifier: "one", password: PASSWORD });
  assert.equal((await browser.post("/refresh", undefined, { "content-type": "application/json" })).status, 200);
  const bad = await browser.fetch("/login", {
    method: "POST",
    raw: "{",
    headers: { "content-type": "application/json" },
  });
  assert.deepEqual([bad.status, bad.body.error], [400, true]);
  const twice = await browser.fetch("/login", {
    method: "POST",
    raw: '{"identifier":"one","identifier":"two","password":"x"}',
    headers: { "content-type": "application/json" },
  });
  assert.deepEqual(
    [twice.status, twice.body.code],
    [400, "VALIDATION_ERROR"],
    "the bytes are looked at, not what the parser made of them",
  );
});

test("state: the user, the id of the request; a silent refresh keeps the handler's cookies", async (t) => {
  const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
  const logged = [];
  const log = (entry) => void logged.push(entry);
  const { base, auth } = await start(
    t,
    (app, made) => {
      app.use((ctx, next) => {
        ctx.state.requestId = "koa-7";
        return next();
      });
      app.use(made.errorHandler());
      const router = new Router();
      router.use("/auth", made.router().routes());
      router.get("/me", made.protect(), (ctx) => {
        ctx.cookies.set("theme", "dark");
        ctx.body = { user: ctx.state.user, auth: ctx.state.auth };
      });
      app.use(router.routes());
    },
    { accessCookie: true, clock, logger: { info: log, warn: log, error: log } },
  );
  const browser = new Browser(base);
  await browser.post("/auth/register", user("rizz"));
  const { body } = await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
  clock.advance(15 * 60_000);
  const seen = await browser.fetch("/me");
  assert.deepEqual(seen.body.user, body.data.user);
  assert.deepEqual(
    seen.headers
      .getSetCookie()
      .map((line) => line.split("=")[0])
      .sort(),
    ["access_token", "theme"],
  );
  assert.equal(seen.body.auth.token, browser.jar.get("access_token"));
  assert.equal(auth.verifyAccessToken(seen.body.auth.token).sessionId, seen.body.auth.sessionId);
  for (const entry of logged) assert.equal(entry.requestId, "koa-7", entry.event);
});

test("without errorHandler() an error keeps its status with Koa", async (t) => {
  const { base } = await start(t, (app, auth) => {
    app.silent = true;
    app.use(auth.protect());
  });
  assert.equal((await fetch(base)).status, 401);
});

test("ctx.throw() is told with its headers, a parser's error is not", async (t) => {
  const { base } = await start(t, (app, auth) => {
    app.use(auth.errorHandler());
    app.use(bodyParser());
    app.use((ctx) => {
      if (ctx.path === "/basic") ctx.throw(401, "Who are you?", { headers: { "WWW-Authenticate": "Basic" } });
      if (ctx.path === "/down") ctx.throw(502, "secret detail", { expose: true });
      ctx.throw(409, "Email in use");
    });
  });
  const told = ({ status, body }) => [status, body.code, body.message];
  const basic = await new Browser(base).fetch("/basic");
  assert.deepEqual(
    [...told(basic), basic.headers.get("www-authenticate")],
    [401, "UNAUTHORIZED", "Who are you?", "Basic"],
  );
  assert.deepEqual(told(await new Browser(base).fetch("/")), [409, "VALIDATION_ERROR", "Email in use"]);
  assert.deepEqual(
    told(
      await new Browser(base).fetch("/", { method: "POST", raw: "{", headers: { "content-type": "application/json" } }),
    ),
    [400, "VALIDATION_ERROR", "The request could not be read"],
  );
  t.mock.method(console, "error", () => {});
  assert.deepEqual(told(await new Browser(base).fetch("/down")), [500, "INTERNAL_ERROR", "Internal server error"]);
});

test("cookies of protect() reach a client by HTTP/2, on Node 20.0 too", async (t) => {
  // Node before 20.12 has no such method.
  const { appendHeader } = Http2ServerResponse.prototype;
  delete Http2ServerResponse.prototype.appendHeader;
  const auth = createAuthKoa(options({ accessCookie: true }));
  await auth.migrate();
  const { user: rizz } = await auth.register(user("rizz"));
  const { refreshToken } = await auth.createSession(rizz.id);
  const app = new Koa();
  app.use(auth.errorHandler());
  app.use(async (ctx, next) => {
    ctx.cookies.set("own", "1");
    await next();
  });
  app.use(auth.protect()).use((ctx) => {
    ctx.body = "";
  });
  const server = createServer(app.callback()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${server.address().port}`);
  t.after(async () => {
    if (appendHeader) Http2ServerResponse.prototype.appendHeader = appendHeader;
    session.destroy();
    await new Promise((resolve) => server.close(resolve));
    await auth.close();
  });
  const stream = session.request({ ":path": "/", cookie: `refresh_token=${refreshToken}` });
  const unanswered = once(stream, "close").then(() => assert.fail("there is no answer"));
  const [headers] = await Promise.race([once(stream, "response"), unanswered]);
  stream.resume();
  const names = headers["set-cookie"]?.map((line) => line.split("=")[0]);
  assert.deepEqual([headers[":status"], names], [200, ["own", "access_token"]]);
});
