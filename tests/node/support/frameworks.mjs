// One application for every framework, as a user would write it: the endpoints under /auth, the routes of
// tests/README.md, one trusted proxy. A new framework is one function here.
import Router from "@koa/router";
import { serve as serveHono } from "@hono/node-server";
import { node } from "@elysiajs/node";
import { Elysia } from "elysia";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { createAuthElysia } from "../../../npm/dist/esm/elysia.mjs";
import { createAuthExpress } from "../../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../../npm/dist/esm/fastify.mjs";
import { createAuthHono } from "../../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../../npm/dist/esm/koa.mjs";
import { expresses } from "./server.mjs";

// @elysiajs/node listens for the end of the process once an application.
process.setMaxListeners(0);

const isEditor = (user) => user.roles.includes("editor");

const portOf = (server) => server.address().port;
const listening = (server) => new Promise((resolve, reject) => {
  if (server.listening) return resolve();
  server.once("listening", resolve).once("error", reject);
});
const ended = (server) => new Promise((resolve) => {
  server.closeAllConnections();
  server.close(resolve);
});

async function served(auth, server, close = () => ended(server)) {
  await listening(server);
  return {
    auth,
    base: `http://127.0.0.1:${portOf(server)}`,
    async close() {
      await close();
      await auth.close();
    },
  };
}

function express(framework, parsed) {
  return async (options, extend) => {
    const auth = createAuthExpress(options);
    const app = framework();
    app.set("trust proxy", 1);
    app.disable("x-powered-by");
    if (parsed) app.use(framework.json());
    app.use("/auth", auth.router());
    const answer = (req, res) => res.json(req.user);
    const editors = auth.permit({ roles: ["admin"], check: async (req) => isEditor(req.user) });
    app.all("/protected", auth.protect(), answer);
    app.all("/admin-only", auth.protect(), auth.authorize("admin"), answer);
    app.all("/editors", auth.protect(), editors, answer);
    app.all("/unguarded-admin", auth.authorize("admin"), answer);
    app.all("/unguarded-editors", editors, answer);
    extend?.(app, auth);
    app.use(auth.errorHandler());
    return served(auth, app.listen(0, "127.0.0.1"));
  };
}

async function fastify(options, extend) {
  const auth = createAuthFastify(options);
  const app = Fastify({ trustProxy: "loopback", requestIdHeader: "x-request-id", genReqId: () => "" });
  await app.register(auth.plugin(), { prefix: "/auth" });
  app.setErrorHandler(auth.errorHandler());
  const answer = async (request) => request.user;
  const editors = auth.permit({ roles: ["admin"], check: async (request) => isEditor(request.user) });
  app.all("/protected", { preHandler: auth.protect() }, answer);
  app.all("/admin-only", { preHandler: [auth.protect(), auth.authorize("admin")] }, answer);
  app.all("/editors", { preHandler: [auth.protect(), editors] }, answer);
  app.all("/unguarded-admin", { preHandler: auth.authorize("admin") }, answer);
  app.all("/unguarded-editors", { preHandler: editors }, answer);
  extend?.(app, auth);
  await app.listen({ port: 0, host: "127.0.0.1" });
  return served(auth, app.server, () => {
    app.server.closeAllConnections();
    return app.close();
  });
}

async function hono(options, extend) {
  const auth = createAuthHono({ trustProxy: 1, ...options });
  const app = new Hono();
  app.route("/auth", auth.router());
  const answer = (c) => c.json(c.get("user"));
  const editors = auth.permit({ roles: ["admin"], check: async (c) => isEditor(c.get("user")) });
  app.all("/protected", auth.protect(), answer);
  app.all("/admin-only", auth.protect(), auth.authorize("admin"), answer);
  app.all("/editors", auth.protect(), editors, answer);
  app.all("/unguarded-admin", auth.authorize("admin"), answer);
  app.all("/unguarded-editors", editors, answer);
  extend?.(app, auth);
  app.onError(auth.errorHandler());
  return served(auth, serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }));
}

function koa(parsed) {
  return async (options, extend) => {
    const auth = createAuthKoa(options);
    const app = new Koa({ proxy: true, maxIpsCount: 1 });
    app.silent = true;
    app.use(auth.errorHandler());
    if (parsed) app.use(bodyParser());
    const router = new Router();
    router.use("/auth", auth.router().routes(), auth.router().allowedMethods());
    const answer = (ctx) => {
      ctx.body = ctx.state.user;
    };
    const editors = auth.permit({ roles: ["admin"], check: async (ctx) => isEditor(ctx.state.user) });
    router.all("/protected", auth.protect(), answer);
    router.all("/admin-only", auth.protect(), auth.authorize("admin"), answer);
    router.all("/editors", auth.protect(), editors, answer);
    router.all("/unguarded-admin", auth.authorize("admin"), answer);
    router.all("/unguarded-editors", editors, answer);
    extend?.(router, auth);
    app.use(router.routes());
    app.use(router.allowedMethods());
    return served(auth, app.listen(0, "127.0.0.1"));
  };
}

async function elysia(options, extend) {
  const auth = createAuthElysia({ trustProxy: 1, ...options });
  const answer = ({ user }) => user;
  const editors = { roles: ["admin"], check: async ({ user }) => isEditor(user) };
  const app = new Elysia({ adapter: node() })
    .onError(auth.errorHandler())
    .group("/auth", (group) => group.use(auth.router()))
    .use(new Elysia().use(auth.authorize("admin")).all("/unguarded-admin", answer))
    .use(new Elysia().use(auth.permit(editors)).all("/unguarded-editors", answer))
    .use(new Elysia().use(auth.protect()).use(auth.authorize("admin")).all("/admin-only", answer))
    .use(new Elysia().use(auth.macro()).all("/editors", answer, { permit: editors }))
    .use(new Elysia().use(auth.protect()).all("/protected", answer));
  extend?.(app, auth);
  const { raw } = await new Promise((resolve) => app.listen({ port: 0, hostname: "127.0.0.1" }, resolve));
  return served(auth, raw.node.server);
}

/** By name: `(options, extend) => Promise<{auth, base, close}>`; `extend(app, auth)` may add routes. */
export const frameworks = {
  "Express 5": express(expresses["Express 5"], false),
  "Fastify 5": fastify,
  "Hono 4": hono,
  "Koa 3": koa(false),
  "Elysia 1.4": elysia,
};

/** The same behind the framework's own body parser, where it has one that runs first. */
export const parsing = {
  "Express 4, parsed": express(expresses["Express 4"], true),
  "Express 5, parsed": express(expresses["Express 5"], true),
  "Koa 3, parsed": koa(true),
};

