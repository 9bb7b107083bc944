// Middleware that sets the Authorization header of a request: protect() and the endpoints see the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import Router from "@koa/router";
import { Elysia } from "elysia";
import Express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { createAuthElysia } from "../../npm/dist/esm/elysia.mjs";
import { createAuthExpress } from "../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../npm/dist/esm/fastify.mjs";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../npm/dist/esm/koa.mjs";
import { options, user } from "./support/server.mjs";

/** A server over a socket that is asked by GET. */
async function listening(t, server) {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  return (path, headers) => fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers });
}

/** Applications whose first middleware takes a token from `X-Token`. */
const applications = {
  async Express(t, auth) {
    const app = Express();
    app.use((req, _, next) => {
      if (req.headers["x-token"]) req.headers.authorization = `Bearer ${req.headers["x-token"]}`;
      next();
    });
    app
      .use("/auth", auth.router())
      .get("/own", auth.protect(), (req, res) => res.json(req.user))
      .use(auth.errorHandler());
    return listening(t, app.listen(0, "127.0.0.1"));
  },
  async Fastify(t, auth) {
    const app = Fastify();
    app.addHook("onRequest", async (request) => {
      if (request.headers["x-token"]) request.headers.authorization = `Bearer ${request.headers["x-token"]}`;
    });
    await app.register(auth.plugin(), { prefix: "/auth" });
    app.setErrorHandler(auth.errorHandler());
    app.get("/own", { preHandler: auth.protect() }, async (request) => request.user);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return listening(t, app.server);
  },
  async Koa(t, auth) {
    const app = new Koa();
    const router = new Router()
      .use("/auth", auth.router().routes())
      .get("/own", auth.protect(), (ctx) => void (ctx.body = ctx.state.user));
    app.use(auth.errorHandler()).use((ctx, next) => {
      if (ctx.headers["x-token"]) ctx.headers.authorization = `Bearer ${ctx.headers["x-token"]}`;
      return next();
    });
    return listening(t, app.use(router.routes()).listen(0, "127.0.0.1"));
  },
  async Hono(_, auth) {
    const app = new Hono();
    app.use((c, next) => {
      const token = c.req.header("x-token");
      if (token) c.req.raw.headers.set("authorization", `Bearer ${token}`);
      return next();
    });
    app.route("/auth", auth.router()).get("/own", auth.protect(), (c) => c.json(c.get("user")));
    app.onError(auth.errorHandler());
    return (path, headers) => app.request(path, { headers });
  },
  async Elysia(_, auth) {
    const app = new Elysia().onError(auth.errorHandler()).onRequest(({ request }) => {
      const token = request.headers.get("x-token");
      if (token) request.headers.set("authorization", `Bearer ${token}`);
    });
    app
      .group("/auth", (group) => group.use(auth.router()))
      .use(auth.protect())
      .get("/own", ({ user }) => user);
    return (path, headers) => app.handle(new Request(`http://localhost${path}`, { headers }));
  },
};

const create = {
  Express: createAuthExpress,
  Fastify: createAuthFastify,
  Koa: createAuthKoa,
  Hono: createAuthHono,
  Elysia: createAuthElysia,
};

for (const [name, start] of Object.entries(applications)) {
  test(`F6: ${name}: protect() and the endpoints see the Authorization header that middleware has set`, async (t) => {
    const auth = create[name](options());
    await auth.migrate();
    t.after(() => auth.close());
    const [rizz, other] = await Promise.all(
      ["rizz", "other"].map(async (who) => {
        const made = await auth.register(user(who));
        return { id: made.user.id, token: (await auth.createSession(made.user.id)).accessToken };
      }),
    );
    const ask = await start(t, auth);
    const seen = async (headers) => {
      const [own, me] = await Promise.all([ask("/own", headers), ask("/auth/me", headers)]);
      return [own.status, (await own.json()).id, me.status, (await me.json()).data?.id];
    };
    assert.deepEqual(await seen({}), [401, undefined, 401, undefined]);
    assert.deepEqual(await seen({ "x-token": rizz.token }), [200, rizz.id, 200, rizz.id]);
    // In the place of the one that the client has sent, good or bad.
    assert.deepEqual(await seen({ "x-token": rizz.token, authorization: `Bearer ${other.token}` }), [
      200,
      rizz.id,
      200,
      rizz.id,
    ]);
    assert.deepEqual(await seen({ "x-token": rizz.token, authorization: "Basic YTpi" }), [200, rizz.id, 200, rizz.id]);
    assert.deepEqual(await seen({ "x-token": "bad", authorization: `Bearer ${other.token}` }), [
      401,
      undefined,
      401,
      undefined,
    ]);
  });
}
