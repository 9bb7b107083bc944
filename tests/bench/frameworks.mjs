// A route that answers with the user, of every framework: unprotected, behind a middleware that does nothing, behind protect(),
// and behind what people use otherwise. All on one port each, in one process; the load comes from another thread.
import Router from "@koa/router";
import elysiaJwt from "@elysiajs/jwt";
import { node } from "@elysiajs/node";
import fastifyJwt from "@fastify/jwt";
import { serve } from "@hono/node-server";
import { Elysia } from "elysia";
import express from "express";
import { expressjwt } from "express-jwt";
import Fastify from "fastify";
import { Hono } from "hono";
import { jwt as honoJwt } from "hono/jwt";
import Koa from "koa";
import koaJwt from "koa-jwt";
import { createAuthElysia } from "../../npm/dist/esm/elysia.mjs";
import { createAuthExpress } from "../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../npm/dist/esm/fastify.mjs";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../npm/dist/esm/koa.mjs";
import { median, serveLoad, times } from "./measure.mjs";

/** What the unprotected route answers: as long a body as the others, so that only the way to it differs. */
const USER = { id: "0197a0e0-0000-7000-8000-000000000000", roles: ["user"] };
const LOCAL = { port: 0, hostname: "127.0.0.1" };

/** By framework: the factory, the name of the peer, and an application with `/open`, `/idle`, `/ours` and `/peer`. */
const frameworks = {
  Express: {
    create: createAuthExpress,
    peer: "express-jwt",
    start(auth, secret) {
      const app = express();
      app.get("/open", (_req, res) => res.json(USER));
      app.get(
        "/idle",
        (_req, _res, next) => next(),
        (_req, res) => res.json(USER),
      );
      app.get("/ours", auth.protect(), (req, res) => res.json(req.user));
      app.get("/peer", expressjwt({ secret, algorithms: ["HS256"] }), (req, res) =>
        res.json({ id: req.auth.id, roles: req.auth.roles }),
      );
      return app.listen(0, LOCAL.hostname);
    },
  },
  Fastify: {
    create: createAuthFastify,
    peer: "@fastify/jwt",
    async start(auth, secret) {
      const app = Fastify();
      // A scope each: both would own request.user.
      await app.register(async (scope) => {
        await scope.register(fastifyJwt, { secret });
        scope.get("/peer", { preHandler: (request) => request.jwtVerify() }, async (request) => ({
          id: request.user.id,
          roles: request.user.roles,
        }));
      });
      app.get("/open", async () => USER);
      app.get("/idle", { preHandler: (_request, _reply, done) => done() }, async () => USER);
      app.get("/ours", { preHandler: auth.protect() }, async (request) => request.user);
      await app.listen({ port: 0, host: LOCAL.hostname });
      return app.server;
    },
  },
  Hono: {
    create: createAuthHono,
    peer: "hono/jwt",
    start(auth, secret) {
      const app = new Hono();
      app.get("/open", (c) => c.json(USER));
      app.get(
        "/idle",
        (_c, next) => next(),
        (c) => c.json(USER),
      );
      app.get("/ours", auth.protect(), (c) => c.json(c.get("user")));
      app.get("/peer", honoJwt({ secret, alg: "HS256" }), (c) =>
        c.json({ id: c.get("jwtPayload").id, roles: c.get("jwtPayload").roles }),
      );
      return serve({ fetch: app.fetch, ...LOCAL });
    },
  },
  Koa: {
    create: createAuthKoa,
    peer: "koa-jwt",
    start(auth, secret) {
      const answer = (user) => (ctx) => {
        ctx.body = user(ctx);
      };
      const router = new Router();
      router.get(
        "/open",
        answer(() => USER),
      );
      router.get(
        "/idle",
        (_ctx, next) => next(),
        answer(() => USER),
      );
      router.get(
        "/ours",
        auth.protect(),
        answer((ctx) => ctx.state.user),
      );
      router.get(
        "/peer",
        koaJwt({ secret }),
        answer((ctx) => ({ id: ctx.state.user.id, roles: ctx.state.user.roles })),
      );
      return new Koa().use(router.routes()).listen(0, LOCAL.hostname);
    },
  },
  Elysia: {
    create: createAuthElysia,
    peer: "@elysiajs/jwt",
    async start(auth, secret) {
      const app = new Elysia({ adapter: node() })
        .get("/open", () => USER)
        .use(new Elysia().resolve({ as: "scoped" }, async () => ({})).get("/idle", () => USER))
        .use(new Elysia().use(auth.protect()).get("/ours", ({ user }) => user))
        .use(
          new Elysia().use(elysiaJwt({ name: "jwt", secret })).get("/peer", async ({ jwt, headers, status }) => {
            const user = await jwt.verify(headers.authorization?.slice(7));
            return user ? { id: user.id, roles: user.roles } : status(401);
          }),
        );
      const { raw } = await new Promise((resolve) => app.listen(LOCAL, resolve));
      return raw.node.server;
    },
  },
};

/** Requests a second of the routes, and the processor's time for one, interleaved, as medians. */
export async function measureFrameworks({ options, secret, row, rounds = 7, seconds = 1 }) {
  for (const [name, { create, peer, start }] of Object.entries(frameworks)) {
    const auth = create({ ...options, secret, saltRounds: 10 });
    await auth.migrate();
    const { user } = await auth.register({
      identifiers: [{ type: "username", value: "bench" }],
      password: "correct horse",
      roles: USER.roles,
    });
    const { accessToken } = await auth.createSession(user.id);
    const server = await start(auth, secret);
    if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
    const headers = { authorization: `Bearer ${accessToken}` };
    const load = (path, seconds) =>
      serveLoad({ url: `http://127.0.0.1:${server.address().port}${path}`, headers, seconds });
    const paths = ["/open", "/idle", "/ours", "/peer"];
    const results = paths.map(() => []);
    for (const path of paths) await load(path, 2);
    for (let round = 0; round < rounds; round++) {
      for (const [i, path] of paths.entries()) results[i].push(await load(path, seconds));
    }
    const [open, idle, ours, theirs] = results.map((list) => ({
      rate: median(list.map(({ rate }) => rate)),
      cpu: median(list.map(({ cpu }) => cpu)),
    }));
    const micros = (cpu) => `${(cpu / 1000).toFixed(1)} us`;
    row(
      `${name}: GET behind protect()`,
      `${Math.round(ours.rate)} req/s`,
      `unprotected ${Math.round(open.rate)} req/s`,
      `${((ours.rate / open.rate) * 100).toFixed(1)} %`,
    );
    row(
      `${name}: GET behind protect()`,
      `${Math.round(ours.rate)} req/s`,
      `idle middleware ${Math.round(idle.rate)} req/s`,
      `${((ours.rate / idle.rate) * 100).toFixed(1)} %`,
    );
    row(
      `${name}: GET behind protect()`,
      `${Math.round(ours.rate)} req/s`,
      `${peer} ${Math.round(theirs.rate)} req/s`,
      times(ours.rate / theirs.rate),
    );
    row(
      `${name}: processor for a request`,
      micros(ours.cpu),
      `unprotected ${micros(open.cpu)}, idle ${micros(idle.cpu)}, ${peer} ${micros(theirs.cpu)}`,
      `${((open.cpu / ours.cpu) * 100).toFixed(1)} %`,
    );
    server.closeAllConnections();
    server.close();
    await auth.close();
  }
}
