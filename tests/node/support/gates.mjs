// An application of every framework behind its idempotency middleware. Routes are functions from a parsed body to
// `{status, headers, json | text | stream}`, a stream being an iterable of texts; a framework answers with its own means.
// Bodies of the types in `RAW` are read as bytes, but for the first of them in Elysia, which parses it as a form.
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { serve as listenHono } from "@hono/node-server";
import { node } from "@elysiajs/node";
import Router from "@koa/router";
import { Elysia } from "elysia";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import * as forElysia from "../../../npm/dist/esm/elysia.mjs";
import * as forExpress from "../../../npm/dist/esm/express.mjs";
import * as forFastify from "../../../npm/dist/esm/fastify.mjs";
import * as forHono from "../../../npm/dist/esm/hono.mjs";
import * as forKoa from "../../../npm/dist/esm/koa.mjs";
import { expresses } from "./server.mjs";

process.setMaxListeners(0);

const HOST = "127.0.0.1";
const METHODS = ["post", "put", "patch", "delete"];
const RAW = ["multipart/mixed", "image/png"];

const express = (framework) => ({
  create: forExpress.createAuthExpress,
  standalone: forExpress.createIdempotencyMiddleware,
  header: (req, name) => req.headers[name],
  start(gate, routes, auth) {
    const app = framework();
    app.use(framework.json(), framework.text(), framework.raw({ type: RAW }), ...[gate].flat());
    if (auth) app.use("/auth", auth.router());
    const guard = auth ? [auth.protect()] : [];
    for (const [path, answer] of Object.entries(routes)) {
      for (const method of METHODS) {
        app[method](path, ...guard, (req, res, next) => {
          Promise.resolve(req.body)
            .then(answer)
            .then(({ status = 200, headers = {}, json, text, stream }) => {
              res.status(status).set(headers);
              if (stream) Readable.from(stream).pipe(res);
              else if (json !== undefined) res.json(json);
              else res.type("text").send(text);
            })
            .catch(next);
        });
      }
    }
    app.use(auth ? auth.errorHandler() : (_error, _req, res, _next) => res.status(500).end());
    return app.listen(0, HOST);
  },
});

const fastify = {
  create: forFastify.createAuthFastify,
  standalone: forFastify.createIdempotencyMiddleware,
  header: (request, name) => request.headers[name],
  async start(gate, routes, auth) {
    const app = Fastify();
    app.addContentTypeParser(RAW, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    for (const one of [gate].flat()) await app.register(one);
    if (auth) {
      await app.register(auth.plugin(), { prefix: "/auth" });
      app.setErrorHandler(auth.errorHandler());
    }
    for (const [path, answer] of Object.entries(routes)) {
      app.route({
        method: METHODS.map((name) => name.toUpperCase()),
        url: path,
        preHandler: auth ? [auth.protect()] : [],
        async handler(request, reply) {
          const { status = 200, headers = {}, json, text, stream } = await answer(request.body);
          return reply
            .status(status)
            .headers(headers)
            .send(stream ? Readable.from(stream) : (json ?? text));
        },
      });
    }
    await app.listen({ port: 0, host: HOST });
    return app.server;
  },
};

const web = ({ status = 200, headers = {}, json, text, stream }) => {
  if (json !== undefined) return Response.json(json, { status, headers });
  return new Response(stream ? ReadableStream.from(stream).pipeThrough(new TextEncoderStream()) : text, {
    status,
    headers,
  });
};

const hono = {
  create: forHono.createAuthHono,
  standalone: forHono.createIdempotencyMiddleware,
  header: (c, name) => c.req.header(name),
  start(gate, routes, auth) {
    const app = new Hono();
    for (const one of [gate].flat()) app.use(one);
    if (auth) {
      app.route("/auth", auth.router());
      app.onError(auth.errorHandler());
    }
    for (const [path, answer] of Object.entries(routes)) {
      app.on(METHODS, path, ...(auth ? [auth.protect()] : []), async (c) => {
        const isJson = c.req.header("content-type")?.startsWith("application/json");
        return web(await answer(isJson ? await c.req.json() : await c.req.text()));
      });
    }
    return listenHono({ fetch: app.fetch, port: 0, hostname: HOST });
  },
};

const koa = {
  create: forKoa.createAuthKoa,
  standalone: forKoa.createIdempotencyMiddleware,
  header: (ctx, name) => ctx.get(name) || undefined,
  start(gate, routes, auth) {
    const app = new Koa();
    app.silent = true;
    if (auth) app.use(auth.errorHandler());
    app.use(async (ctx, next) => {
      if (ctx.is(RAW)) ctx.request.body = await buffer(ctx.req);
      return next();
    });
    app.use(bodyParser({ enableTypes: ["json", "text"] }));
    for (const one of [gate].flat()) app.use(one);
    const router = new Router();
    if (auth) router.use("/auth", auth.router().routes());
    for (const [path, answer] of Object.entries(routes)) {
      router.register(path, METHODS, [
        ...(auth ? [auth.protect()] : []),
        async (ctx) => {
          const { status = 200, headers = {}, json, text, stream } = await answer(ctx.request.body);
          ctx.status = status;
          ctx.set(headers);
          ctx.body = stream ? Readable.from(stream) : (json ?? text);
        },
      ]);
    }
    app.use(router.routes());
    return app.listen(0, HOST);
  },
};

/** Elysia; `plain`: handlers return values and not a `Response`. */
const elysia = (plain) => ({
  create: forElysia.createAuthElysia,
  standalone: forElysia.createIdempotencyMiddleware,
  header: ({ request }, name) => request.headers.get(name) ?? undefined,
  async start(gate, routes, auth) {
    const app = new Elysia({ adapter: node() });
    if (auth) app.onError(auth.errorHandler());
    for (const one of [gate].flat()) app.use(one);
    if (auth) app.group("/auth", (group) => group.use(auth.router())).use(auth.protect());
    for (const [path, answer] of Object.entries(routes)) {
      for (const method of METHODS) {
        app.route(method.toUpperCase(), path, async ({ body, set }) => {
          const told = await answer(body);
          if (!plain) return web(told);
          set.status = told.status ?? 200;
          Object.assign(set.headers, told.headers);
          return told.stream
            ? ReadableStream.from(told.stream).pipeThrough(new TextEncoderStream())
            : (told.json ?? told.text);
        });
      }
    }
    const { raw } = await new Promise((resolve) => app.listen({ port: 0, hostname: HOST }, resolve));
    return raw.node.server;
  },
});

/** How each framework makes an auth server and the standalone middleware, and serves routes behind it. */
export const gates = {
  "Express 4": express(expresses["Express 4"]),
  "Express 5": express(expresses["Express 5"]),
  "Fastify 5": fastify,
  "Hono 4": hono,
  "Koa 3": koa,
  "Elysia 1.4": elysia(false),
  "Elysia 1.4, values": elysia(true),
};

/** The application on a port of its own, for as long as the test runs. */
export async function serveGate(t, { start }, gate, routes, auth) {
  const server = await start(gate, routes, auth);
  if (!server.listening)
    await new Promise((resolve, reject) => server.once("listening", resolve).once("error", reject));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await auth?.close();
  });
  return `http://${HOST}:${server.address().port}`;
}
