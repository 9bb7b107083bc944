// Client mode through the native core, before an auth server of ours over a real socket.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { listen, options, sentri, testClock } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { AuthClient } = require("../../npm/dist/client.js");
const { createAuthExpress, SentriError } = sentri;
const START = Date.parse("2026-01-01T00:00:00Z");
const DAY = 24 * 60 * 60_000;

/** An auth server with a key pair, its key set, and a client of it, both on one clock. */
async function pair(t, more = {}) {
  const clock = testClock(START);
  const server = createAuthExpress(options({ secret: undefined, algorithm: "ES256", accessExpiresIn: "2d", clock }));
  await server.migrate();
  const base = await listen(t, server);
  const client = new AuthClient({ mode: "client", keyUri: `${base}/auth/keys`, clock, ...more });
  return { clock, server, client, base };
}

/** A server that publishes `body` and counts. */
async function publish(t, body) {
  const issuer = { body, fetches: 0 };
  const server = createServer((_req, res) => {
    issuer.fetches += 1;
    res.end(issuer.body);
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  issuer.keyUri = `http://127.0.0.1:${server.address().port}/keys`;
  return issuer;
}

const bearer = (token) => ({ method: "GET", authorization: `Bearer ${token}` });

/** Collects log entries. */
function recorder() {
  const entries = [];
  const log = (level) => (entry) => entries.push([level, entry]);
  return { entries, info: log("info"), warn: log("warn"), error: log("error") };
}

test("one fetch, then every request is answered without a promise", async (t) => {
  const logger = recorder();
  const { server, client, clock } = await pair(t, { logger });
  const token = server.signAccessToken({ id: "rizz", roles: ["user"] });
  assert.equal(client.guardNow(bearer(token), "r0"), undefined, "the keys are to be fetched");
  const first = await client.guard(bearer(token), "r1");
  assert.deepEqual(first.principal, { id: "rizz", roles: ["user"], sessionId: null, token, exp: START + 2 * DAY });
  for (let i = 0; i < 3; i++) {
    const known = client.guardNow(bearer(token), `c${i}`);
    assert.equal(known.principal.id, "rizz");
    const fresh = client.guardNow(bearer(server.signAccessToken({ id: `user${i}`, roles: [] })), undefined);
    assert.equal(fresh.principal.id, `user${i}`);
  }
  const refused = client.guardNow(bearer(`${token}x`), "r2");
  assert.equal(refused.error.code, "TOKEN_INVALID");
  const ids = logger.entries.map(([, entry]) => entry.requestId);
  assert.deepEqual(ids, ["r1", "c0", undefined, "c1", undefined, "c2", undefined, "r2"]);
  assert.deepEqual(logger.entries[0], [
    "info",
    { service: "sentri", event: "auth.protect.success", userId: "rizz", mode: "client", requestId: "r1" },
  ]);
  assert.deepEqual(logger.entries.at(-1), [
    "warn",
    {
      service: "sentri",
      event: "auth.protect.failure",
      errorCode: "TOKEN_INVALID",
      mode: "client",
      reason: "malformed",
      requestId: "r2",
    },
  ]);
  clock.advance(2 * DAY + 30_000);
  await client.guard(bearer(token), undefined);
  assert.equal((await client.guard(bearer(token), undefined)).error.code, "TOKEN_EXPIRED");
});

test("a withdrawn key's tokens are not served from memory", async (t) => {
  const { server, base } = await pair(t);
  const body = await (await fetch(`${base}/auth/keys`)).text();
  const issuer = await publish(t, body);
  const clock = testClock(START);
  const client = new AuthClient({ mode: "client", keyUri: issuer.keyUri, clock });
  const token = server.signAccessToken({ id: "rizz", roles: [] });
  assert.ok((await client.guard(bearer(token), undefined)).principal);
  assert.ok(client.guardNow(bearer(token), undefined).principal);
  const other = createAuthExpress(options({ secret: undefined, algorithm: "ES256" }));
  await other.migrate();
  const newToken = other.signAccessToken({ id: "other", roles: [] });
  issuer.body = await (await fetch(`${await listen(t, other)}/auth/keys`)).text();
  clock.advance(30_000);
  assert.ok(client.guardNow(bearer(token), undefined).principal, "nobody has looked yet");
  assert.equal(client.guardNow(bearer(newToken), undefined), undefined, "an unknown key is looked for");
  // The other server's clock is the machine's: expired or not, its key is known now.
  await client.guard(bearer(newToken), undefined);
  assert.equal(client.guardNow(bearer(token), undefined).error.code, "TOKEN_INVALID");
  assert.equal(issuer.fetches, 2);
});

test("the keys are replaced in the background, while requests are answered at once", async (t) => {
  const { server, base } = await pair(t);
  const body = await (await fetch(`${base}/auth/keys`)).text();
  const issuer = await publish(t, body);
  const clock = testClock(START);
  const client = new AuthClient({ mode: "client", keyUri: issuer.keyUri, clock });
  const token = server.signAccessToken({ id: "rizz", roles: [] });
  await client.guard(bearer(token), undefined);
  for (let round = 2; round <= 4; round++) {
    clock.advance(45 * 60_000);
    assert.ok(client.guardNow(bearer(token), undefined).principal, "answered at once");
    for (let wait = 0; wait < 500 && issuer.fetches < round; wait++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(issuer.fetches, round);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test("an auth server that is away is a 503, never a 401", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => closed.once("listening", resolve));
  const { port } = closed.address();
  await new Promise((resolve) => closed.close(resolve));
  const logger = recorder();
  const client = new AuthClient({ mode: "client", keyUri: `http://127.0.0.1:${port}/keys?canary`, logger });
  const { error } = await client.guard(bearer("a.b.c"), undefined);
  assert.deepEqual([error.code, error.statusCode], ["SERVICE_UNAVAILABLE", 503]);
  const response = client.errorResponse(new SentriError(error.code, error.message, error.statusCode));
  assert.equal(response.status, 503);
  const [, hook] = logger.entries;
  assert.deepEqual([hook[0], hook[1].event, hook[1].hook], ["error", "auth.hook.failure", "keyUri"]);
  assert.match(hook[1].cause, /no connection/);
  assert.doesNotMatch(JSON.stringify(logger.entries), /canary/);
});

test("authorize and permit", async (t) => {
  const { client } = await pair(t, { validRoles: ["user", "admin"] });
  const user = { id: "rizz", roles: ["user"] };
  assert.equal(client.roleCheck(["user"])(user, undefined), undefined);
  assert.equal(client.roleCheck(["admin"])(user, undefined).code, "FORBIDDEN");
  assert.equal(client.roleCheck(["admin"])(undefined, undefined).code, "UNAUTHORIZED");
  assert.equal(client.permitVerdict(user, "passed", undefined), undefined);
  assert.equal(client.permitVerdict(user, "denied", undefined).code, "FORBIDDEN");
  assert.equal(client.permitVerdict(undefined, "unauthenticated", undefined).code, "UNAUTHORIZED");
  for (const wrong of [[], ["editor"], [""]]) {
    assert.throws(
      () => client.roleCheck(wrong),
      (error) => error instanceof SentriError && error.code === "CONFIGURATION_ERROR",
    );
  }
});

test("a role with a space in it is not two roles, whoever was asked about before", async (t) => {
  const { client } = await pair(t);
  const check = client.roleCheck(["admin"]);
  for (const [roles, refused] of [
    [["billing", "admin"]],
    [["billing admin"], "FORBIDDEN"],
    [['billing","admin'], "FORBIDDEN"],
    [["billing", "admin"]],
  ]) {
    assert.equal(check({ id: "rizz", roles }, undefined)?.code, refused, roles.join());
  }
});

test("of the ways to write a token, one is remembered", async (t) => {
  const { server, client } = await pair(t);
  const token = server.signAccessToken({ id: "rizz", roles: [] });
  const long = server.signAccessToken({
    id: "rizz",
    roles: Array.from({ length: 60 }, (_, n) => `${n}`.padEnd(64, "x")),
  });
  await client.guard(bearer(token), undefined);
  const isRemembered = (authorization) => {
    const [first, second] = [0, 1].map(() => client.guardNow({ method: "GET", authorization }, undefined));
    assert.equal(second.principal.id, "rizz");
    return first === second;
  };
  assert.equal(isRemembered(`Bearer ${token}`), true);
  for (const other of [
    `Bearer  ${token}`,
    `Bearer${" ".repeat(14_000)}${token}`,
    `bearer ${token}`,
    `Bearer ${token} `,
    `Bearer ${long}`,
  ]) {
    assert.equal(isRemembered(other), false, other.slice(0, 30));
  }
});

test("isTokenRevoked decides, and fails closed", async (t) => {
  const asked = [];
  const isTokenRevoked = async (sessionId) => {
    asked.push(sessionId);
    if (sessionId === "throws") throw new Error("redis is away");
    return sessionId === "over" ? "yes" : undefined;
  };
  const logger = recorder();
  const { server, client } = await pair(t, { isTokenRevoked, logger });
  const check = async (sessionId) =>
    client.guard(bearer(server.signAccessToken({ id: "rizz", roles: [], sessionId })), undefined);
  assert.ok((await check("live")).principal);
  assert.equal((await check("over")).error.code, "UNAUTHORIZED");
  assert.equal((await check("throws")).error.code, "UNAUTHORIZED");
  assert.deepEqual(asked, ["live", "over", "throws"]);
  assert.deepEqual(
    logger.entries.map(([, { event }]) => event),
    ["auth.protect.success", "auth.protect.token_revoked", "auth.protect.token_revoked", "auth.hook.failure"],
  );
});

test("wrong options throw at once and name the option", () => {
  const keyUri = "https://auth.example.com/auth/keys";
  for (const [wrong, expected] of [
    [undefined, /options must be an object/],
    [{ mode: "client" }, /^keyUri is missing/],
    [{ mode: "client", keyUri: "http://auth.example.com/keys" }, /^keyUri must begin with https/],
    [{ mode: "client", keyUri, algorithms: ["HS256"] }, /^algorithms can't hold HS256/],
    [{ mode: "client", keyUri, router: { login() {} } }, /^router belongs to mode: 'server'/],
    [{ mode: "client", keyUri, dialect: {} }, /^dialect belongs to mode: 'server'/],
    [{ mode: "client", keyUri, keyUrl: "x" }, /^keyUrl is not an option: did you mean keyUri\?/],
    [{ mode: "client", keyUri, isTokenRevoked: 1 }, /^isTokenRevoked must be a function/],
    [{ mode: "client", keyUri, logger: { info() {} } }, /^logger must have the methods/],
  ]) {
    assert.throws(
      () => new AuthClient(wrong),
      (error) => {
        assert.ok(error instanceof SentriError && error.code === "CONFIGURATION_ERROR", String(error));
        assert.match(error.message, expected);
        return true;
      },
    );
  }
});

test("a client keeps no process alive", () => {
  const script = `
const { AuthClient } = require(${JSON.stringify(require.resolve("../../npm/dist/client.js"))});
const silent = require("node:net").createServer().listen(0, "127.0.0.1", () => {
  const client = new AuthClient({ mode: "client", keyUri: "http://127.0.0.1:" + silent.address().port + "/keys", isTokenRevoked: () => false });
  client.guardNow({ method: "GET" });
  console.log("built");
  silent.close();
});
`;
  assert.equal(execFileSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 20_000 }).trim(), "built");
});
