// Hosts without sockets: functions of AWS Lambda behind the gateways that call them. They hold the golden conversations about
// bodies, proofs of origin and logout; with SENTRI_SOAK=1 all of them.
import assert from "node:assert/strict";
import { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import Router from "@koa/router";
import { Hono } from "hono";
import Koa from "koa";
import vendia from "@vendia/serverless-express";
import { createAuthExpress } from "../../npm/dist/esm/express.mjs";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../npm/dist/esm/koa.mjs";
import { functions, serve } from "./support/frameworks.mjs";
import { conversations, databases, each, hold, isRaw } from "./support/golden.mjs";
import { recorded } from "./support/lambda.mjs";
import { PASSWORD, expresses, options as serverOptions } from "./support/server.mjs";

const FILES = process.env.SENTRI_SOAK ? undefined : ["bodies", "csrf", "logout"];

for (const [name, framework] of Object.entries(functions)) {
  const held = conversations().filter(
    (one) => (!FILES || FILES.includes(one.file)) && !(name.endsWith("parsed") && isRaw(one)),
  );
  test(`golden conversations: ${name}`, async (t) => {
    await each(held, 4, (one) =>
      t.test(`${one.file} / ${one.name}`, () => hold(one, databases.SQLite, (options) => serve(framework, options))),
    );
  });
}

/** An Express application as one function of Lambda, and the tokens of a user. */
async function lambda(t, options = {}) {
  const auth = createAuthExpress(serverOptions({ rateLimit: false, ...options }));
  await auth.migrate();
  const { user } = await auth.register({ identifiers: [{ type: "username", value: "rizz" }], password: PASSWORD });
  const app = expresses["Express 5"]();
  app.use("/auth", auth.router());
  app.all("/protected", auth.protect(), (req, res) => res.json(req.user));
  app.use(auth.errorHandler());
  t.after(() => auth.close());
  return { app, auth, user, session: await auth.createSession(user.id) };
}

test("F5: names as clients spell them: an Origin is seen, and so is a token", async (t) => {
  const { app, session } = await lambda(t, { accessCookie: true });
  const handler = vendia({ app });
  // Without lists, this package hands on the names of the event as they are.
  const call = (path, method, headers) => {
    const { multiValueHeaders: _, ...event } = recorded("rest-api");
    return handler({ ...event, path, httpMethod: method, headers: { ...event.headers, ...headers } }, {});
  };
  const cookie = `access_token=${session.accessToken}; refresh_token=${session.refreshToken}`;
  for (const path of ["/auth/logout", "/protected"]) {
    assert.equal((await call(path, "POST", { Cookie: cookie, Origin: "https://evil.example" })).statusCode, 403, path);
  }
  for (const path of ["/auth/me", "/protected"]) {
    assert.equal((await call(path, "GET", { Authorization: `Bearer ${session.accessToken}` })).statusCode, 200, path);
  }
});

test("F5: what a host says in two ways is believed in neither", async (t) => {
  const { app, session } = await lambda(t, { accessCookie: true });
  const cookie = `access_token=${session.accessToken}; refresh_token=${session.refreshToken}`;
  const lines = [
    [["Origin", "https://evil.example"], {}],
    [["Origin", "https://evil.example"], { origin: "http://api.example" }],
    [[], { origin: "http://api.example", Origin: "https://evil.example" }],
    [["Sec-Fetch-Site", "cross-site"], { "sec-fetch-site": "same-origin" }],
    [["Sec-Fetch-Site", "cross-site"], {}],
    [[], { ORIGIN: "https://evil.example" }],
    [["X-Length", 3], { origin: ["https://evil.example"] }],
  ];
  for (const [raw, headers] of lines) {
    for (const path of ["/auth/logout", "/protected"]) {
      const status = await handleAs(app, path, ["Host", "api.example", ...raw], {
        host: "api.example",
        cookie,
        ...headers,
      });
      assert.equal(status, 403, JSON.stringify([path, raw, headers]));
    }
  }
  assert.equal(
    await handleAs(app, "/protected", [], { host: "api.example", cookie, origin: "http://api.example" }),
    200,
  );
  assert.equal(await handleAs(app, "/auth/logout", ["Content-Length", 0], { host: "api.example", cookie }), 200);
});

test("F7: a body that the host has whole, and nobody has read, is read", async (t) => {
  const auth = createAuthKoa(serverOptions());
  await auth.migrate();
  t.after(() => auth.close());
  const app = new Koa();
  app.use(auth.errorHandler()).use(new Router().use("/auth", auth.router().routes()).routes());
  const body = JSON.stringify({ identifiers: [{ type: "username", value: "rizz" }], password: PASSWORD });
  const headers = { host: "api.example", "content-type": "application/json", "content-length": String(body.length) };
  const req = Object.assign(new IncomingMessage(new PassThrough()), { url: "/auth/register", method: "POST" });
  Object.assign(req, { complete: true, headers, rawHeaders: Object.entries(headers).flat() });
  // As serverless-http has it: nothing is in the stream before somebody reads.
  req._read = () => {
    req.push(body);
    req.push(null);
  };
  const res = new ServerResponse(req);
  const status = await new Promise((resolve) => {
    res.end = () => resolve(res.statusCode);
    app.callback()(req, res);
  });
  assert.equal(status, 201);
});

/** Hands an application a request whose host tells of its headers in these two ways; answers the status. */
function handleAs(app, url, rawHeaders, headers) {
  const req = Object.assign(new IncomingMessage(new PassThrough()), { url, method: "POST", complete: true });
  Object.assign(req, { rawHeaders, headers });
  req.push(null);
  const res = new ServerResponse(req);
  return new Promise((resolve) => {
    res.end = () => resolve(res.statusCode);
    app(req, res);
  });
}

test("F10: a client without address is warned of once, by the logger or by the process", async (t) => {
  const register = (name) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ identifiers: [{ type: "username", value: name }], password: PASSWORD }),
  });
  const serveWith = async (options) => {
    const auth = createAuthHono(serverOptions({ rateLimit: true, ...options }));
    await auth.migrate();
    t.after(() => auth.close());
    return new Hono().route("/auth", auth.router());
  };
  const entries = [];
  const keep = (entry) => entries.push(entry);
  const logger = { info: () => {}, warn: keep, error: keep };
  const logged = await serveWith({ logger });
  for (const name of ["one", "two"]) assert.equal((await logged.request("/auth/register", register(name))).status, 201);
  const told = entries.filter(({ event, hook }) => event === "auth.hook.failure" && hook === "trustProxy");
  assert.equal(told.length, 1);
  assert.match(told[0].cause, /trustProxy/);

  const warned = [];
  const listener = (warning) => warned.push(warning.message);
  process.on("warning", listener);
  t.after(() => process.off("warning", listener));
  const silent = await serveWith({});
  for (const name of ["one", "two"]) await silent.request("/auth/register", register(name));
  await new Promise(setImmediate);
  assert.deepEqual(
    warned.map((text) => /trustProxy/.test(text)),
    [true],
  );

  entries.length = 0;
  const platform = await serveWith({ logger });
  const api = { requestContext: { http: { sourceIp: "203.0.113.9" } } };
  assert.equal((await platform.request("/auth/register", register("one"), api)).status, 201);
  const balanced = await serveWith({ logger, trustProxy: 1 });
  const forwarded = register("one");
  forwarded.headers["x-forwarded-for"] = "203.0.113.9";
  assert.equal((await balanced.request("/auth/register", forwarded, { requestContext: { elb: {} } })).status, 201);
  assert.deepEqual(entries, []);

  // A load balancer names the client in X-Forwarded-For alone, which nobody believes unasked.
  const undeclared = await serveWith({ logger });
  const event = recorded("alb");
  for (const name of ["one", "two"]) {
    const { headers, ...rest } = register(name);
    const request = { ...rest, headers: { ...headers, "x-forwarded-for": event.headers["x-forwarded-for"] } };
    assert.equal((await undeclared.request("/auth/register", request, event)).status, 201);
  }
  assert.deepEqual(
    entries.map(({ hook, cause }) => [hook, /trustProxy/.test(cause)]),
    [["trustProxy", true]],
  );
});
