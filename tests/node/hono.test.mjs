// What is Hono's own: applications in applications, requests without a connection, its middleware for request ids.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { requestId } from "hono/request-id";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { PASSWORD, options, testClock, user } from "./support/server.mjs";

async function start(t, more = {}) {
  const auth = createAuthHono(options(more));
  await auth.migrate();
  t.after(() => auth.close());
  return auth;
}

const post = (body, headers = {}) => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "content-type": "application/json", ...headers },
});
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
  assert.deepEqual(seen.auth, {
    sessionId: auth.verifyAccessToken(data.accessToken).sessionId,
    token: data.accessToken,
  });
  const head = await app.request("/auth/me", { method: "HEAD", headers });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  assert.equal((await app.request("/auth/nothing")).status, 404);
  const empty = await app.request("/auth/refresh", {
    method: "POST",
    headers: { cookie: cookiesOf(login).join("; "), "content-type": "application/json" },
  });
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
  assert.deepEqual(
    cookiesOf(seen)
      .map((pair) => pair.split("=")[0])
      .sort(),
    ["access_token", "theme"],
  );
  assert.ok(logged.some(({ event }) => event === "auth.protect.auto_refresh"));
  for (const entry of logged) assert.equal(entry.requestId, "hono-7", entry.event);
});

test("an HTTPException keeps its status, its message and the headers of its response", async (t) => {
  const auth = await start(t);
  const app = new Hono();
  app.use("/basic", basicAuth({ username: "u", password: "p", realm: "shop" }));
  app.use("/large", bodyLimit({ maxSize: 1 }));
  app.post("/large", (c) => c.text("small"));
  app.get("/pay", () => {
    throw new HTTPException(402, { message: "Pay first" });
  });
  app.get("/silent", () => {
    throw new HTTPException(409);
  });
  app.get("/own", () => {
    throw new HTTPException(451, {
      res: new Response("custom", { status: 451, headers: { "x-a": "b", etag: "1", "cache-control": "public" } }),
    });
  });
  app.get("/moved", () => {
    throw new HTTPException(302, { res: new Response(null, { status: 302, headers: { location: "/there" } }) });
  });
  app.get("/down", () => {
    throw new HTTPException(503, { message: "secret detail", res: new Response("secret detail", { status: 503 }) });
  });
  app.get("/set", (c) => {
    c.header("www-authenticate", "Digest");
    throw new HTTPException(401, { message: "No" });
  });
  app.onError(auth.errorHandler({ onUnhandled() {} }));
  const ask = async (path, init) => {
    const response = await app.request(path, init);
    const body = response.status < 400 ? {} : await response.json();
    return [response.status, body.code, body.message, response.headers];
  };
  const expected = [
    ["/basic", 401, "UNAUTHORIZED", "Unauthorized"],
    ["/pay", 402, "VALIDATION_ERROR", "Pay first"],
    ["/silent", 409, "VALIDATION_ERROR", "Conflict"],
    ["/own", 451, "VALIDATION_ERROR", "Unavailable for legal reasons"],
    ["/down", 500, "INTERNAL_ERROR", "Internal server error"],
    ["/set", 401, "UNAUTHORIZED", "No"],
  ];
  for (const [path, ...answer] of expected) assert.deepEqual((await ask(path)).slice(0, 3), answer, path);
  assert.match((await ask("/basic"))[3].get("www-authenticate"), /^Basic realm="shop"/);
  assert.equal((await ask("/set"))[3].get("www-authenticate"), "Digest");
  const own = (await ask("/own"))[3];
  assert.deepEqual(
    ["x-a", "etag", "cache-control"].map((name) => own.get(name)),
    ["b", null, "no-store"],
  );
  const moved = await ask("/moved");
  assert.deepEqual([moved[0], moved[3].get("location")], [302, "/there"]);
  assert.deepEqual((await ask("/large", { method: "POST", body: "large" })).slice(0, 3), [
    413,
    "VALIDATION_ERROR",
    "The request body is too large",
  ]);
});
