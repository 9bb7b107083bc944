// Metrics: counted with and without a logger, in both modes, whoever answers a request; and the routes that serve them.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import Router from "@koa/router";
import { Elysia } from "elysia";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { createAuthKoa } from "../../npm/dist/esm/koa.mjs";
import {
  expressMetrics,
  fastifyMetrics,
  fetchMetrics,
  koaMetrics,
  PROMETHEUS_CONTENT_TYPE,
} from "../../npm/dist/esm/prometheus.mjs";
import { startKeyServer } from "../../npm/dist/esm/testing.mjs";
import { Browser, PASSWORD, listen, options, sentri, user } from "./support/server.mjs";

const { SENTRI_EVENTS, createAuth, createAuthExpress } = sentri;
const silent = { info() {}, warn() {}, error() {} };

/** The number of `sample` with these labels. */
function read(auth, sample, labels = {}) {
  const samples = auth.metrics().flatMap((metric) => metric.samples);
  return samples.find(
    (one) => one.name === sample && Object.entries(labels).every(([name, value]) => one.labels[name] === value),
  )?.value;
}
const event = (auth, name) => read(auth, "sentri_events_total", { event: name });

for (const logger of [undefined, silent]) {
  test(`every request is counted once, ${logger ? "with" : "without"} a logger`, async (t) => {
    const auth = createAuthExpress(options(logger ? { logger } : {}));
    assert.equal(read(auth, "sentri_ready"), 0);
    await auth.migrate();
    const browser = new Browser(
      await listen(t, auth, {
        extend: (app) => {
          app.get("/editors", auth.protect(), auth.authorize("user"), (_req, res) => res.end());
          app.get("/admins", auth.protect(), auth.authorize("admin"), (_req, res) => res.end());
        },
      }),
    );
    await browser.post("/auth/register", user("rizz", { roles: ["user"] }));
    assert.equal((await browser.post("/auth/login", { identifier: "rizz", password: "wrong password" })).status, 401);
    const { accessToken } = (await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD })).body.data;
    const headers = { authorization: `Bearer ${accessToken}` };
    for (let i = 0; i < 20; i += 1) await browser.fetch("/protected", { headers });
    for (let i = 0; i < 5; i += 1) await browser.fetch("/editors", { headers });
    for (let i = 0; i < 5; i += 1) assert.equal((await browser.fetch("/admins", { headers })).status, 403);
    assert.equal((await browser.fetch("/protected", { headers: { authorization: "Bearer nonsense" } })).status, 401);
    assert.deepEqual(
      [
        "login.success",
        "login.failure",
        "register.success",
        "protect.success",
        "protect.failure",
        "authorize.passed",
        "authorize.denied",
        "logout",
      ].map((name) => event(auth, `auth.${name}`)),
      [1, 1, 1, 30, 1, 5, 5, 0],
    );
    assert.equal(read(auth, "sentri_requests_total", { endpoint: "POST /login", status: "200" }), 1);
    assert.equal(read(auth, "sentri_requests_total", { endpoint: "POST /login", status: "401" }), 1);
    assert.equal(read(auth, "sentri_request_duration_seconds_count", { endpoint: "POST /login" }), 2);
    assert.ok(read(auth, "sentri_request_duration_seconds_sum", { endpoint: "POST /login" }) > 0);
    assert.equal(read(auth, "sentri_password_verifications_total"), 2);
    assert.equal(read(auth, "sentri_ready"), 1);
    assert.equal(read(auth, "sentri_signing_keys"), 0, "a shared secret is not published");
    assert.equal(read(auth, "sentri_redis_up"), undefined, "without redisUrl there is none");
    assert.deepEqual(
      auth.metrics()[0].samples.map((sample) => sample.labels.event),
      Object.keys(SENTRI_EVENTS),
    );
  });
}

test("client mode counts too", async (t) => {
  const server = await startKeyServer();
  t.after(() => server.close());
  const auth = createAuth({ mode: "client", keyUri: server.keyUri, validRoles: ["user"], allowInsecure: true });
  assert.equal(event(auth, "auth.protect.success"), 0);
  assert.equal(read(auth, "sentri_build_info", { mode: "client" }), 1);
  assert.match(auth.metricsText(), /^# TYPE sentri_events_total counter$/m);
});

test("connections to PostgreSQL and Redis", async (t) => {
  const auth = createAuth(
    options({
      db: { connectionString: process.env.DATABASE_URL, max: 3 },
      redisUrl: process.env.REDIS_URL,
      issuer: "metrics",
      algorithm: "RS256",
      secret: undefined,
    }),
  );
  t.after(() => auth.close());
  await auth.migrate();
  assert.equal(read(auth, "sentri_database_connections", { state: "max" }), 3);
  assert.ok(read(auth, "sentri_database_connections", { state: "open" }) >= 1);
  assert.equal(read(auth, "sentri_database_waiting"), 0);
  assert.equal(read(auth, "sentri_redis_up"), 1);
  assert.ok(read(auth, "sentri_signing_keys") >= 1);
});

test("a route for each framework serves the text", async (t) => {
  const auth = createAuth(options());
  t.after(() => auth.close());
  const serve = async (handler) => {
    const server = createServer(handler);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => new Promise((resolve) => server.close(resolve)));
    return fetch(`http://127.0.0.1:${server.address().port}/metrics`, { headers: { connection: "close" } });
  };
  const fast = fastify();
  fast.get("/metrics", fastifyMetrics(auth));
  await fast.listen({ port: 0, host: "127.0.0.1" });
  t.after(() => fast.close());
  const koa = new Koa();
  koa.use(new Router().get("/metrics", koaMetrics(auth)).routes());
  const answers = {
    node: await serve(expressMetrics(auth)),
    fastify: await fetch(`http://127.0.0.1:${fast.server.address().port}/metrics`),
    hono: await new Hono().get("/metrics", fetchMetrics(auth)).request("/metrics"),
    elysia: await new Elysia().get("/metrics", fetchMetrics(auth)).handle(new Request("http://localhost/metrics")),
    koa: await serve(koa.callback()),
  };
  for (const [name, answer] of Object.entries(answers)) {
    assert.equal(answer.status, 200, name);
    assert.equal(answer.headers.get("content-type"), PROMETHEUS_CONTENT_TYPE, name);
    assert.equal(await answer.text(), auth.metricsText(), name);
  }
  assert.equal(typeof createAuthKoa(options()).metricsText(), "string", "adapters have it as well");
});
