// C3: an answer with a token that protect() minted is kept by no cache, whatever the handler says of it, and however it says it.
import assert from "node:assert/strict";
import { createServer } from "node:http";
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

const PUBLIC = "public, max-age=3600";
const own = () => new Response("1", { headers: { "Cache-Control": PUBLIC, "X-Own": "1" } });

async function listening(t, handler) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return (path, headers) =>
    fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers: { ...headers, connection: "close" } });
}

/** Each framework with guarded routes that ask to be cached in several ways, and the paths of those. */
const applications = {
  async Express(t, auth) {
    const app = Express().use(auth.protect());
    app.get("/set", (_, res) => res.set("Cache-Control", PUBLIC).set("X-Own", "1").json(1));
    app.get("/write", (_, res) => res.writeHead(200, { "cache-control": PUBLIC, "x-own": "1" }).end("1"));
    app.get("/flat", (_, res) => res.writeHead(200, "OK", ["cache-control", PUBLIC, "x-own", "1"]).end("1"));
    return [await listening(t, app), ["/set", "/write", "/flat"]];
  },
  async Fastify(t, auth) {
    const app = Fastify();
    const route = { preHandler: auth.protect() };
    app.get("/set", route, async (_, reply) => reply.header("cache-control", PUBLIC).header("x-own", "1").send("1"));
    app.get("/write", route, (_, reply) =>
      reply.hijack().raw.writeHead(200, { "Cache-Control": PUBLIC, "X-Own": "1" }).end("1"),
    );
    await app.ready();
    return [await listening(t, app.routing), ["/set", "/write"]];
  },
  async Koa(t, auth) {
    const router = new Router();
    router.get("/set", auth.protect(), (ctx) => {
      ctx.set({ "Cache-Control": PUBLIC, "X-Own": "1" });
      ctx.body = "1";
    });
    return [await listening(t, new Koa().use(router.routes()).callback()), ["/set"]];
  },
  async Hono(_, auth) {
    const app = new Hono().use(auth.protect());
    app.get("/set", (c) => c.text("1", 200, { "Cache-Control": PUBLIC, "X-Own": "1" })).get("/own", own);
    return [(path, headers) => app.request(path, { headers }), ["/set", "/own"]];
  },
  async Elysia(_, auth) {
    const set = ({ set }) => {
      set.headers["Cache-Control"] = PUBLIC;
      set.headers["x-own"] = "1";
      return "1";
    };
    const guarded = new Elysia().use(auth.protect()).get("/set", set).get("/own", own);
    const single = new Elysia()
      .use(auth.macro())
      .get("/macro", set, { protect: true })
      .get("/roles", own, { authorize: "user" });
    const app = new Elysia().use(guarded).use(single);
    return [
      (path, headers) => app.handle(new Request(`http://localhost${path}`, { headers })),
      ["/set", "/own", "/macro", "/roles"],
    ];
  },
};

const factories = {
  Express: createAuthExpress,
  Fastify: createAuthFastify,
  Koa: createAuthKoa,
  Hono: createAuthHono,
  Elysia: createAuthElysia,
};

for (const [name, make] of Object.entries(factories)) {
  test(`an answer with a minted token is for no cache: ${name}`, async (t) => {
    const auth = make(options());
    t.after(() => auth.close());
    await auth.migrate();
    const {
      user: { id },
    } = await auth.register(user("rizz", { roles: ["user"] }));
    const { accessToken, refreshToken } = await auth.createSession(id);
    const [ask, paths] = await applications[name](t, auth);
    for (const path of paths) {
      const silent = await ask(path, { cookie: `refresh_token=${refreshToken}` });
      assert.equal(silent.status, 200, path);
      assert.ok(silent.headers.get("x-access-token"), path);
      assert.equal(silent.headers.get("cache-control"), "no-store", path);
      assert.equal(silent.headers.get("x-own"), "1", "other headers of the handler stay");
      const plain = await ask(path, { authorization: `Bearer ${accessToken}` });
      assert.equal(plain.headers.get("cache-control"), PUBLIC, "without a minted token it is the handler's to say");
      assert.equal(plain.headers.get("x-access-token"), null);
    }
  });
}
