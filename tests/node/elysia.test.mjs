// What is Elysia's own: scopes of plugins, macros, groups, its bodies and cookies; on Node through @elysiajs/node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { node } from "@elysiajs/node";
import { Elysia, t as typebox } from "elysia";
import { createAuthElysia } from "../../npm/dist/esm/elysia.mjs";
import { Browser, PASSWORD, options, testClock, user } from "./support/server.mjs";

// It listens for the end of the process once an application.
process.setMaxListeners(0);

/** An application that `build(app, auth)` makes, listening. */
async function start(t, build, more = {}) {
  const auth = createAuthElysia(options(more));
  await auth.migrate();
  const app = build(new Elysia({ adapter: node() }), auth);
  const { raw } = await new Promise((resolve) => app.listen({ port: 0, hostname: "127.0.0.1" }, resolve));
  const { server } = raw.node;
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await auth.close();
  });
  const enter = async (name, roles = []) => {
    const { user: made } = await auth.register(user(name, { roles }));
    const headers = { authorization: `Bearer ${(await auth.createSession(made.id)).accessToken}` };
    return { id: made.id, headers, get: (path) => new Browser(base).fetch(path, { headers }) };
  };
  const base = `http://127.0.0.1:${server.address().port}`;
  return { auth, base, enter };
}

test("guards hold for later routes of what uses them, and for nothing else", async (t) => {
  const { base, enter } = await start(t, (app, auth) => {
    const items = new Elysia({ prefix: "/items" })
      .use(auth.protect())
      .get("/", ({ user }) => user)
      .group("/admin", (group) => group.use(auth.authorize("admin")).get("/", () => ({ in: true })))
      .get("/own/:id", ({ user, params }) => ({ own: user.id === params.id }));
    return app
      .onError(auth.errorHandler())
      .get("/before", () => ({ open: true }))
      .use(items)
      .get("/after", ({ user }) => ({ open: user === undefined }));
  });
  const rizz = await enter("rizz");
  const boss = await enter("boss", ["admin"]);
  assert.deepEqual((await new Browser(base).fetch("/before")).body, { open: true });
  assert.deepEqual((await new Browser(base).fetch("/after")).body, { open: true });
  assert.deepEqual((await rizz.get("/items")).body, { id: rizz.id, roles: [] });
  assert.deepEqual((await rizz.get(`/items/own/${rizz.id}`)).body, { own: true });
  assert.equal((await new Browser(base).fetch("/items/own/1")).status, 401);
  assert.equal((await rizz.get("/items/admin")).status, 403);
  assert.equal((await boss.get("/items/admin")).status, 200);
});

test("two auth servers in one application: plugins are not taken for each other", async (t) => {
  const other = createAuthElysia(options({ secret: "another secret of at least thirty-two bytes" }));
  await other.migrate();
  t.after(() => other.close());
  const { enter } = await start(t, (app, auth) =>
    app
      .onError(auth.errorHandler())
      .use(new Elysia().use(auth.protect()).get("/one", ({ user }) => user))
      .use(new Elysia().use(other.protect()).get("/two", ({ user }) => user)),
  );
  const rizz = await enter("rizz");
  assert.equal((await rizz.get("/one")).status, 200);
  assert.equal((await rizz.get("/two")).status, 401);
});

test("macros guard single routes", async (t) => {
  const { base, enter } = await start(t, (app, auth) =>
    app
      .onError(auth.errorHandler())
      .use(auth.macro())
      .get("/open", () => ({ open: true }))
      .get("/me", ({ user, auth: info }) => ({ user, session: info.sessionId }), { protect: true })
      .get("/off", ({ user }) => ({ user: user ?? null }), { protect: false })
      .get("/admin", ({ user }) => user, { authorize: ["admin"] })
      .get("/both", ({ user }) => user, { protect: true, authorize: "admin" })
      .get("/own/:id", ({ user }) => user, { permit: ({ user, params }) => user.id === params.id })
      .get("/none", ({ user }) => user, { permit: ({ params }) => params.id === undefined })
      .get("/either/:id", ({ user }) => user, { permit: { roles: ["admin"], check: async () => false } }),
  );
  const rizz = await enter("rizz");
  const boss = await enter("boss", ["admin"]);
  const nobody = { get: (path) => new Browser(base).fetch(path) };
  const expected = [
    [nobody, "/open", 200],
    [nobody, "/me", 401],
    [rizz, "/me", 200],
    [nobody, "/off", 200],
    [nobody, "/admin", 401],
    [rizz, "/admin", 403],
    [boss, "/admin", 200],
    [nobody, "/both", 401],
    [rizz, "/both", 403],
    [boss, "/both", 200],
    [nobody, `/own/${rizz.id}`, 401],
    [rizz, `/own/${rizz.id}`, 200],
    [rizz, `/own/${boss.id}`, 403],
    [rizz, "/none", 200],
    [rizz, "/either/1", 403],
    [boss, "/either/1", 200],
  ];
  for (const [who, path, status] of expected) {
    const answer = await who.get(path);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
  }
  assert.deepEqual((await rizz.get("/me")).body.user, { id: rizz.id, roles: [] });
});

test("a guard reads no body: a handler may, as a stream or parsed", async (t) => {
  const { base, enter } = await start(t, (app, auth) =>
    app
      .onError(auth.errorHandler())
      .use(auth.protect())
      .post("/raw", async ({ request }) => ({ raw: await request.text() }))
      .post("/parsed", ({ body }) => ({ parsed: body })),
  );
  const { headers } = await enter("rizz");
  const post = (path) =>
    new Browser(base).fetch(path, {
      method: "POST",
      raw: '{"a": 1}',
      headers: { ...headers, "content-type": "application/json" },
    });
  assert.deepEqual((await post("/raw")).body, { raw: '{"a": 1}' });
  assert.deepEqual((await post("/parsed")).body, { parsed: { a: 1 } });
});

test("what Elysia answers by itself stays so: status(), validation, unknown paths", async (t) => {
  const { base } = await start(t, (app, auth) =>
    app
      .onError(auth.errorHandler())
      .get("/teapot", ({ status }) => status(418, { tea: true }))
      .get("/thrown", ({ status }) => {
        throw status(418, { tea: true });
      }),
  );
  for (const path of ["/teapot", "/thrown"]) {
    const answer = await new Browser(base).fetch(path);
    assert.deepEqual([answer.status, answer.body], [418, { tea: true }], path);
  }
  const unknown = await new Browser(base).fetch("/unknown");
  assert.deepEqual([unknown.status, unknown.body.error], [404, true]);
});

test("cookies of a silent refresh, and the id of the request in the store", async (t) => {
  const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
  const logged = [];
  const log = (entry) => void logged.push(entry);
  const { base } = await start(
    t,
    (app, auth) =>
      app
        .state("requestId", "elysia-7")
        .onError(auth.errorHandler())
        .group("/auth", (group) => group.use(auth.router()))
        .use(auth.protect())
        .get("/me", ({ user }) => user),
    { accessCookie: true, clock, logger: { info: log, warn: log, error: log } },
  );
  const browser = new Browser(base);
  await browser.post("/auth/register", user("rizz"));
  const login = await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
  assert.deepEqual(
    login.headers
      .getSetCookie()
      .map((line) => line.split("=")[0])
      .sort(),
    ["access_token", "refresh_token"],
  );
  const before = browser.jar.get("access_token");
  clock.advance(15 * 60_000);
  const seen = await browser.fetch("/me");
  assert.deepEqual([seen.status, seen.body], [200, login.body.data.user]);
  assert.notEqual(browser.jar.get("access_token"), before);
  for (const entry of logged) assert.equal(entry.requestId, "elysia-7", entry.event);
});

test("validation says which member is wrong; bodies that do not parse are worded by us, a challenge stays", async (t) => {
  const { base } = await start(t, (app, auth) =>
    app
      .onError(auth.errorHandler())
      .post("/items", () => ({ made: true }), { body: typebox.Object({ name: typebox.String() }) })
      .post("/worded", () => ({ made: true }), {
        body: typebox.Object({ name: typebox.String({ error: "A name, please" }) }),
      })
      .get("/basic", ({ set }) => {
        set.headers["www-authenticate"] = "Basic";
        throw Object.assign(new Error("secret detail"), { status: 401 });
      })
      .get("/answer", () => ({ secret: "detail" }), { response: typebox.Object({ name: typebox.String() }) }),
  );
  const post = async (path, raw) => {
    const { status, body } = await new Browser(base).fetch(path, {
      method: "POST",
      raw,
      headers: { "content-type": "application/json" },
    });
    return [status, body.code, body.message];
  };
  assert.deepEqual(await post("/items", '{"name":5}'), [422, "VALIDATION_ERROR", "body/name: Expected string"]);
  assert.deepEqual(await post("/worded", '{"name":5}'), [422, "VALIDATION_ERROR", "A name, please"]);
  assert.deepEqual(await post("/items", "{"), [400, "VALIDATION_ERROR", "The request could not be read"]);
  const basic = await new Browser(base).fetch("/basic");
  assert.deepEqual(
    [basic.status, basic.body.code, basic.headers.get("www-authenticate")],
    [401, "UNAUTHORIZED", "Basic"],
  );
  const answer = await new Browser(base).fetch("/answer");
  assert.deepEqual([answer.status, answer.body.message], [422, "Unprocessable content"]);
});

for (const aot of [true, false]) {
  test(`every form of protect() answers a preflight, and no handler runs${aot ? "" : ", without compilation"}`, async () => {
    const auth = createAuthElysia(options({ trustedOrigins: ["https://app.example"] }));
    const forms = {
      plugin: (app, run) => app.use(new Elysia({ aot }).use(auth.protect()).use(auth.authorize("user")).all("/", run)),
      macro: (app, run) => app.use(auth.macro()).all("/", run, { protect: true }),
      authorize: (app, run) => app.use(auth.macro()).all("/", run, { authorize: "user" }),
      permit: (app, run) => app.use(auth.macro()).all("/", run, { permit: () => true }),
    };
    for (const [name, build] of Object.entries(forms)) {
      let runs = 0;
      const app = build(new Elysia({ aot }).onError(auth.errorHandler()), () => void (runs += 1));
      const headers = { origin: "https://app.example", "access-control-request-method": "PUT" };
      const answer = await app.handle(new Request("http://localhost/", { method: "OPTIONS", headers }));
      assert.deepEqual(
        [answer.status, answer.headers.get("access-control-allow-origin"), await answer.text(), runs],
        [204, "https://app.example", "", 0],
        name,
      );
    }
    await auth.close();
  });
}
