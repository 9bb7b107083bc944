// An application that trusts an auth server elsewhere, a process of its own: node app.mjs <framework> <keyUri>.
import { serve } from "@hono/node-server";
import { node } from "@elysiajs/node";
import Router from "@koa/router";
import { Elysia } from "elysia";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { createAuthElysia } from "../../../npm/dist/esm/elysia.mjs";
import { createAuthExpress } from "../../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../../npm/dist/esm/fastify.mjs";
import { createAuthHono } from "../../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../../npm/dist/esm/koa.mjs";

const [framework, keyUri] = process.argv.slice(2);
const options = { mode: "client", keyUri, validRoles: ["user", "admin"], issuer: "https://auth.example" };
const ready = (port) => console.log(`listening ${port}`);

const start = {
  express() {
    const auth = createAuthExpress(options);
    const app = express();
    app.get("/protected", auth.protect(), (req, res) => res.json(req.user));
    app.get("/admin", auth.protect(), auth.authorize("admin"), (req, res) => res.json(req.user));
    app.use(auth.errorHandler());
    const server = app.listen(0, "127.0.0.1", () => ready(server.address().port));
  },
  async fastify() {
    const auth = createAuthFastify(options);
    const app = Fastify();
    app.setErrorHandler(auth.errorHandler());
    app.get("/protected", { preHandler: auth.protect() }, async (request) => request.user);
    app.get("/admin", { preHandler: [auth.protect(), auth.authorize("admin")] }, async (request) => request.user);
    await app.listen({ port: 0, host: "127.0.0.1" });
    ready(app.server.address().port);
  },
  hono() {
    const auth = createAuthHono(options);
    const app = new Hono();
    app.get("/protected", auth.protect(), (c) => c.json(c.get("user")));
    app.get("/admin", auth.protect(), auth.authorize("admin"), (c) => c.json(c.get("user")));
    app.onError(auth.errorHandler());
    serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => ready(port));
  },
  koa() {
    const auth = createAuthKoa(options);
    const app = new Koa();
    const router = new Router();
    router.get("/protected", auth.protect(), (ctx) => void (ctx.body = ctx.state.user));
    router.get("/admin", auth.protect(), auth.authorize("admin"), (ctx) => void (ctx.body = ctx.state.user));
    app.use(auth.errorHandler()).use(router.routes());
    const server = app.listen(0, "127.0.0.1", () => ready(server.address().port));
  },
  elysia() {
    const auth = createAuthElysia(options);
    new Elysia({ adapter: node() })
      .onError(auth.errorHandler())
      .use(auth.protect())
      .get("/protected", ({ user }) => user)
      .use(auth.authorize("admin"))
      .get("/admin", ({ user }) => user)
      .listen(
        { port: 0, hostname: "127.0.0.1" },
        ({
          raw: {
            node: { server },
          },
        }) => {
          if (server.listening) ready(server.address().port);
          else server.once("listening", () => ready(server.address().port));
        },
      );
  },
};

await start[framework]();
