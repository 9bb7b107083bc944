// A WebSocket begins with a GET that any page may send with its visitor's cookies, so `protect()` asks the handshake for
// proof of its origin (P40, G15): where a framework serves it as a request, and where a library hands it on from `upgrade`.
import assert from "node:assert/strict";
import { ServerResponse, createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import Router from "@koa/router";
import { Elysia } from "elysia";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { createAuthElysia } from "../../npm/dist/esm/elysia.mjs";
import { createAuthExpress } from "../../npm/dist/esm/express.mjs";
import { createAuthFastify } from "../../npm/dist/esm/fastify.mjs";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { createAuthKoa } from "../../npm/dist/esm/koa.mjs";
import { createAuthWeb } from "../../npm/dist/esm/web.mjs";
import { exchange } from "./support/exchange.mjs";
import { frameworks, serve } from "./support/frameworks.mjs";
import { expresses } from "./support/server.mjs";

const { createTokenFactory, startKeyServer } = createRequire(import.meta.url)("../../npm/dist/testing.js");

/** Options of client mode, and a token that it accepts. */
async function issue(t) {
  const tokens = createTokenFactory();
  const keys = await startKeyServer(tokens);
  t.after(() => keys.close());
  const trustedOrigins = ["https://app.example.com"];
  const options = { mode: "client", keyUri: keys.keyUri, validRoles: ["user", "admin", "editor"], trustedOrigins };
  return { options, token: tokens.sign({ id: "rizz" }) };
}

/** Asks for a socket as a browser does, from pages of anywhere; `more` are further headers. */
async function assertProofIsAsked(base, token, more = []) {
  const ask = async (headers) => {
    const { status, body } = await exchange(base, "GET", "/protected", [...more, ...Object.entries(headers)]);
    return body.code === undefined ? `${status}` : `${status} ${body.code}`;
  };
  const cookie = `access_token=${token}`;
  const authorization = `Bearer ${token}`;
  const evil = "https://evil.app.example.com";
  for (const [headers, expected] of [
    [{ cookie, origin: new URL(base).origin }, "200"],
    [{ cookie, origin: evil, "sec-fetch-site": "same-site" }, "403 FORBIDDEN"],
    [{ cookie, origin: evil }, "403 FORBIDDEN"],
    [{ cookie, origin: "null" }, "403 FORBIDDEN"],
    [{ cookie, origin: evil, "sec-fetch-site": "same-origin" }, "200"],
    [{ cookie, origin: "https://app.example.com", "sec-fetch-site": "cross-site" }, "200"],
    [{ cookie }, "200"],
    [{ authorization, origin: evil }, "200"],
    // Remembered, too.
    [{ authorization, origin: evil }, "200"],
    [{ cookie, origin: evil }, "403 FORBIDDEN"],
    [{ origin: evil }, "401 UNAUTHORIZED"],
  ]) {
    assert.equal(await ask(headers), expected, JSON.stringify({ ...headers, cookie: undefined }));
  }
}

for (const [name, framework] of Object.entries(frameworks)) {
  test(`${name}: the request that begins a WebSocket proves its origin (P40)`, async (t) => {
    const { options, token } = await issue(t);
    const { base, close } = await serve(framework, options);
    t.after(close);
    for (const upgrade of ["websocket", "WebSocket", "h2c, websocket"])
      await assertProofIsAsked(base, token, [["upgrade", upgrade]]);
    const headers = [
      ["cookie", `access_token=${token}`],
      ["origin", "https://evil.example"],
    ];
    for (const more of [[], [["upgrade", "h2c"]]])
      assert.equal((await exchange(base, "GET", "/protected", [...headers, ...more])).status, 200, "a GET is safe");
  });
}

/** A handler of Node's in the place of a library that serves `upgrade`, as express-ws and @fastify/websocket do. */
const onNode = (handler) => (req, socket) => {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  res.on("finish", () => socket.end());
  handler(req, res);
};

/** A handler of `Request`, as @hono/node-ws makes one. */
const onRequest = (handler) => async (req, socket) => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) headers.append(name, value);
  const response = await handler(new Request(`http://${req.headers.host}${req.url}`, { headers }));
  socket.end(`HTTP/1.1 ${response.status} -\r\nConnection: close\r\n\r\n${await response.text()}`);
};

/** Each framework with one guarded route, as a listener of the event `upgrade`. */
const applications = {
  Express(options) {
    const auth = createAuthExpress(options);
    const app = expresses["Express 5"]().get("/protected", auth.protect(), (req, res) => res.json(req.user));
    return onNode(app.use(auth.errorHandler()));
  },
  async Fastify(options) {
    const auth = createAuthFastify(options);
    const app = Fastify();
    app.setErrorHandler(auth.errorHandler());
    app.get("/protected", { preHandler: auth.protect() }, async ({ user }) => user);
    await app.ready();
    return onNode(app.routing);
  },
  Koa(options) {
    const auth = createAuthKoa(options);
    const router = new Router().get("/protected", auth.protect(), (ctx) => void (ctx.body = ctx.state.user));
    return onNode(new Koa().use(auth.errorHandler()).use(router.routes()).callback());
  },
  Hono(options) {
    const auth = createAuthHono(options);
    const app = new Hono().get("/protected", auth.protect(), (c) => c.json(c.get("user")));
    app.onError(auth.errorHandler());
    return onRequest((request) => app.request(request));
  },
  Elysia(options) {
    const auth = createAuthElysia(options);
    const app = new Elysia().onError(auth.errorHandler()).use(auth.protect());
    app.get("/protected", ({ user }) => user);
    return onRequest((request) => app.handle(request));
  },
  "guardRequest()"(options) {
    const auth = createAuthWeb(options);
    return onRequest(async (request) => {
      const guarded = await auth.guardRequest(request);
      return guarded.response ?? guarded.respond(Response.json(guarded.user));
    });
  },
};

for (const [name, start] of Object.entries(applications)) {
  test(`G15: ${name}: a handshake that a library hands on proves its origin`, async (t) => {
    const { options, token } = await issue(t);
    const server = createServer().on("upgrade", await start(options));
    t.after(() => server.close());
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    await assertProofIsAsked(`http://127.0.0.1:${server.address().port}`, token, [
      ["connection", "Upgrade"],
      ["upgrade", "websocket"],
      ["sec-websocket-version", "13"],
      ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
    ]);
  });
}
