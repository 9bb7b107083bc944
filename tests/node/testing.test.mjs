// sentri/testing: what it makes works with the real thing, and refuses to be used in production.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { listen, sentri } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const testing = require("../../npm/dist/testing.js");
const { makeClient } = require("../../npm/dist/edge/engine.js");

test("testOptions() and createTestUser() make a server with users who are signed in", async (t) => {
  const options = testing.testOptions({ validRoles: ["user", "admin"], accessExpiresIn: "15m" });
  const auth = sentri.createAuth(options);
  await auth.migrate();
  const url = await listen(t, auth);
  const [admin, user] = [await testing.createTestUser(auth, { roles: ["admin"] }), await testing.createTestUser(auth)];
  const me = (who) => fetch(`${url}/auth/me`, { headers: who.headers }).then((response) => response.json());
  assert.equal((await me(admin)).data.id, admin.id);
  assert.deepEqual((await me(user)).data.roles, []);
  const login = await fetch(`${url}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ identifier: user.username, password: user.password }),
  });
  assert.equal(login.status, 200);
  options.clock.advance(15 * 60_000);
  assert.equal((await me(admin)).code, "TOKEN_EXPIRED");
});

test("a token says what it is told to", () => {
  const clock = testing.testClock(Date.parse("2026-01-01"));
  const tokens = testing.createTokenFactory({ clock, issuer: "https://auth.example" });
  const token = tokens.sign({
    id: "rizz",
    roles: ["admin"],
    sessionId: null,
    expiresIn: -60,
    claims: { extra: 1 },
    header: { typ: "odd" },
  });
  const [header, payload] = token.split(".").map((part) => {
    try {
      return JSON.parse(Buffer.from(part, "base64url"));
    } catch {
      return undefined;
    }
  });
  const now = Date.parse("2026-01-01") / 1000;
  assert.deepEqual(header, { alg: "ES256", typ: "odd", kid: tokens.jwks().keys[0].kid });
  assert.deepEqual(payload, {
    id: "rizz",
    roles: ["admin"],
    iat: now - 61,
    exp: now - 60,
    iss: "https://auth.example",
    extra: 1,
  });
});

test("a key set follows rotation, and shows no private member", () => {
  const tokens = testing.createTokenFactory();
  const [first] = tokens.jwks().keys;
  tokens.rotate();
  assert.deepEqual(tokens.jwks().keys.slice(1), [first]);
  tokens.retire();
  assert.equal(tokens.jwks().keys.length, 1);
  assert.notEqual(tokens.jwks().keys[0].kid, first.kid);
  for (const algorithm of ["RS256", "PS512", "ES384", "EdDSA"]) {
    assert.equal("d" in testing.createTokenFactory({ algorithm }).jwks().keys[0], false);
  }
  assert.throws(() => testing.createTokenFactory({ algorithm: "HS256" }), { code: "CONFIGURATION_ERROR" });
});

test("a key server keeps its address over outages", { timeout: 20_000 }, async (t) => {
  const tokens = testing.createTokenFactory();
  const keys = await testing.startKeyServer(tokens);
  t.after(() => keys.close());
  const ask = async () => {
    const client = makeClient({ mode: "client", keyUri: keys.keyUri });
    const { principal, error } = await client.guard({
      method: "GET",
      authorization: `Bearer ${tokens.sign({ id: "rizz" })}`,
    });
    return principal?.id ?? error.code;
  };
  assert.equal(await ask(), "rizz");
  for (const outage of ["refuse", "error", "garbage"]) {
    await keys.setOutage(outage);
    assert.equal(await ask(), "SERVICE_UNAVAILABLE", outage);
    await keys.setOutage(undefined);
    assert.equal(await ask(), "rizz");
  }
  assert.equal(keys.requests, 6);
});

test("nothing of it works in production", () => {
  const script = `
    const testing = require(${JSON.stringify(require.resolve("../../npm/dist/testing.js"))});
    const calls = { testClock: [], testMailbox: [], testOptions: [{ validRoles: ["a"] }], createTokenFactory: [], createTestUser: [{}], startKeyServer: [{}] };
    const names = Object.keys(testing).filter((name) => typeof testing[name] === "function");
    (async () => {
      for (const name of names) {
        const code = await (async () => testing[name](...calls[name]))().then(() => "worked", (error) => error.code);
        console.log(name, code);
      }
    })();`;
  const told = execFileSync(process.execPath, ["-e", script], {
    env: { ...process.env, NODE_ENV: "production" },
    encoding: "utf8",
  });
  const lines = told.trim().split("\n").sort();
  assert.deepEqual(
    lines,
    ["createTestUser", "createTokenFactory", "startKeyServer", "testClock", "testMailbox", "testOptions"].map(
      (name) => `${name} CONFIGURATION_ERROR`,
    ),
  );
});
