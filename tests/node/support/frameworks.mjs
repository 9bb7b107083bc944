// One application for every framework, as a user would write it: the endpoints under /auth, the routes of
// tests/README.md, one trusted proxy. A new framework is one entry here.
import codegenie from "@codegenie/serverless-express";
import Router from "@koa/router";
import { serve as listenHono } from "@hono/node-server";
import { node } from "@elysiajs/node";
import { Elysia } from "elysia";
import Fastify from "fastify";
import { Hono } from "hono";
import { handle as honoLambda } from "hono/aws-lambda";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import serverlessHttp from "serverless-http";
import vendia from "@vendia/serverless-express";
import { createAuthElysia } from "../../../npm/dist/esm/elysia.mjs";
import { createAuthExpress } from "../../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../../npm/dist/esm/fastify.mjs";
import { createAuthHono } from "../../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../../npm/dist/esm/koa.mjs";
import { createAuthWeb } from "../../../npm/dist/esm/web.mjs";
import { listen as lambda } from "./lambda.mjs";
import { expresses } from "./server.mjs";

// @elysiajs/node listens for the end of the process once an application.
process.setMaxListeners(0);

const LOCAL = { port: 0, hostname: "127.0.0.1" };

/** Where the endpoints are, and whether the peer is believed about the client's address. */
const USUAL = { mount: "/auth", trust: true };

/** Express; `parsed`: behind express.json(). */
const express = (framework, parsed, listen = (app) => app.listen(0, LOCAL.hostname)) => ({
  create: createAuthExpress,
  user: (req) => req.user,
  param: (req, name) => req.params[name],
  start(auth, routes, { mount, trust }) {
    const app = framework();
    if (trust) app.set("trust proxy", 1);
    if (parsed) app.use(framework.json());
    if (auth.router) app.use(mount, auth.router());
    for (const { path, guards, answer } of routes) {
      app.all(path, ...guards, (req, res, next) =>
        Promise.resolve(req)
          .then(answer)
          .then((value) => res.json(value), next),
      );
    }
    app.use(auth.errorHandler());
    return listen(app);
  },
});

const fastify = {
  create: createAuthFastify,
  user: (request) => request.user,
  param: (request, name) => request.params[name],
  async start(auth, routes, { mount, trust }) {
    const app = Fastify({ trustProxy: trust && "loopback", genReqId: () => "", frameworkErrors: auth.errorHandler() });
    if (auth.plugin) await app.register(auth.plugin(), { prefix: mount });
    app.setErrorHandler(auth.errorHandler());
    for (const { path, guards, answer } of routes)
      app.all(path, { preHandler: guards }, async (request) => answer(request));
    await app.listen({ port: 0, host: LOCAL.hostname });
    return app.server;
  },
};

const hono = (listen = (app) => listenHono({ fetch: app.fetch, ...LOCAL })) => ({
  create: (options, { trust }) =>
    createAuthHono(trust && options?.mode === "server" ? { trustProxy: 1, ...options } : options),
  user: (c) => c.get("user"),
  param: (c, name) => c.req.param(name),
  start(auth, routes, { mount, trust }) {
    const app = new Hono();
    if (auth.router) app.route(mount, auth.router());
    for (const { path, guards, answer } of routes) app.all(path, ...guards, async (c) => c.json(await answer(c)));
    app.onError(auth.errorHandler());
    return listen(app);
  },
});

/** Koa; `parsed`: behind koa-bodyparser. */
const koa = (parsed, listen = (app) => app.listen(0, LOCAL.hostname)) => ({
  create: createAuthKoa,
  user: (ctx) => ctx.state.user,
  param: (ctx, name) => ctx.params[name],
  start(auth, routes, { mount, trust }) {
    const app = new Koa({ proxy: trust, maxIpsCount: 1 });
    app.use(auth.errorHandler());
    if (parsed) app.use(bodyParser());
    const router = new Router();
    if (auth.router) router.use(mount, auth.router().routes(), auth.router().allowedMethods());
    for (const { path, guards, answer } of routes) {
      router.all(path, ...guards, async (ctx) => {
        ctx.body = await answer(ctx);
      });
    }
    app.use(router.routes());
    app.use(router.allowedMethods());
    return listen(app);
  },
});

const elysia = {
  create: (options, { trust }) =>
    createAuthElysia(trust && options?.mode === "server" ? { trustProxy: 1, ...options } : options),
  user: ({ user }) => user,
  param: ({ params }, name) => params[name],
  async start(auth, routes, { mount, trust }) {
    const app = new Elysia({ adapter: node() }).onError(auth.errorHandler());
    if (auth.router) app.group(mount, (group) => group.use(auth.router()));
    for (const { path, guards, answer } of routes) {
      // Guards hold for all later routes of their instance, so each route has one of its own.
      app.use(
        guards.reduce((own, guard) => own.use(guard), new Elysia()).all(path, async (context) => answer(context)),
      );
    }
    const { raw } = await new Promise((resolve) => app.listen(LOCAL, resolve));
    return raw.node.server;
  },
};

/** Handlers of `Request` and `Response` without a framework: `fetch()` for the endpoints, `checkRequest()` for routes. */
const web = {
  create: (options, { mount, trust }) =>
    createAuthWeb(
      options?.mode === "server" ? { ...(trust && { trustProxy: 1 }), ...options, basePath: mount } : options,
    ),
  user: ({ user }) => user,
  param: ({ params }, name) => params[name],
  start(auth, routes) {
    const matchers = routes.map((route) => ({
      ...route,
      pattern: new RegExp(`^${route.path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}/?$`),
    }));
    const fetch = async (request, host) => {
      const { pathname } = new URL(request.url);
      const route = matchers.find(({ pattern }) => pattern.test(pathname));
      if (route === undefined) return auth.fetch?.(request, host) ?? new Response("Not Found", { status: 404 });
      let context;
      const keep = (own) => void (context = own);
      const params = { ...route.pattern.exec(pathname).groups };
      const named = (own) => void (own.params = params);
      const checked = await auth.checkRequest(request, [named, ...route.guards, keep], { host });
      if (checked.response) return checked.response;
      try {
        return checked.respond(Response.json(await route.answer(context)));
      } catch (error) {
        return checked.respond(auth.errorHandler()(error, request, host));
      }
    };
    return listenHono({ fetch, ...LOCAL });
  },
};

/** The frameworks: how each makes an auth server, where it keeps things, and how it serves `{path, guards, answer}` for any method. */
export const frameworks = {
  "Express 5": express(expresses["Express 5"], false),
  "Fastify 5": fastify,
  "Hono 4": hono(),
  "Koa 3": koa(false),
  "Elysia 1.4": elysia,
  Web: web,
};

/** The same behind the framework's own body parser, where it has one that runs first. */
export const parsing = {
  "Express 4, parsed": express(expresses["Express 4"], true),
  "Express 5, parsed": express(expresses["Express 5"], true),
  "Koa 3, parsed": koa(true),
};

// Those packages set `req.ip` themselves, so Express's and Koa's own settings of a trusted proxy do nothing there.
const behindGateway = (framework) => ({
  ...framework,
  create: (options, { trust }) =>
    framework.create(trust && options?.mode === "server" ? { trustProxy: 1, ...options } : options, { trust }),
});
const onServerlessHttp = (gateway) => (app) => lambda(gateway, serverlessHttp(app, { requestId: false }));
const express5 = expresses["Express 5"];

/** The functions of AWS Lambda behind a gateway, by the packages that people put in front of a framework. */
export const functions = {
  "Express 5, serverless-http, REST API": behindGateway(express(express5, false, onServerlessHttp("REST API"))),
  "Express 5, serverless-http, HTTP API, parsed": behindGateway(express(express5, true, onServerlessHttp("HTTP API"))),
  "Koa 3, serverless-http, HTTP API": behindGateway(koa(false, onServerlessHttp("HTTP API"))),
  "Koa 3, serverless-http, REST API, parsed": behindGateway(koa(true, onServerlessHttp("REST API"))),
  "Express 5, @vendia/serverless-express, REST API": behindGateway(
    express(express5, false, (app) => lambda("REST API", vendia({ app }))),
  ),
  "Express 5, @vendia/serverless-express, ALB, lists, parsed": behindGateway(
    express(express5, true, (app) => lambda("ALB, lists", vendia({ app }))),
  ),
  "Express 5, @codegenie/serverless-express, HTTP API": behindGateway(
    express(express5, false, (app) => lambda("HTTP API", codegenie({ app }))),
  ),
  "Hono 4, hono/aws-lambda, REST API": hono((app) => lambda("REST API", honoLambda(app))),
  "Hono 4, hono/aws-lambda, HTTP API": hono((app) => lambda("HTTP API", honoLambda(app))),
  "Hono 4, hono/aws-lambda, ALB, lists": hono((app) => lambda("ALB, lists", honoLambda(app))),
};

/** The routes that ask for an authentication which only a server with `mfa` can tell of. */
export const STEP_UPS = {
  "/fresh": { maxAge: "10m" },
  "/strong": { acr: "aal2" },
  "/strong-and-fresh": { acr: "aal2", maxAge: 60 },
};

/**
 * A server of a framework over a real socket: `{auth, base, close}`. It has the routes of tests/README.md, and those that
 * `more(auth)` gives. `setting`: `{mount, trust}`, if not as usual.
 */
export async function serve({ create, user, start }, options, more = () => [], setting = {}) {
  const auth = create(options, { ...USUAL, ...setting });
  const editors = auth.permit({ roles: ["admin"], check: async (ctx) => user(ctx).roles.includes("editor") });
  const routes = [
    { path: "/protected", guards: [auth.protect()] },
    { path: "/admin-only", guards: [auth.protect(), auth.authorize("admin")] },
    { path: "/editors", guards: [auth.protect(), editors] },
    { path: "/unguarded-admin", guards: [auth.authorize("admin")] },
    { path: "/unguarded-editors", guards: [editors] },
    ...(options.mfa || options.mode === "client" ? Object.entries(STEP_UPS) : []).map(([path, asked]) => ({
      path,
      guards: [auth.protect(asked)],
    })),
  ];
  const server = await start(
    auth,
    [...routes, ...more(auth)].map((route) => ({ guards: [], answer: user, ...route })),
    { ...USUAL, ...setting },
  );
  if (!server.listening)
    await new Promise((resolve, reject) => server.once("listening", resolve).once("error", reject));
  return {
    auth,
    base: `http://127.0.0.1:${server.address().port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await auth.close?.();
    },
  };
}
