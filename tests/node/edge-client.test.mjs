// Client mode on WebCrypto against real key servers, honest and hostile (P8, P9, P40, P41, P42, P43).
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { HOSTILE, relayTo, serve } from "./support/hostile.mjs";

const require = createRequire(import.meta.url);
const { makeClient, makeServer } = require("../../npm/dist/edge/engine.js");
const { SentriError } = require("../../npm/dist/core.js");
const { createTokenFactory, startKeyServer, testClock } = require("../../npm/dist/testing.js");

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A client of a key server of its own, with a clock and the entries of its log. */
async function setUp(t, options = {}, factory = {}) {
  const clock = testClock(Date.parse("2026-01-01"));
  const tokens = createTokenFactory({ clock, ...factory });
  const keys = await startKeyServer(tokens);
  t.after(() => keys.close());
  const log = [];
  const logger = Object.fromEntries(
    ["info", "warn", "error"].map((level) => [level, (entry) => log.push([level, entry])]),
  );
  const client = makeClient({ mode: "client", keyUri: keys.keyUri, clock, logger, ...options });
  return { clock, tokens, keys, log, client };
}

const bearer = (token, more = {}) => ({ method: "GET", authorization: `Bearer ${token}`, ...more });

/** The id of the user, or the code of the refusal. */
async function ask(client, request, requestId) {
  const guarded = client.guardNow(request, requestId) ?? (await client.guard(request, requestId));
  return guarded.principal?.id ?? guarded.error.code;
}

/** Attempts in the background arrive when they arrive: waits for that many, and a little for one too many. */
async function assertRequests(keys, wanted) {
  const until = Date.now() + 3_000;
  while (keys.requests < wanted && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(keys.requests, wanted);
}

test("a good token passes, and from then on without a promise", async (t) => {
  const { client, tokens, keys, log } = await setUp(t);
  const token = tokens.sign({ id: "rizz", roles: ["user"], sessionId: "s1" });
  assert.equal(client.guardNow(bearer(token)), undefined);
  const { principal } = await client.guard(bearer(token), "r1");
  assert.deepEqual({ ...principal, exp: 0 }, { id: "rizz", roles: ["user"], sessionId: "s1", token, exp: 0 });
  assert.equal(client.guardNow(bearer(token), "r2").principal.id, "rizz");
  assert.equal(keys.requests, 1);
  const entry = { service: "sentri", event: "auth.protect.success", userId: "rizz", mode: "client" };
  assert.deepEqual(log, [
    ["info", { ...entry, requestId: "r1" }],
    ["info", { ...entry, requestId: "r2" }],
  ]);
});

test("100 first requests at once are one fetch", async (t) => {
  const { client, tokens, keys } = await setUp(t);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => ask(client, bearer(tokens.sign({ id: `u${n}` })))),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, n) => `u${n}`),
  );
  assert.equal(keys.requests, 1);
});

test("a remembered token expires at its second, tolerance included", async (t) => {
  const { client, tokens, clock } = await setUp(t, { clockTolerance: "5s" });
  const token = tokens.sign({ id: "rizz", expiresIn: 60 });
  assert.equal(await ask(client, bearer(token)), "rizz");
  clock.advance(64_999);
  assert.equal(client.guardNow(bearer(token)).principal.id, "rizz");
  clock.advance(1);
  assert.equal(client.guardNow(bearer(token)), undefined);
  assert.equal(await ask(client, bearer(token)), "TOKEN_EXPIRED");
});

test("other kinds of tokens, issuers and audiences are refused", async (t) => {
  const { client, tokens } = await setUp(
    t,
    { issuer: "https://auth.example", audience: "shop" },
    { issuer: "https://auth.example", audience: "shop" },
  );
  assert.equal(await ask(client, bearer(tokens.sign({ id: "rizz" }))), "rizz");
  for (const [what, token] of Object.entries({
    "a refresh token": tokens.sign({ header: { typ: "rt+jwt" } }),
    "another issuer": tokens.sign({ claims: { iss: "https://auth.example/" } }),
    "no issuer": tokens.sign({ claims: { iss: undefined } }),
    "another audience": tokens.sign({ claims: { aud: ["other"] } }),
    "an embedded key": tokens.sign({ header: { jwk: tokens.jwks().keys[0] } }),
    "a symmetric algorithm": tokens.sign({ header: { alg: "HS256" } }),
    "no algorithm": tokens.sign({ header: { alg: "none" } }),
    "an id that is a number": tokens.sign({ claims: { id: 1 } }),
    "no token": "x.y.z",
    "a token of 8193 bytes": tokens.sign({ claims: { filler: "x".repeat(8_193) } }),
  })) {
    assert.equal(await ask(client, bearer(token)), "TOKEN_INVALID", what);
  }
});

test("tokens without kid are tried against the keys of their algorithm", async (t) => {
  const { client, tokens } = await setUp(t);
  const token = tokens.sign({ id: "rizz", header: { kid: undefined } });
  tokens.rotate();
  assert.equal(await ask(client, bearer(token)), "rizz");
  assert.equal(await ask(client, bearer(createTokenFactory().sign({ header: { kid: undefined } }))), "TOKEN_INVALID");
});

test("algorithms narrows what is taken", async (t) => {
  const { client, tokens } = await setUp(t, { algorithms: ["RS256"] });
  assert.equal(await ask(client, bearer(tokens.sign())), "TOKEN_INVALID");
});

for (const algorithm of ["RS256", "PS384", "ES384", "EdDSA"]) {
  test(`${algorithm} works`, async (t) => {
    const { client, tokens } = await setUp(t, {}, { algorithm });
    assert.equal(await ask(client, bearer(tokens.sign({ id: "rizz" }))), "rizz");
  });
}

test("P42: tokens of unknown kids cost one fetch in 30 seconds", async (t) => {
  const { client, tokens, keys, clock } = await setUp(t);
  await ask(client, bearer(tokens.sign()));
  const token = tokens.sign({ header: { kid: "unknown" } });
  for (let second = 0; second < 90; second++) {
    for (let n = 0; n < 50; n++)
      assert.equal(
        await ask(client, bearer(token.replace(/^[^.]+/, () => headerWith(`kid-${second}-${n}`)))),
        "TOKEN_INVALID",
      );
    clock.advance(1_000);
  }
  assert.equal(keys.requests, 3);
});

const headerWith = (kid) => Buffer.from(JSON.stringify({ alg: "ES256", typ: "JWT", kid })).toString("base64url");

test("a set that arrives while a signature is looked at is asked as well", async (t) => {
  const { client, tokens, clock } = await setUp(t);
  assert.equal(await ask(client, bearer(tokens.sign({ id: "old" }))), "old");
  tokens.rotate();
  clock.advance(30_000);
  const { verify } = crypto.subtle;
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  t.mock.method(crypto.subtle, "verify", (...given) => gate.then(() => verify.apply(crypto.subtle, given)), {
    times: 1,
  });
  const waiting = ask(client, bearer(tokens.sign({ id: "nameless", header: { kid: undefined } })));
  assert.equal(await ask(client, bearer(tokens.sign({ id: "new" }))), "new");
  open();
  assert.equal(await waiting, "nameless");
});

test("P43: a new key is known within 30 seconds, by all who wait for it", async (t) => {
  const { client, tokens, keys, clock } = await setUp(t);
  const old = tokens.sign({ id: "old" });
  assert.equal(await ask(client, bearer(old)), "old");
  tokens.rotate();
  clock.advance(30_000);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(client, bearer(tokens.sign({ id: "new" })))));
  assert.deepEqual(new Set(answers), new Set(["new"]));
  assert.equal(await ask(client, bearer(old)), "old");
  assert.equal(keys.requests, 2);
});

test("a withdrawn key's tokens are refused from the next set on, remembered or not", async (t) => {
  const { client, tokens, clock } = await setUp(t);
  const old = tokens.sign({ id: "old", expiresIn: 7_200 });
  assert.equal(await ask(client, bearer(old)), "old");
  tokens.rotate();
  tokens.retire();
  clock.advance(30_000);
  assert.equal(await ask(client, bearer(tokens.sign({ id: "new" }))), "new");
  assert.equal(await ask(client, bearer(old)), "TOKEN_INVALID");
});

test("a token that was being verified while its key was withdrawn is not remembered", async (t) => {
  const { client, tokens, clock } = await setUp(t);
  const old = tokens.sign({ id: "old", expiresIn: 7_200 });
  assert.equal(await ask(client, bearer(tokens.sign({ id: "rizz" }))), "rizz");
  tokens.rotate();
  tokens.retire();
  clock.advance(30_000);
  const { verify } = crypto.subtle;
  t.after(() => delete crypto.subtle.verify);
  const held = new Promise((resolve) => {
    crypto.subtle.verify = async (...args) => {
      delete crypto.subtle.verify;
      const isGood = await verify.apply(crypto.subtle, args);
      await new Promise(resolve);
      return isGood;
    };
  });
  const slow = ask(client, bearer(old));
  const release = await held;
  assert.equal(await ask(client, bearer(tokens.sign({ id: "new" }))), "new");
  release();
  assert.equal(await slow, "old");
  assert.equal(await ask(client, bearer(old)), "TOKEN_INVALID");
});

for (const outage of ["refuse", "error", "garbage"]) {
  test(`P43: an outage of 24 hours is survived: ${outage}`, async (t) => {
    const { client, tokens, keys, clock } = await setUp(t);
    assert.equal(await ask(client, bearer(tokens.sign({ id: "rizz" }))), "rizz");
    await keys.setOutage(outage);
    for (let hour = 0; hour < 25; hour++) {
      assert.equal(await ask(client, bearer(tokens.sign({ id: "rizz" }))), "rizz", `hour ${hour}`);
      clock.advance(HOUR);
    }
    const { error } = await client.guard(bearer(tokens.sign()));
    assert.deepEqual([error.code, error.statusCode], ["SERVICE_UNAVAILABLE", 503]);
    assert.ok(error.retryAfter > 0);
    await keys.setOutage(undefined);
    clock.advance(30_000);
    assert.equal(await ask(client, bearer(tokens.sign({ id: "rizz" }))), "rizz");
  });
}

test("while keys are old and the server is away, it is asked every 30 seconds at most", async (t) => {
  const { client, tokens, keys, clock } = await setUp(t);
  const token = tokens.sign({ id: "rizz", expiresIn: 86_400 });
  await ask(client, bearer(token));
  await keys.setOutage("error");
  clock.advance(HOUR);
  for (let n = 0; n < 60; n++) {
    assert.equal(await ask(client, bearer(token)), "rizz");
    clock.advance(1_000);
  }
  await assertRequests(keys, 3);
});

test("a set is replaced before it is old, and nobody waits for it", { timeout: 20_000 }, async (t) => {
  const { client, tokens, keys, clock } = await setUp(t);
  const token = tokens.sign({ id: "rizz", expiresIn: 86_400 });
  await ask(client, bearer(token));
  await keys.setOutage("hang");
  clock.advance(45 * MINUTE);
  const began = Date.now();
  for (let n = 0; n < 3; n++) assert.equal(await ask(client, bearer(token)), "rizz");
  assert.ok(Date.now() - began < 4_000);
  await assertRequests(keys, 2);
});

test("a key server that hangs costs five seconds, once", { timeout: 20_000 }, async (t) => {
  const { client, tokens, keys, clock } = await setUp(t);
  const token = tokens.sign({ id: "rizz", expiresIn: 86_400 });
  await ask(client, bearer(token));
  await keys.setOutage("hang");
  clock.advance(HOUR);
  const began = Date.now();
  assert.deepEqual(await Promise.all([ask(client, bearer(token)), ask(client, bearer(token))]), ["rizz", "rizz"]);
  assert.ok(Date.now() - began >= 4_900);
  clock.advance(HOUR);
  for (let n = 0; n < 3; n++) {
    const asked = Date.now();
    assert.equal(await ask(client, bearer(token)), "rizz");
    assert.ok(Date.now() - asked < 4_000);
  }
  await assertRequests(keys, 3);
});

for (const [what, make] of Object.entries(HOSTILE)) {
  test(`a hostile key server gives no keys and replaces none: ${what}`, { timeout: 20_000 }, async (t) => {
    const tokens = createTokenFactory();
    const { uri } = await make(tokens.jwks())(t);
    const fresh = makeClient({ mode: "client", keyUri: uri });
    assert.equal(await ask(fresh, bearer(tokens.sign())), "SERVICE_UNAVAILABLE");
    const clock = testClock();
    const honest = await serve(t, (_, response) =>
      response.setHeader("connection", "close").end(JSON.stringify(tokens.jwks())),
    );
    const relay = await relayTo(t, honest.uri);
    const settled = makeClient({ mode: "client", keyUri: relay.uri, clock });
    assert.equal(await ask(settled, bearer(tokens.sign({ id: "rizz", expiresIn: 7_200 }))), "rizz");
    relay.target = uri;
    clock.advance(HOUR);
    assert.equal(await ask(settled, bearer(tokens.sign({ id: "rizz", expiresIn: 7_200 }))), "rizz");
    assert.ok(relay.connections >= 2, "the hostile server was asked");
  });
}

test("P42: a body without end is cut off at its limit", async (t) => {
  let sent = 0;
  const { uri } = await serve(t, (_, response) => {
    const chunk = " ".repeat(16_384);
    const more = () => {
      if (response.destroyed) return;
      sent += chunk.length;
      response.write(chunk, () => setImmediate(more));
    };
    more();
  });
  const client = makeClient({ mode: "client", keyUri: uri });
  assert.equal(await ask(client, bearer(createTokenFactory().sign())), "SERVICE_UNAVAILABLE");
  assert.ok(sent < 16 * 1024 * 1024, `${sent} bytes were taken`);
});

test("what is wrong with the auth server is logged once, without its address", async (t) => {
  const { client, tokens, keys, log } = await setUp(t);
  await keys.setOutage("error");
  for (let n = 0; n < 2; n++) assert.equal(await ask(client, bearer(tokens.sign())), "SERVICE_UNAVAILABLE");
  assert.deepEqual(
    log.filter(([level]) => level === "error"),
    [["error", { service: "sentri", event: "auth.hook.failure", hook: "keyUri", cause: "the answer has status 503" }]],
  );
});

test("what is no token, or of no algorithm of ours, causes no fetch", async (t) => {
  const { client, tokens, keys } = await setUp(t, { algorithms: ["ES256"] });
  for (const token of [
    "x",
    "a.b.c",
    tokens.sign({ header: { crit: ["exp"] } }),
    createTokenFactory({ algorithm: "ES384" }).sign(),
    tokens.sign({ header: { jku: keys.keyUri } }),
  ]) {
    assert.equal(await ask(client, bearer(token)), "TOKEN_INVALID");
  }
  assert.equal(keys.requests, 0);
});

test("what is remembered is worth nothing when the clock has stepped back behind it", async (t) => {
  const { client, tokens, clock } = await setUp(t);
  const token = tokens.sign({ id: "rizz" });
  assert.equal(await ask(client, bearer(token)), "rizz");
  assert.equal(client.guardNow(bearer(token)).principal.id, "rizz");
  clock.advance(-HOUR);
  assert.equal(client.guardNow(bearer(token)), undefined, "nobody can tell how old it is");
  assert.equal(await ask(client, bearer(token)), "rizz");
});

test("P41: a bearer token comes first, and a bad one does not fall back to the cookie", async (t) => {
  const { client, tokens } = await setUp(t);
  const [good, other] = [tokens.sign({ id: "rizz" }), tokens.sign({ id: "other" })];
  const cookie = `access_token=${good}`;
  assert.equal(await ask(client, { method: "GET", cookie }), "rizz");
  assert.equal(await ask(client, bearer("bad", { cookie })), "TOKEN_INVALID");
  assert.equal(
    await ask(client, { method: "GET", authorization: "Basic x", cookie }),
    "rizz",
    "another scheme is not ours",
  );
  assert.equal(await ask(client, { method: "GET", authorization: "Basic x" }), "UNAUTHORIZED");
  for (const authorization of ["Bearer", "Basic x, Bearer", `Basic x,bearer ${good}`]) {
    assert.equal(
      await ask(client, { method: "GET", authorization, cookie }),
      "UNAUTHORIZED",
      "any part that has the scheme Bearer makes it ours",
    );
  }
  assert.equal(await ask(client, bearer(other, { cookie })), "other");
  assert.equal(await ask(client, { method: "GET", cookie: `${cookie}; access_token=${other}` }), "UNAUTHORIZED");
  assert.equal(
    await ask(client, { method: "GET", cookie: `access_token=planted; ${cookie}` }),
    "rizz",
    "those that verify count",
  );
  assert.equal(
    await ask(client, { method: "GET", cookie: `access_token=${tokens.sign({ expiresIn: -60 })}; ${cookie}` }),
    "rizz",
  );
  assert.equal(await ask(client, { method: "GET", cookie: `${cookie}; access_token=${good}` }), "rizz");
  assert.equal(await ask(client, { method: "GET" }), "UNAUTHORIZED");
  for (const authorization of ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b"]) {
    assert.ok(
      ["UNAUTHORIZED", "TOKEN_INVALID"].includes(await ask(client, { method: "GET", authorization, cookie })),
      authorization,
    );
  }
  for (const authorization of ["", "bearer\u0000x", "\u{1f600}"]) {
    assert.equal(
      await ask(client, { method: "GET", authorization, cookie }),
      "rizz",
      "words that are not Bearer name another scheme",
    );
  }
});

test("P40: an unsafe request with a cookie needs proof of its origin, remembered or not", async (t) => {
  const { client, tokens } = await setUp(t);
  const cookie = `access_token=${tokens.sign({ id: "rizz" })}`;
  const post = (more) => ask(client, { method: "POST", cookie, host: "shop.example", ...more });
  assert.equal(await post({}), "rizz");
  assert.equal(await post({ origin: "https://shop.example" }), "rizz");
  assert.equal(await post({ secFetchSite: "same-origin" }), "rizz");
  for (const evil of [
    { origin: "https://evil.example" },
    { origin: "null" },
    { secFetchSite: "cross-site" },
    { secFetchSite: "same-site" },
  ]) {
    assert.equal(await post(evil), "FORBIDDEN");
  }
  const get = (more) => ask(client, { method: "GET", cookie, host: "shop.example", ...more });
  assert.equal(await get({ secFetchSite: "cross-site" }), "rizz");
  // The handshake of a WebSocket is a GET.
  assert.equal(await get({ secFetchSite: "same-site", upgrade: "websocket" }), "FORBIDDEN");
  assert.equal(await get({ origin: "https://evil.example", upgrade: "h2c, WebSocket" }), "FORBIDDEN");
  assert.equal(await get({ origin: "https://shop.example", upgrade: "websocket" }), "rizz");
});

test("a remembered bearer token costs no look at where a request comes from", async (t) => {
  const { client, tokens } = await setUp(t);
  const token = tokens.sign({ id: "rizz" });
  assert.equal(await ask(client, bearer(token)), "rizz");
  const read = new Set();
  const watched = new Proxy(bearer(token, { upgrade: "websocket", origin: "https://evil.example" }), {
    get: (request, name) => (read.add(name), request[name]),
  });
  assert.equal(client.guardNow(watched).principal.id, "rizz");
  for (const name of ["upgrade", "origin", "secFetchSite", "host", "scheme"]) assert.ok(!read.has(name), name);
});

test("isTokenRevoked decides every time, and fails closed", { timeout: 20_000 }, async (t) => {
  let verdict = () => false;
  const { client, tokens, log } = await setUp(t, { isTokenRevoked: (id) => verdict(id) });
  const token = tokens.sign({ id: "rizz", sessionId: "s1" });
  assert.equal(await ask(client, bearer(token)), "rizz");
  assert.equal(client.guardNow(bearer(token)), undefined);
  verdict = async (id) => id === "s1";
  assert.equal(await ask(client, bearer(token)), "UNAUTHORIZED");
  assert.equal(log.at(-1)[1].event, "auth.protect.token_revoked");
  verdict = () => {
    throw new Error("down");
  };
  assert.equal(await ask(client, bearer(token)), "UNAUTHORIZED");
  assert.deepEqual(log.at(-1), [
    "error",
    { service: "sentri", event: "auth.hook.failure", hook: "isTokenRevoked", cause: "down" },
  ]);
  verdict = () => new Promise(() => {});
  const began = Date.now();
  assert.equal(await ask(client, bearer(token)), "UNAUTHORIZED");
  assert.ok(Date.now() - began < 5_000);
  assert.equal(await ask(client, bearer(tokens.sign({ id: "loose", sessionId: null }))), "loose");
});

test("authorize() and permit() decide and tell", async (t) => {
  const { client, log } = await setUp(t, { validRoles: ["user", "admin"] });
  const user = { id: "rizz", roles: ["user"] };
  const check = client.roleCheck(["admin"]);
  assert.equal(check(user, "r").code, "FORBIDDEN");
  assert.equal(check(undefined).code, "UNAUTHORIZED");
  assert.equal(client.roleCheck(["admin", "user"])(user), undefined);
  assert.equal(client.permitVerdict(user, "denied").code, "FORBIDDEN");
  assert.equal(client.permitVerdict(user, "passed"), undefined);
  assert.equal(client.permitVerdict(user, "bypass:user"), undefined);
  assert.equal(client.permitVerdict(undefined, "unauthenticated").code, "UNAUTHORIZED");
  const service = "sentri";
  assert.deepEqual(log, [
    [
      "warn",
      {
        service,
        event: "auth.authorize.denied",
        userId: "rizz",
        userRoles: ["user"],
        requiredRoles: ["admin"],
        requestId: "r",
      },
    ],
    [
      "warn",
      {
        service,
        event: "auth.authorize.unauthenticated",
        requiredRoles: ["admin"],
        cause: "authorize() found no user: put protect() in front of it",
      },
    ],
    [
      "info",
      {
        service,
        event: "auth.authorize.passed",
        userId: "rizz",
        userRoles: ["user"],
        requiredRoles: ["admin", "user"],
      },
    ],
    ["warn", { service, event: "auth.permit.denied", userId: "rizz" }],
    ["info", { service, event: "auth.permit.passed", userId: "rizz" }],
    ["info", { service, event: "auth.permit.role_bypass", userId: "rizz", bypassedByRole: "user" }],
    [
      "warn",
      { service, event: "auth.permit.unauthenticated", cause: "permit() found no user: put protect() in front of it" },
    ],
  ]);
  for (const roles of [[], ["owner"], ["<script>"]])
    assert.throws(() => client.roleCheck(roles), { code: "CONFIGURATION_ERROR" });
});

test("errors are answered in the envelope", () => {
  const client = makeClient({ mode: "client", keyUri: "https://auth.example/auth/keys" });
  const { status, headers, body } = client.errorResponse(new SentriError("UNAUTHORIZED", "No"));
  assert.equal(status, 401);
  assert.equal(body, '{"error":true,"statusCode":401,"code":"UNAUTHORIZED","message":"No","data":null}');
  assert.ok(headers.some(([name, value]) => name === "WWW-Authenticate" && value === "Bearer"));
  assert.equal(client.errorResponse(new Error("secret")).body.includes("secret"), false);
  assert.equal(client.errorResponse(Object.assign(new Error("x"), { status: 413 })).status, 413);
  assert.equal(client.errorResponse("odd").status, 500);
});

test("server mode says why not", () => {
  assert.throws(
    () => makeServer({ mode: "server", validRoles: ["user"] }),
    (error) => {
      assert.ok(error instanceof SentriError);
      assert.equal(error.code, "CONFIGURATION_ERROR");
      assert.match(
        error.message,
        /This is Node, but .*asks packages for their code for browsers.*testEnvironment: 'node'.*build what runs on Node for the platform node/,
      );
      return true;
    },
  );
});
