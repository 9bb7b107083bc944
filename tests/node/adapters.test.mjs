// What every framework must do beside the golden conversations: errors of handlers, limits on routes, whom to believe
// about addresses, mounts, request ids. One table of tests over the list of frameworks.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { Elysia } from "elysia";
import Fastify from "fastify";
import { createAuthFastify } from "../../npm/dist/esm/fastify.mjs";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, inflateRawSync } from "node:zlib";
import { frameworks, parsing, serve } from "./support/frameworks.mjs";
import { Browser, PASSWORD, expresses, options, sentri, user } from "./support/server.mjs";

const { SentriError } = sentri;

class NotFoundError extends SentriError {
  constructor() {
    super("NOT_FOUND", "Item not found", 404);
  }
}

test("an adapter is at most 120 lines: what is shared by all is decided elsewhere", () => {
  const folder = new URL("../../npm/src/adapters/", import.meta.url);
  const shared = ["checks.ts", "idempotency/gate.ts"];
  const files = readdirSync(folder, { recursive: true }).filter(
    (name) => name.endsWith(".ts") && !shared.includes(name),
  );
  for (const name of ["express", "fastify", "hono", "koa", "elysia", "idempotency/express"])
    assert.ok(files.includes(`${name}.ts`), name);
  const long = files
    .map((name) => [name, readFileSync(new URL(name, folder), "utf8").split("\n").length - 1])
    .filter(([, lines]) => lines > 120);
  assert.deepEqual(long, []);
});

/** A server for one test. */
async function start(t, framework, more = {}, routes, setting) {
  const served = await serve(framework, options(more), routes, setting);
  t.after(() => served.close());
  await served.auth.migrate();
  return served;
}

/** A user with a session, and GET requests of theirs. */
async function enter({ auth, base }, name, roles = []) {
  const { user: made } = await auth.register(user(name, { roles }));
  const { accessToken } = await auth.createSession(made.id);
  const headers = { authorization: `Bearer ${accessToken}` };
  return { id: made.id, accessToken, get: (path) => new Browser(base).fetch(path, { headers }) };
}

for (const [name, framework] of Object.entries({ ...frameworks, ...parsing })) {
  const { user: userOf, param } = framework;

  test(`${name}: what handlers and checks throw is answered in the envelope`, async (t) => {
    const thrown = (error) => () => {
      throw error;
    };
    const served = await start(t, framework, {}, (auth) => [
      { path: "/own/:id", guards: [auth.protect(), auth.permit((ctx) => userOf(ctx).id === param(ctx, "id"))] },
      { path: "/none", guards: [auth.protect(), auth.permit((ctx) => param(ctx, "id") === undefined)] },
      { path: "/either/:id", guards: [auth.protect(), auth.permit({ roles: ["admin"], check: async () => false })] },
      { path: "/boom", guards: [auth.protect(), auth.permit(thrown(new Error("secret detail")))] },
      { path: "/missing", answer: thrown(new NotFoundError()) },
      { path: "/broken", answer: thrown(new TypeError("secret detail")) },
      { path: "/teapot", answer: thrown(Object.assign(new Error("I'm a teapot"), { status: 418 })) },
      { path: "/conflict", answer: async () => thrown(Object.assign(new Error("again"), { statusCode: 409 }))() },
      { path: "/odd", answer: thrown(Object.assign(new Error("secret detail"), { status: 200, statusCode: "x" })) },
    ]);
    const admin = await enter(served, "boss", ["admin"]);
    const plain = await enter(served, "rizz");
    const expected = [
      [plain, `/own/${plain.id}`, 200],
      [plain, `/own/${admin.id}`, 403, "FORBIDDEN"],
      [plain, "/none", 200],
      [admin, "/either/1", 200],
      [plain, "/either/1", 403, "FORBIDDEN"],
      [plain, "/boom", 500, "INTERNAL_ERROR"],
      [plain, "/missing", 404, "NOT_FOUND"],
      [plain, "/broken", 500, "INTERNAL_ERROR"],
      [plain, "/teapot", 418],
      [plain, "/conflict", 409],
      [plain, "/odd", 500, "INTERNAL_ERROR"],
    ];
    for (const [who, path, status, code] of expected) {
      const answer = await who.get(path);
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
      assert.doesNotMatch(answer.text, /secret detail/);
      if (status < 400) continue;
      assert.deepEqual(Object.keys(answer.body), ["error", "statusCode", "code", "message", "data"], path);
      assert.equal(answer.body.statusCode, status);
      if (code) assert.equal(answer.body.code, code, path);
    }
    assert.throws(() => served.auth.authorize("boss"), { code: "CONFIGURATION_ERROR" });
    assert.throws(() => served.auth.authorize(), { code: "CONFIGURATION_ERROR" });
    assert.throws(() => served.auth.permit({ roles: ["boss"], check: () => true }), { code: "CONFIGURATION_ERROR" });
  });

  test(`${name}: an error that says so is told; of others the status is kept, and the rest goes to the console or to onUnhandled`, async (t) => {
    const thrown = (error) => () => {
      throw error;
    };
    const error = (more, message = "secret detail") => Object.assign(new Error(message), more);
    const challenge = {
      "WWW-Authenticate": 'Basic realm="x"',
      "Set-Cookie": ["a=1", "b=2"],
      "content-type": "text/html",
      "x-odd": "a\nb",
      allow: undefined,
    };
    const broken = new TypeError("secret detail");
    const { base } = await start(t, framework, {}, () => [
      { path: "/shown", answer: thrown(error({ status: 409, expose: true }, "Email in use")) },
      {
        path: "/fields",
        answer: thrown(
          error({ statusCode: 400, validation: [{}], validationContext: "body" }, "body must have property 'name'"),
        ),
      },
      { path: "/nobody", answer: thrown(error({ status: 401, expose: true, headers: challenge }, "Who are you?")) },
      {
        path: "/kept",
        answer: thrown(error({ status: 409, expose: false, headers: { "x-upstream": "secret detail" } })),
      },
      { path: "/plain", answer: thrown(error({ statusCode: 400 })) },
      { path: "/odd", answer: thrown(error({ status: 499 })) },
      { path: "/missing", answer: thrown(error({ status: 404 })) },
      { path: "/parser", answer: thrown(error({ status: 400, expose: true, type: "entity.parse.failed" })) },
      { path: "/away", answer: thrown(error({ status: 503, expose: true, headers: { "retry-after": "7" } })) },
      { path: "/ours", answer: thrown(new SentriError("SERVICE_UNAVAILABLE", "Later")) },
      { path: "/broken", answer: thrown(broken) },
    ]);
    const printed = t.mock.method(console, "error", () => {}).mock;
    const expected = [
      ["/shown", 409, "VALIDATION_ERROR", "Email in use"],
      ["/fields", 400, "VALIDATION_ERROR", "body must have property 'name'"],
      ["/nobody", 401, "UNAUTHORIZED", "Who are you?"],
      ["/kept", 409, "VALIDATION_ERROR", "Conflict"],
      ["/plain", 400, "VALIDATION_ERROR", "Bad request"],
      ["/odd", 499, "VALIDATION_ERROR", "Bad request"],
      ["/missing", 404, "NOT_FOUND", "Not found"],
      ["/parser", 400, "VALIDATION_ERROR", "The request could not be read"],
      ["/ours", 503, "SERVICE_UNAVAILABLE", "Later"],
    ];
    for (const [path, status, code, message] of expected) {
      const { body, headers, text } = await new Browser(base).fetch(path);
      assert.deepEqual([body?.statusCode, body?.code, body?.message], [status, code, message], `${path}: ${text}`);
      assert.equal(headers.get("content-type"), "application/json; charset=utf-8");
      assert.equal(headers.get("x-upstream"), null);
      if (path !== "/nobody") continue;
      assert.equal(headers.get("www-authenticate"), 'Basic realm="x"');
      assert.deepEqual(
        [headers.getSetCookie(), headers.get("x-odd"), headers.get("allow")],
        [["a=1", "b=2"], null, null],
      );
    }
    assert.equal(printed.callCount(), 0);
    for (const path of ["/away", "/broken"]) {
      const { body, headers } = await new Browser(base).fetch(path);
      assert.deepEqual(
        [body.statusCode, body.code, body.message, headers.get("retry-after")],
        [500, "INTERNAL_ERROR", "Internal server error", null],
        path,
      );
    }
    assert.deepEqual(
      printed.calls.map((call) => call.arguments.length),
      [1, 1],
    );
    assert.equal(printed.calls[1].arguments[0], broken);
  });

  test(`${name}: wrong calls throw at once, and name the call, the option and the cure`, async (t) => {
    const { auth } = await start(t, framework);
    const check = () => true;
    const wrong = [
      [() => auth.permit(), /^permit\(\).*function.*permit\(\(req\) => …\)/],
      [() => auth.permit(null), /^permit\(\)/],
      [() => auth.permit("admin"), /^permit\(\)/],
      [() => auth.permit({ roles: ["admin"] }), /^permit\(\).*authorize/],
      [() => auth.permit({ roles: ["admin"], check: true }), /^permit\(\)/],
      [() => auth.permit({ roles: [], check }), /^permit\(\): roles .*leave it out/],
      [() => auth.permit({ roles: "admin", check }), /^permit\(\): roles/],
      [() => auth.permit({ roles: ["zz"], check }), /^permit\(\) names 'zz', which validRoles/],
      [() => auth.rateLimiter(), /^rateLimiter\(\).*maxAttempts.*durationSeconds/],
      [() => auth.rateLimiter(null), /^rateLimiter\(\)/],
      [() => auth.rateLimiter(5), /^rateLimiter\(\)/],
      [() => auth.rateLimiter({ maxAttempts: 1 }), /durationSeconds/],
      [() => auth.rateLimiter({ maxAttempts: 1, durationSeconds: 1, key: "ip" }), /key/],
      [() => auth.authorize("zz"), /^authorize\(\) names 'zz'/],
      [() => auth.authorize(undefined), /^authorize\(\)/],
      [() => auth.errorHandler({ onUnhandled: "log" }), /^errorHandler\(\): onUnhandled/],
      [() => auth.errorHandler({ onUnhandeld: () => {} }), /^errorHandler\(\): onUnhandeld is not an option/],
      [() => auth.permit({ role: ["admin"], check: () => false }), /^permit\(\): role is not an option/],
    ];
    for (const [call, message] of wrong)
      assert.throws(call, { name: "SentriError", code: "CONFIGURATION_ERROR", message }, String(call));
    const rule = { maxAttempts: 1, durationSeconds: 60 };
    for (const more of [{}, { key: () => "a" }, { maxAttempts: 2 }, { keyPrefix: "mail" }, { keyPrefix: "mail" }])
      auth.rateLimiter({ ...rule, ...more });
    for (const more of [{}, { key: () => "b" }])
      assert.throws(() => auth.rateLimiter({ ...rule, ...more }), {
        code: "CONFIGURATION_ERROR",
        message: /^rateLimiter\(\): keyPrefix is missing/,
      });
  });

  test(`${name}: a factory that is handed on without being called says what to write (G4)`, {
    timeout: 20_000,
  }, async (t) => {
    const uncalled = ["protect", "permit", "authorize", "rateLimiter"].map((call) => [call, `/uncalled/${call}`]);
    const { base, auth } = await start(t, framework, {}, (made) =>
      framework === frameworks["Elysia 1.4"] ? [] : uncalled.map(([call, path]) => ({ path, guards: [made[call]] })),
    );
    const application = { use() {}, get() {} };
    const mounted = [framework === frameworks["Fastify 5"] ? "plugin" : "router", "idempotencyMiddleware"];
    for (const call of [
      "protect",
      "permit",
      "authorize",
      "rateLimiter",
      "errorHandler",
      // fetch() is the endpoints, and a handler by itself.
      ...(framework === frameworks.Web ? [] : mounted),
    ]) {
      for (const given of [
        [{ headers: {} }, { end() {} }, () => {}],
        [{ req: {} }, () => {}],
        [{ request: {} }, () => {}],
        [application],
      ]) {
        assert.throws(
          () => auth[call](...given),
          { code: "CONFIGURATION_ERROR", message: new RegExp(`^auth\\.${call} was .*: write auth\\.${call}\\(`) },
          call,
        );
      }
    }
    if (framework === frameworks["Elysia 1.4"]) {
      for (const call of ["protect", "router", "macro", "permit"])
        assert.throws(() => new Elysia().use(auth[call]), { message: new RegExp(`write auth\\.${call}\\(`) });
      return;
    }
    for (const [call, path] of uncalled) {
      const { status, body } = await new Browser(base).fetch(path);
      assert.deepEqual([status, body.code], [500, "CONFIGURATION_ERROR"], path);
      assert.match(body.message, new RegExp(`write auth\\.${call}\\(`));
    }
  });

  test(`${name}: getCurrentAccessToken takes what a handler is given`, async (t) => {
    const { base, auth } = await start(t, framework, { accessCookie: true }, (made) => [
      { path: "/token", answer: (ctx) => ({ token: made.getCurrentAccessToken(ctx) }) },
    ]);
    const ask = async (headers) => (await new Browser(base).fetch("/token", { headers })).body.token;
    assert.equal(await ask({ authorization: "Bearer a.b.c" }), "a.b.c");
    assert.equal(await ask({ cookie: "x=y; access_token=d.e.f" }), "d.e.f");
    assert.equal(await ask({}), null);
    const headers = { authorization: "Bearer a.b.c" };
    const request = new Request("http://a.example", { headers });
    for (const given of [
      { headers },
      { headers: { Authorization: "Bearer a.b.c" } },
      request,
      request.headers,
      { request },
      { req: { raw: request } },
      { raw: request },
      { req: { headers } },
    ]) {
      assert.equal(auth.getCurrentAccessToken(given), "a.b.c");
    }
    assert.equal(auth.getCurrentAccessToken({ headers: { authorization: 5, cookie: null } }), null);
    for (const given of [undefined, null, 5, "a", {}, { headers: "x" }, { get() {} }])
      assert.throws(() => auth.getCurrentAccessToken(given), { code: "VALIDATION_ERROR" });
  });

  test(`${name}: rateLimiter counts by address or key, and says when to come back`, async (t) => {
    const { base, auth } = await start(t, framework, {}, (made) =>
      [
        { path: "/mail", guards: [made.rateLimiter({ maxAttempts: 2, durationSeconds: 60, keyPrefix: "mail" })] },
        {
          path: "/each/:id",
          guards: [made.rateLimiter({ maxAttempts: 1, durationSeconds: 60, key: async (ctx) => param(ctx, "id") })],
        },
        {
          path: "/own",
          guards: [
            made.rateLimiter({ maxAttempts: 1, durationSeconds: 60, keyPrefix: "own", key: (ctx) => param(ctx, "id") }),
          ],
        },
      ].map((route) => ({ ...route, answer: () => ({ sent: true }) })),
    );
    const from = (address) =>
      new Browser(base).fetch("/mail", { method: "POST", headers: { "x-forwarded-for": address } });
    const first = await from("198.51.100.1");
    assert.deepEqual([first.status, first.headers.get("ratelimit-policy")], [200, '"mail";q=2;w=60']);
    assert.equal(
      (await from("6.6.6.6, 198.51.100.1")).status,
      200,
      "what stands before the proxy's word is the client's claim",
    );
    const last = await from("::ffff:198.51.100.1");
    assert.deepEqual([last.status, last.body.code], [429, "RATE_LIMIT_EXCEEDED"]);
    assert.ok(Number(last.headers.get("retry-after")) > 0);
    assert.equal((await from("198.51.100.2")).status, 200);
    const each = async (id) => (await new Browser(base).fetch(`/each/${id}`)).status;
    assert.deepEqual([await each("a"), await each("b"), await each("a")], [200, 200, 429]);
    const ownly = async (address) =>
      (await new Browser(base).fetch("/own", { headers: { "x-forwarded-for": address } })).status;
    assert.deepEqual(
      [await ownly("198.51.100.7"), await ownly("198.51.100.8"), await ownly("198.51.100.7")],
      [200, 200, 429],
      "without a key the address counts",
    );
    assert.throws(() => auth.rateLimiter({ maxAttempts: 0, durationSeconds: 60 }), { code: "CONFIGURATION_ERROR" });
  });

  test(`${name}: forwarded addresses are nobody's word unless a proxy is trusted (P34)`, async (t) => {
    const limit = { rateLimit: { maxRegisterAttempts: 1 }, saltRounds: 10 };
    const routes = (made) => [
      {
        path: "/mail",
        guards: [made.rateLimiter({ maxAttempts: 1, durationSeconds: 60 })],
        answer: () => ({ sent: true }),
      },
    ];
    const { base } = await start(t, framework, limit, routes, { trust: false });
    const statuses = [];
    for (let i = 1; i <= 2; i++) {
      const headers = {
        "x-forwarded-for": `198.51.100.${i}`,
        forwarded: `for=198.51.100.${i}`,
        "x-real-ip": `198.51.100.${i}`,
        "cf-connecting-ip": `198.51.100.${i}`,
      };
      statuses.push(
        (await new Browser(base).post("/mail", undefined, headers)).status,
        (await new Browser(base).post("/auth/register", user(`rizz${i}`), headers)).status,
      );
    }
    assert.deepEqual(statuses, [200, 201, 429, 429]);
  });

  test(`${name}: endpoints below any prefix, one with a parameter too`, async (t) => {
    for (const [mount, at] of [
      ["/api/v1/auth", "/api/v1/auth"],
      ["/t/:tenant/auth", "/t/acme/auth"],
    ]) {
      const served = await start(t, framework, {}, undefined, { mount });
      const boss = await enter(served, "boss", ["admin"]);
      const seen = await boss.get(`${at}/users/${boss.id}`);
      assert.deepEqual([seen.status, seen.body.data?.id], [200, boss.id], mount);
      assert.equal((await boss.get(`${at}/users?limit=1`)).body.data.users.length, 1);
      const login = await new Browser(served.base).post(`${at}/login`, { identifier: "boss", password: PASSWORD });
      assert.equal(login.status, 200, login.text);
      assert.equal((await new Browser(served.base).fetch(`${at}/nothing`).catch(() => ({ status: 404 }))).status, 404);
    }
  });

  test(`${name}: a body that nests too deeply is the client's mistake`, async (t) => {
    const served = await start(t, framework, {});
    for (const depth of [128, 5_000, 20_000]) {
      const raw = `${"[".repeat(depth)}${"]".repeat(depth)}`;
      const post = (path) =>
        new Browser(served.base).fetch(path, { method: "POST", raw, headers: { "content-type": "application/json" } });
      const { status, body } = await post("/auth/login");
      assert.deepEqual([status, body.code], [400, "VALIDATION_ERROR"], `${depth}`);
    }
  });

  test(`${name}: an error of zlib is the client's`, async (t) => {
    const junk = Buffer.from("junkjunkjunkjunk");
    const whole = brotliCompressSync(Buffer.from("hello world".repeat(50)));
    const unpack = {
      gzip: () => gunzipSync(junk),
      inflate: () => inflateRawSync(junk),
      brotli: () => brotliDecompressSync(junk),
      cut: () => brotliDecompressSync(whole.subarray(0, 15)),
    };
    const served = await start(t, framework, {}, () =>
      Object.entries(unpack).map(([at, answer]) => ({ path: `/${at}`, guards: [], answer })),
    );
    for (const at of Object.keys(unpack)) {
      const { status, body } = await new Browser(served.base).fetch(`/${at}`);
      assert.deepEqual(
        [status, body.code, body.message],
        [400, "VALIDATION_ERROR", "The request could not be read"],
        at,
      );
    }
  });

  test(`${name}: the user of a request is its own`, async (t) => {
    const spoil = (ctx) => {
      const seen = userOf(ctx);
      const copy = structuredClone(seen);
      seen.roles.push("admin");
      seen.id = "somebody else";
      return copy;
    };
    const served = await start(t, framework, {}, (auth) => [
      { path: "/spoil", guards: [auth.protect()], answer: spoil },
    ]);
    const rizz = await enter(served, "rizz", ["user"]);
    for (let i = 0; i < 3; i++) assert.deepEqual((await rizz.get("/spoil")).body, { id: rizz.id, roles: ["user"] });
    assert.equal((await rizz.get("/admin-only")).status, 403);
    await served.auth.revokeSessions(rizz.id);
    assert.equal((await rizz.get("/spoil")).status, 401, "at once, though the token was remembered");
  });

  test(`${name}: overrides of endpoints run with next(), know the client, and what they throw is told or hidden`, async (t) => {
    const seen = [];
    const router = {
      async login(input, ctx, next) {
        seen.push(ctx);
        if (input.identifier === "blocked") throw new SentriError("FORBIDDEN", "Not you", 403);
        if (input.identifier === "broken") throw new TypeError("secret detail");
        return next({ ...input, identifier: input.identifier.replace("alias", "rizz") });
      },
      register: async (input, _ctx, next) => next({ ...input, roles: ["user"] }),
    };
    const { base, auth } = await start(t, framework, { router });
    const browser = new Browser(base);
    const headers = { "x-forwarded-for": "198.51.100.7", "user-agent": "a test", "x-request-id": "r-1" };
    const registered = await browser.post("/auth/register", user("rizz"), headers);
    assert.deepEqual([registered.status, registered.body.data.user.roles], [201, ["user"]]);
    const login = (identifier) => browser.post("/auth/login", { identifier, password: PASSWORD }, headers);
    const alias = await login("alias");
    assert.deepEqual(
      [alias.status, alias.body.data?.user],
      [200, { id: registered.body.data.user.id, roles: ["user"] }],
      alias.text,
    );
    const blocked = await login("blocked");
    assert.deepEqual(
      [blocked.status, blocked.body],
      [403, { error: true, statusCode: 403, code: "FORBIDDEN", message: "Not you", data: null }],
    );
    const broken = await login("broken");
    assert.deepEqual([broken.status, broken.body.code], [500, "INTERNAL_ERROR"]);
    assert.doesNotMatch(broken.text, /secret detail/);
    assert.deepEqual(seen, Array(3).fill({ ip: "198.51.100.7", userAgent: "a test", requestId: "r-1" }));
    const [session, ...others] = await auth.listSessions(registered.body.data.user.id);
    assert.deepEqual([session.ip, session.userAgent, others], ["198.51.100.7", "a test", []]);
  });

  test(`${name}: client mode trusts the tokens of an auth server elsewhere, and offers guards alone`, async (t) => {
    const issuer = await start(t, frameworks["Express 5"], { secret: undefined, algorithm: "ES256" });
    const logged = [];
    const log = (entry) => void logged.push(entry);
    const keyUri = `${issuer.base}/auth/keys`;
    const { auth, base, close } = await serve(
      framework,
      { mode: "client", keyUri, validRoles: ["user", "admin", "editor"], logger: { info: log, warn: log, error: log } },
      (made) => [
        { path: "/own/:id", guards: [made.protect(), made.permit((ctx) => userOf(ctx).id === param(ctx, "id"))] },
      ],
    );
    t.after(close);
    const guards = ["authorize", "errorHandler", "metrics", "metricsText", "permit", "protect"];
    const own = framework === frameworks.Web ? ["checkRequest", "guardRequest"] : [];
    assert.deepEqual(Object.keys(auth).sort(), [...guards, ...own].sort());
    const rizz = await enter(issuer, "rizz", ["user"]);
    const boss = await enter(issuer, "boss", ["admin"]);
    const { refreshToken } = await issuer.auth.createSession(rizz.id);
    const [header, payload, signature] = rizz.accessToken.split(".");
    const ask = async (path, token) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}`, "x-request-id": "r-1" };
      const { status, body } = await new Browser(base).fetch(path, { headers });
      return body.code === undefined ? [status, body] : [status, body.code];
    };
    for (let i = 0; i < 2; i++)
      assert.deepEqual(await ask("/protected", rizz.accessToken), [200, { id: rizz.id, roles: ["user"] }]);
    assert.deepEqual(await ask("/protected"), [401, "UNAUTHORIZED"]);
    assert.deepEqual(await ask("/protected", refreshToken), [401, "TOKEN_INVALID"], "a refresh token is not one (P8)");
    assert.deepEqual(
      await ask("/protected", `${header}.${payload}.${signature.replace(/^./, (c) => (c === "A" ? "B" : "A"))}`),
      [401, "TOKEN_INVALID"],
    );
    assert.deepEqual(await ask("/admin-only", rizz.accessToken), [403, "FORBIDDEN"]);
    assert.deepEqual(await ask("/admin-only", boss.accessToken), [200, { id: boss.id, roles: ["admin"] }]);
    assert.deepEqual((await ask(`/own/${rizz.id}`, rizz.accessToken))[0], 200);
    assert.deepEqual(await ask(`/own/${rizz.id}`, boss.accessToken), [403, "FORBIDDEN"]);
    assert.deepEqual(await ask("/unguarded-admin", boss.accessToken), [401, "UNAUTHORIZED"]);
    assert.deepEqual(logged[0], {
      service: "sentri",
      event: "auth.protect.success",
      userId: rizz.id,
      mode: "client",
      requestId: "r-1",
    });
    assert.throws(() => auth.authorize("nobody"), { code: "CONFIGURATION_ERROR" });
    assert.throws(
      () => framework.create({ mode: "client", keyUri: "http://auth.example.com/keys" }, { trust: false }),
      { code: "CONFIGURATION_ERROR", message: /^keyUri/ },
    );
  });

  test(`${name}: a wrong configuration throws from the factory`, () => {
    for (const [given, message] of [
      [undefined, /options/],
      [{ mode: "neither" }, /^mode/],
      [options({ db: "oracle://x" }), /^db/],
      [options({ trustProxy: true }), /^trustProxy/],
    ]) {
      assert.throws(
        () => framework.create(given, { trust: false }),
        (error) => error instanceof SentriError && error.code === "CONFIGURATION_ERROR" && message.test(error.message),
      );
    }
  });
}

test("Express and Fastify: endpoints that are mounted without being called do not hang (G4)", {
  timeout: 20_000,
}, async (t) => {
  const auth = sentri.createAuth(options());
  t.after(() => auth.close());
  const app = expresses["Express 5"]();
  app.use("/auth", auth.router);
  app.use(auth.errorHandler());
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  const { body } = await new Browser(`http://127.0.0.1:${server.address().port}`).fetch("/auth/keys");
  assert.match(body.message, /write auth\.router\(\)$/);
  const own = createAuthFastify(options());
  t.after(() => own.close());
  for (const call of ["plugin", "router", "idempotencyMiddleware"]) {
    const fastify = Fastify();
    await assert.rejects(
      async () => {
        await fastify.register(own[call]);
        await fastify.ready();
      },
      { code: "CONFIGURATION_ERROR", message: new RegExp(`write auth\\.${call}\\(`) },
    );
  }
  assert.throws(() => sentri.createIdempotencyMiddleware({ headers: {} }), {
    message: /write createIdempotencyMiddleware\(\)$/,
  });
});
