// Client mode in every framework, over real sockets and a key server that can be made to fail: what unknown keys cost
// (P42), outages, rotations and bad sets (P43), how tokens of browsers are taken (P40, P41); and in both modes, malformed headers.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { exchange } from "./support/exchange.mjs";
import { frameworks, serve } from "./support/frameworks.mjs";
import { AUTHORIZATIONS, COOKIES } from "./support/generator.mjs";
import { HOSTILE } from "./support/hostile.mjs";
import { Browser, options, testClock, user } from "./support/server.mjs";

const { createTokenFactory, startKeyServer } = createRequire(import.meta.url)("../../npm/dist/testing.js");

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** An application in client mode, on the clock of the tokens that it is to trust. */
async function start(t, framework) {
  const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
  const tokens = createTokenFactory({ clock });
  const keys = await startKeyServer(tokens);
  const { base, close } = await serve(framework, {
    mode: "client",
    keyUri: keys.keyUri,
    validRoles: ["user", "admin", "editor"],
    clock,
  });
  t.after(() => Promise.all([close(), keys.close()]));
  const ask = async (headers, method = "GET") => new Browser(base).fetch("/protected", { method, headers });
  const present = (input) => ask({ authorization: `Bearer ${tokens.sign(input)}` });
  return { base, clock, tokens, keys, ask, present };
}

const told = ({ status, body }) => (body.code === undefined ? `${status}` : `${status} ${body.code}`);

for (const [name, framework] of Object.entries(frameworks)) {
  test(`${name}: tokens of unknown keys cost one fetch in 30 seconds (P42)`, async (t) => {
    const { clock, keys, present } = await start(t, framework);
    const flood = async (round) => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) => present({ header: { kid: `${round} ${i}` } })),
      );
      assert.deepEqual([...new Set(answers.map(told))], ["401 TOKEN_INVALID"]);
    };
    await flood("first");
    assert.equal(keys.requests, 1, "the first fetch, and no second one as soon");
    clock.advance(30 * SECOND - 1);
    await flood("soon");
    assert.equal(keys.requests, 1);
    clock.advance(1);
    await flood("later");
    assert.equal(keys.requests, 2);
    assert.equal(told(await present()), "200");
    assert.equal(keys.requests, 2, "a known key asks for nothing");
  });

  test(`${name}: protect({ acr, maxAge }) goes by the token alone, at every request`, async (t) => {
    const { base, clock, tokens, keys } = await start(t, framework);
    const at = clock.now() / 1000;
    const token = (claims) => tokens.sign({ id: "rizz", sessionId: "s1", expiresIn: 3600, claims });
    const ask = async (path, bearer) => {
      const answer = await new Browser(base).fetch(path, { headers: { authorization: `Bearer ${bearer}` } });
      const challenge = answer.headers.get("www-authenticate");
      return answer.status === 200 ? 200 : [answer.status, answer.body.code, answer.body.data, challenge];
    };
    const refused = (data, ...parts) => [
      401,
      "STEP_UP_REQUIRED",
      data,
      ['Bearer error="insufficient_user_authentication"', ...parts].join(", "),
    ];
    const strong = token({ acr: "aal2", amr: ["pwd", "otp"], auth_time: at });
    const weak = token({ acr: "aal1", amr: ["pwd"], auth_time: at });
    for (const path of ["/fresh", "/strong", "/strong-and-fresh", "/protected"])
      assert.equal(await ask(path, strong), 200);
    const both = refused({ acr: "aal2", maxAge: 60 }, 'acr_values="aal2"', "max_age=60");
    assert.deepEqual(await ask("/strong", weak), refused({ acr: "aal2" }, 'acr_values="aal2"'));
    assert.deepEqual(await ask("/strong-and-fresh", weak), both);
    assert.deepEqual(
      await ask("/strong", token({ acr: "aal2", amr: ["pwd"], auth_time: at })),
      refused({ acr: "aal2" }, 'acr_values="aal2"'),
    );
    assert.deepEqual(await ask("/fresh", token({})), refused({ maxAge: 600 }, "max_age=600"));
    // The tolerance of 30 s, and what was remembered of the token.
    clock.advance(630 * SECOND);
    assert.equal(await ask("/fresh", weak), 200);
    clock.advance(1);
    assert.deepEqual(await ask("/fresh", weak), refused({ maxAge: 600 }, "max_age=600"));
    assert.equal(await ask("/protected", weak), 200);
    assert.equal(await ask("/strong", strong), 200, "strength does not age");
    // A clock that is put back makes nothing fresh that is to come.
    clock.advance(-HOUR);
    assert.deepEqual(await ask("/fresh", weak), refused({ maxAge: 600 }, "max_age=600"));
    assert.equal(keys.requests, 1, "no look-up");
  });

  test(`${name}: roles that wait for a second factor are asked for by the token alone (P68)`, async (t) => {
    const { base, clock, tokens, keys } = await start(t, framework);
    const at = clock.now() / 1000;
    const weak = { acr: "aal1", amr: ["pwd"], auth_time: at };
    const strong = { acr: "aal2", amr: ["pwd", "otp"], auth_time: at };
    const token = (roles, claims) => tokens.sign({ id: "rizz", sessionId: "s1", roles, claims });
    const ask = async (path, bearer) => {
      const answer = await new Browser(base).fetch(path, { headers: { authorization: `Bearer ${bearer}` } });
      const challenge = answer.headers.get("www-authenticate");
      return answer.status === 200 ? answer.body.roles : [answer.status, answer.body.code, answer.body.data, challenge];
    };
    const challenge = 'Bearer error="insufficient_user_authentication", acr_values="aal2"';
    const refused = [401, "STEP_UP_REQUIRED", { acr: "aal2" }, challenge];
    const waiting = token(["user"], { ...weak, withheld: ["admin"] });
    const editor = token(["editor"], { ...weak, withheld: ["admin"] });
    const admin = token(["user", "admin"], strong);
    // The second time by what is remembered.
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(await ask("/protected", waiting), ["user"]);
      assert.deepEqual(await ask("/admin-only", waiting), refused);
      assert.deepEqual(await ask("/editors", waiting), refused);
      assert.deepEqual(await ask("/admin-only", editor), refused);
      assert.deepEqual(await ask("/editors", editor), ["editor"], "the check says yes");
      assert.deepEqual(await ask("/admin-only", admin), ["user", "admin"]);
      assert.deepEqual(await ask("/editors", admin), ["user", "admin"]);
      const other = token(["user"], { ...weak, withheld: ["owner"] });
      assert.deepEqual((await ask("/admin-only", other)).slice(0, 2), [403, "FORBIDDEN"]);
      assert.deepEqual((await ask("/editors", other)).slice(0, 2), [403, "FORBIDDEN"]);
    }
    assert.equal(keys.requests, 1, "no look-up");
  });

  test(`${name}: a key server that answers too much, elsewhere or what is no set is a 503 (P42)`, async (t) => {
    const tokens = createTokenFactory();
    const good = tokens.jwks();
    for (const [what, make] of Object.entries(HOSTILE)) {
      const { uri } = await make(good)(t);
      const { base, close } = await serve(framework, {
        mode: "client",
        keyUri: uri,
        validRoles: ["user", "admin", "editor"],
      });
      t.after(close);
      const answer = await new Browser(base).fetch("/protected", {
        headers: { authorization: `Bearer ${tokens.sign()}` },
      });
      assert.equal(told(answer), "503 SERVICE_UNAVAILABLE", what);
      assert.ok(Number(answer.headers.get("retry-after")) >= 1, what);
    }
  });

  test(`${name}: a new key is known within 30 seconds, a bad set replaces nothing, an outage of a day is survived (P43)`, async (t) => {
    const { clock, tokens, keys, ask, present } = await start(t, framework);
    const life = { expiresIn: 4 * 24 * 3_600 };
    assert.equal(told(await present(life)), "200");
    const before = tokens.sign({ ...life, id: "before" });
    tokens.rotate();
    clock.advance(30 * SECOND);
    assert.equal(told(await present(life)), "200", "a new key");
    assert.equal(told(await ask({ authorization: `Bearer ${before}` })), "200", "beside the old one");
    for (const outage of ["garbage", "error", "refuse"]) {
      await keys.setOutage(outage);
      clock.advance(HOUR);
      // Every token is a new one, so that it is verified and not remembered.
      for (let i = 0; i < 3; i++) assert.equal(told(await present(life)), "200", `${outage} after an hour`);
      await keys.setOutage(undefined);
      clock.advance(HOUR);
      assert.equal(told(await present(life)), "200", `after ${outage}`);
    }
    await keys.setOutage("garbage");
    clock.advance(25 * HOUR);
    const late = await present(life);
    assert.equal(told(late), "503 SERVICE_UNAVAILABLE", "after a day and the hour that a set is kept");
    assert.ok(Number(late.headers.get("retry-after")) >= 1);
    assert.equal(late.headers.get("www-authenticate"), null, "it is not the token's fault");
    await keys.setOutage(undefined);
    clock.advance(Number(late.headers.get("retry-after")) * SECOND);
    assert.equal(told(await present(life)), "200", "it recovers by itself");
  });

  test(`${name}: a cookie needs proof of origin in client mode too (P40)`, async (t) => {
    const { base, tokens, ask } = await start(t, framework);
    const cookie = `access_token=${tokens.sign()}`;
    const own = new URL(base).origin;
    const matrix = [
      [{}, "200"],
      [{ origin: own }, "200"],
      [{ "sec-fetch-site": "same-origin" }, "200"],
      [{ "sec-fetch-site": "none" }, "200"],
      [{ origin: "https://evil.example" }, "403 FORBIDDEN"],
      [{ origin: "null" }, "403 FORBIDDEN"],
      [{ origin: own.replace("http:", "https:") + "0" }, "403 FORBIDDEN"],
      [{ "sec-fetch-site": "cross-site" }, "403 FORBIDDEN"],
      [{ "sec-fetch-site": "same-site" }, "403 FORBIDDEN"],
      [{ "sec-fetch-site": "cross-site", origin: "https://evil.example" }, "403 FORBIDDEN"],
    ];
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      for (const [headers, expected] of matrix)
        assert.equal(told(await ask({ cookie, ...headers }, method)), expected, `${method} ${JSON.stringify(headers)}`);
    }
    assert.equal(told(await ask({ cookie, origin: "https://evil.example" })), "200", "GET changes nothing");
    const bearer = {
      authorization: `Bearer ${tokens.sign()}`,
      origin: "https://evil.example",
      "sec-fetch-site": "cross-site",
    };
    assert.equal(told(await ask(bearer, "POST")), "200", "no browser adds a bearer token by itself");
  });

  test(`${name}: two access cookies of different users are refused, and a bad bearer token is not made good by one (P41)`, async (t) => {
    const { base, tokens, ask } = await start(t, framework);
    const [one, other] = [tokens.sign({ id: "one" }), tokens.sign({ id: "other" })];
    assert.equal((await ask({ cookie: `access_token=${one}` })).body.id, "one");
    assert.equal(
      (await ask({ cookie: `access_token=${one}; access_token=${one}` })).body.id,
      "one",
      "the same twice says one thing",
    );
    for (const cookie of [
      `access_token=${one}; access_token=${other}`,
      `access_token=${other}; a=b; access_token=${one}`,
    ]) {
      assert.equal(told(await ask({ cookie })), "401 UNAUTHORIZED", cookie.replace(/[\w-]{40,}/g, "…"));
    }
    assert.equal(
      (await ask({ cookie: `access_token=; access_token=${one}; access_token=planted` })).body.id,
      "one",
      "those that verify count",
    );
    const lines = await exchange(base, "GET", "/protected", [
      ["cookie", [`access_token=${one}`, `access_token=${other}`]],
    ]);
    assert.equal(told(lines), "401 UNAUTHORIZED", "in two headers as in one");
    const cookie = `access_token=${one}`;
    for (const authorization of [
      "Bearer x",
      "Bearer a.b.c",
      `Bearer ${one}x`,
      `Bearer ${tokens.sign({ expiresIn: -60 })}`,
      "Bearer",
      "Basic cml6ejp4, Bearer",
    ]) {
      assert.equal((await ask({ cookie, authorization })).status, 401, authorization.slice(0, 20));
    }
    assert.equal((await ask({ cookie, authorization: "Basic cml6ejp4" })).body.id, "one", "another scheme is not ours");
  });
}

test("a key server that never answers is a 503 in time, in every framework (P42)", { timeout: 60_000 }, async (t) => {
  await Promise.all(
    Object.entries(frameworks).map(async ([name, framework]) => {
      const { keys, present } = await start(t, framework);
      await keys.setOutage("hang");
      const began = performance.now();
      assert.equal(told(await present()), "503 SERVICE_UNAVAILABLE", name);
      assert.ok(performance.now() - began < 15_000, `${name}: 5 s, and what a busy machine adds`);
      assert.equal(keys.requests, 1, name);
    }),
  );
});

/** Malformed headers beside those of the generated requests. */
const MORE = {
  authorization: [
    "",
    " ",
    ",",
    "Bearer=x",
    "Bearer %00",
    "Bearer ....",
    `Bearer ${".".repeat(8_000)}`,
    "Bearer {}",
    "Bearer \u00e9.\u00e9.\u00e9",
    "Bearer e30.e30.e30",
    "Bearer bnVsbA.bnVsbA.bnVsbA",
    "Negotiate",
    `Basic ${"A".repeat(4_000)}`,
  ],
  cookie: [
    "",
    ";",
    "=",
    "access_token",
    "access_token=",
    "access_token=;access_token",
    "access_token=%",
    "access_token=%E0%A4%A",
    'access_token="',
    "access_token=a b",
    "access_token=\u00ff",
    `access_token=${"x".repeat(8_000)}`,
    `${"a=b; ".repeat(1_500)}access_token=x`,
    "access_token=a.b.c; refresh_token=a.b.c",
    "refresh_token=..",
    "access_token=e30.e30.e30",
  ],
};

for (const [name, framework] of Object.entries(frameworks)) {
  for (const mode of ["server", "client"]) {
    test(`${name}: a malformed Authorization or Cookie header is never a 5xx, in ${mode} mode`, async (t) => {
      const tokens = createTokenFactory();
      const keys = await startKeyServer(tokens);
      const validRoles = ["user", "admin", "editor"];
      const made =
        mode === "client" ? { mode, keyUri: keys.keyUri, validRoles } : options({ validRoles, accessCookie: true });
      const { auth, base, close } = await serve(framework, made);
      t.after(() => Promise.all([close(), keys.close()]));
      await auth.migrate?.();
      const session = async (value) => {
        if (mode === "client")
          return { access: tokens.sign({ id: value }), refresh: tokens.sign({ header: { typ: "rt+jwt" } }) };
        const { user: registered } = await auth.register(user(value));
        const { accessToken, refreshToken } = await auth.createSession(registered.id);
        return { access: accessToken, refresh: refreshToken };
      };
      const known = { rizz: await session("rizz"), boss: await session("boss") };
      const fill = (text) => text.replace(/\$\{(\w+)\.(\w+)\}/g, (_, who, what) => known[who][what]);
      const authorizations = [undefined, ...AUTHORIZATIONS, ...MORE.authorization];
      const cookies = [undefined, ...COOKIES, ...MORE.cookie];
      const seen = new Set();
      for (const authorization of authorizations) {
        await Promise.all(
          cookies.map(async (cookie, i) => {
            const headers = Object.entries({ authorization, cookie })
              .filter(([, value]) => value !== undefined)
              .map(([header, value]) => [header, fill(value)]);
            const { status, body } = await exchange(base, i % 2 ? "POST" : "GET", "/protected", headers);
            assert.ok(
              status === 200 || (status === 401 && body.statusCode === 401),
              `${status} for ${JSON.stringify({ authorization, cookie })}`,
            );
            seen.add(status);
          }),
        );
      }
      assert.deepEqual([...seen].sort(), [200, 401]);
    });
  }
}
