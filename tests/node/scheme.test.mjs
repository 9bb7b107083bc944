// The http page of a host is another origin than its https page wherever a framework knows by which scheme a request came.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Elysia } from "elysia";
import Express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import Router from "@koa/router";
import { createAuthElysia } from "../../npm/dist/esm/elysia.mjs";
import { createAuthExpress } from "../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../npm/dist/esm/fastify.mjs";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../npm/dist/esm/koa.mjs";
import { options, user } from "./support/server.mjs";

const HOST = "app.example.com";

/** A request over a socket, by way of a proxy that has ended TLS. */
async function overSocket(t, handler) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  const { request } = await import("node:http");
  return (scheme, path, headers) =>
    new Promise((resolve, reject) => {
      const sent = { host: HOST, "x-forwarded-proto": scheme, ...headers };
      request({ port, host: "127.0.0.1", path, method: "POST", headers: sent }, (response) =>
        resolve(response.resume().statusCode),
      )
        .on("error", reject)
        .end();
    });
}

/** Each framework with the endpoints and one guarded route: a function that asks it. */
const applications = {
  async Express(t, make) {
    const auth = await make(createAuthExpress);
    const app = Express()
      .set("trust proxy", 1)
      .use("/auth", auth.router())
      .post("/own", auth.protect(), (_, res) => res.json(1));
    return [auth, await overSocket(t, app.use(auth.errorHandler()))];
  },
  async Fastify(t, make) {
    const auth = await make(createAuthFastify);
    const app = Fastify({ trustProxy: "loopback" });
    await app.register(auth.plugin(), { prefix: "/auth" });
    app.setErrorHandler(auth.errorHandler());
    app.post("/own", { preHandler: auth.protect() }, async () => 1);
    await app.ready();
    return [auth, await overSocket(t, app.routing)];
  },
  async Koa(t, make) {
    const auth = await make(createAuthKoa);
    const app = new Koa({ proxy: true });
    const router = new Router()
      .use("/auth", auth.router().routes())
      .post("/own", auth.protect(), (ctx) => void (ctx.body = {}));
    return [auth, await overSocket(t, app.use(auth.errorHandler()).use(router.routes()).callback())];
  },
  async Hono(t, make) {
    const auth = await make(createAuthHono);
    const app = new Hono().route("/auth", auth.router()).post("/own", auth.protect(), (c) => c.json(1));
    app.onError(auth.errorHandler());
    return [
      auth,
      async (scheme, path, headers) =>
        (await app.request(`${scheme}://${HOST}${path}`, { method: "POST", headers })).status,
    ];
  },
  async Elysia(t, make) {
    const auth = await make(createAuthElysia);
    const app = new Elysia().onError(auth.errorHandler()).group("/auth", (group) => group.use(auth.router()));
    app.use(auth.protect()).post("/own", () => "1");
    return [
      auth,
      async (scheme, path, headers) =>
        (await app.handle(new Request(`${scheme}://${HOST}${path}`, { method: "POST", headers }))).status,
    ];
  },
};

for (const [name, start] of Object.entries(applications)) {
  test(`C8: ${name}: the http page of the https site is not the site`, async (t) => {
    const [auth, ask] = await start(t, async (create) => {
      const made = create(options({ accessCookie: true }));
      await made.migrate();
      t.after(() => made.close());
      return made;
    });
    const { user: rizz } = await auth.register(user("rizz"));
    const { accessToken, refreshToken } = await auth.createSession(rizz.id);
    const access = `access_token=${accessToken}`;
    const from = (origin, cookie) => ({ origin, cookie });
    assert.equal(await ask("https", "/own", from(`http://${HOST}`, access)), 403, "protect()");
    assert.equal(await ask("https", "/own", from(`https://${HOST}`, access)), 200);
    assert.equal(
      await ask("https", "/auth/refresh", from(`http://${HOST}`, `refresh_token=${refreshToken}`)),
      403,
      "an endpoint",
    );
    assert.equal(
      await ask("https", "/auth/logout-all", from(`http://${HOST}`, access)),
      403,
      "an endpoint behind protect()",
    );
    assert.equal(await ask("https", "/auth/refresh", from(`https://${HOST}`, `refresh_token=${refreshToken}`)), 200);
    // Where a proxy that nobody trusts may have ended TLS, the scheme says nothing.
    assert.equal(await ask("http", "/own", from(`https://${HOST}`, access)), 200);
    assert.equal(await ask("http", "/own", from(`http://${HOST}`, access)), 200);
  });
}
