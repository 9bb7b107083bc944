// What is Hono's own: applications in applications, requests without a connection, its middleware for request ids.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { requestId } from "hono/request-id";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { PASSWORD, options, testClock, user } from "./support/server.mjs";

async function start(t, more = {}) {
  const auth = createAuthHono(options(more));
  await auth.migrate();
  t.after(() => auth.close());
  return auth;
}

const post = (body, headers = {}) => ({ method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
const cookiesOf = (response) => response.headers.getSetCookie().map((line) => line.split(";")[0]);

test("everything works without a server: app.request()", async (t) => {
  const auth = await start(t);
  const app = new Hono();
  app.route("/auth", auth.router());
  app.get("/me", auth.protect(), (c) => c.json({ user: c.get("user"), auth: c.get("auth") }));
  app.onError(auth.errorHandler());
  assert.equal((await app.request("/auth/register", post(user("rizz")))).status, 201);
  const login = await app.request("/auth/login", post({ identifier: "rizz", password: PASSWORD }));
  const { data } = await login.json();
  const headers = { authorization: `Bearer ${data.accessToken}` };
  const seen = await (await app.request("/me", { headers })).json();
  assert.deepEqual(seen.user, data.user);
  assert.deepEqual(seen.auth, { sessionId: auth.verifyAccessToken(data.accessToken).sessionId, token: data.accessToken });
  const head = await app.request("/auth/me", { method: "HEAD", headers });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  assert.equal((await app.request("/auth/nothing")).status, 404);
  const empty = await app.request("/auth/refresh", { method: "POST", headers: { cookie: cookiesOf(login).join("; "), "content-type": "application/json" } });
  assert.equal(empty.status, 200);
});

test("a body that middleware has read is still there", async (t) => {
  const auth = await start(t);
  const seen = [];
  for (const read of ["json", "text", "arrayBuffer"]) {
    const app = new Hono();
    app.use(async (c, next) => {
      seen.push(typeof (await c.req[read]()));
      await next();
    });
    app.route("/auth", auth.router());
    assert.equal((await app.request("/auth/register", post(user(`by ${read}`)))).status, 201, read);
  }
  assert.deepEqual(seen, ["object", "string", "object"]);
});

test("an application inside another: guards for all of it, errors to the outermost handler", async (t) => {
  const auth = await start(t);
  const inner = new Hono();
  inner.use(auth.protect());
  inner.get("/", (c) => c.json(c.get("user")));
  inner.get("/admin", auth.authorize("admin"), (c) => c.json("in"));
  inner.get("/boom", () => {
    throw new Error("secret detail");
  });
  const told = [];
  const app = new Hono();
  app.route("/api/v1/auth", auth.router());
  app.route("/items", inner);
  app.onError(auth.errorHandler({ onUnhandled: (error, c) => told.push([error.message, c.req.path]) }));
  const { user: rizz } = await auth.register(user("rizz", { roles: ["user"] }));
  const headers = { authorization: `Bearer ${(await auth.createSession(rizz.id)).accessToken}` };
  const statusAndCode = async (path, init) => {
    const response = await app.request(path, init);
    return [response.status, (await response.json()).code];
  };
  assert.deepEqual(await statusAndCode("/items"), [401, "UNAUTHORIZED"]);
  assert.deepEqual(await statusAndCode("/items", { headers }), [200, undefined]);
  assert.deepEqual(await statusAndCode("/items/admin", { headers }), [403, "FORBIDDEN"]);
  assert.deepEqual(await statusAndCode("/items/boom", { headers }), [500, "INTERNAL_ERROR"]);
  assert.deepEqual(told, [["secret detail", "/items/boom"]]);
});

test("hono/request-id names requests in the log, and a silent refresh keeps the handler's headers", async (t) => {
  const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
  const logged = [];
  const log = (entry) => void logged.push(entry);
  const auth = await start(t, { accessCookie: true, clock, logger: { info: log, warn: log, error: log } });
  const app = new Hono();
  app.use(requestId({ generator: () => "hono-7" }));
  app.route("/auth", auth.router());
  app.get("/me", auth.protect(), (c) => {
    c.header("set-cookie", "theme=dark", { append: true });
    return c.json(c.get("user"));
  });
  await app.request("/auth/register", post(user("rizz")));
  const login = await app.request("/auth/login", post({ identifier: "rizz", password: PASSWORD }));
  clock.advance(15 * 60_000);
  const seen = await app.request("/me", { headers: { cookie: cookiesOf(login).join("; ") } });
  assert.equal(seen.status, 200);
  assert.deepEqual(cookiesOf(seen).map((pair) => pair.split("=")[0]).sort(), ["access_token", "theme"]);
  assert.ok(logged.some(({ event }) => event === "auth.protect.auto_refresh"));
  for (const entry of logged) assert.equal(entry.requestId, "hono-7", entry.event);
});
