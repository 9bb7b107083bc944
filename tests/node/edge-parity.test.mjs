// Client mode decides on WebCrypto as it does in the native core: the same options, requests, outages and errors.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { serve } from "./support/hostile.mjs";

const require = createRequire(import.meta.url);
const { AuthClient } = require("../../npm/dist/client.js");
const { makeClient } = require("../../npm/dist/edge/engine.js");
const { SentriError } = require("../../npm/dist/core.js");
const { createTokenFactory, startKeyServer, testClock } = require("../../npm/dist/testing.js");

const ENGINES = { native: (options) => new AuthClient(options), edge: makeClient };
const KEY_URI = "https://auth.example.com/auth/keys";

const refusalOf = (make, options) => {
  try {
    make(options);
    return "accepted";
  } catch (error) {
    return error instanceof SentriError ? `${error.code}: ${error.message}` : error;
  }
};

const OPTIONS = [
  undefined,
  null,
  5,
  [],
  {},
  { mode: "server" },
  { mode: "client" },
  { mode: 1 },
  { mode: "Client" },
  { keyUri: KEY_URI },
  ...[
    KEY_URI,
    "",
    5,
    "auth.example.com",
    "ftp://a.example/keys",
    "http://a.example/keys",
    "https://",
    "https://u:p@a.example/keys",
    "https://a.example:0/keys",
    "https://a.example:/keys",
    "https://a.example",
    "https://a.example:8443/k?x=1",
    "https://bücher.example/keys",
    "http://localhost:3000/keys",
    "http://LOCALHOST/keys",
    "http://127.0.0.1/keys",
    "http://127.9.9.9/keys",
    "http://[::1]:3000/keys",
    "http://localhost.evil.example/keys",
    "http://127.0.0.1.evil.example/",
    "http://0.0.0.0/keys",
    "http://[::2]/keys",
    "data:,x",
    "//a.example",
    "https://a.example/a b",
  ].map((keyUri) => ({ mode: "client", keyUri })),
  ...Object.entries({
    allowInsecure: [true, false, "yes", null],
    validRoles: [["user"], [], ["a b"], "user", ["user", "user"], [5], null],
    algorithms: [["RS256"], [], ["HS256"], ["none"], ["rs256"], "RS256", [5], ["RS256", "HS512"], null],
    issuer: ["https://a.example", "", 5, null],
    audience: ["shop", "", ["shop"]],
    clockTolerance: [0, "0s", "30s", "5m", "301s", 300, "30", -1, true, null],
    cacheMaxAge: ["1h", "30s", "29s", "24h", "25h", 3600, 0, "1x"],
    accessCookie: [
      true,
      false,
      {},
      { name: "at" },
      { name: "" },
      { name: "a b" },
      { name: 5 },
      { prefix: "__Host-" },
      { prefix: "odd" },
      "at",
      null,
    ],
    trustedOrigins: [
      [],
      ["https://a.example"],
      ["https://a.example/"],
      ["*"],
      ["a.example"],
      "https://a.example",
      [5],
      ["https://a.example:99999"],
    ],
    isTokenRevoked: [() => false, true, null],
    logger: [console, {}, { info() {} }, null],
    loggerService: ["shop", "", 5],
    production: [true, "yes"],
    keyURI: ["x"],
    isTokenRevokd: [() => true],
    secret: ["x"],
    db: ["sqlite::memory:", null],
    hooks: [{}],
    router: [{}],
    cookie: [false],
    constructor: ["x"],
  }).flatMap(([name, values]) => values.map((value) => ({ mode: "client", keyUri: KEY_URI, [name]: value }))),
  { mode: "client", keyUri: "http://a.example/keys", allowInsecure: true },
];

test("options are accepted, and refused in the same words", () => {
  const different = OPTIONS.map((options) => ({
    options,
    native: refusalOf(ENGINES.native, options),
    edge: refusalOf(ENGINES.edge, options),
  })).filter(({ native, edge }) => native !== edge);
  assert.deepEqual(different, []);
});

/** Both engines before one issuer. */
function clients(uri, clock, more) {
  return Object.entries(ENGINES).map(([name, make]) => {
    const log = [];
    const logger = Object.fromEntries(
      ["info", "warn", "error"].map((level) => [level, (entry) => log.push([level, entry])]),
    );
    return { name, log, client: make({ mode: "client", keyUri: uri, clock, logger, ...more }) };
  });
}

async function answerOf(client, request) {
  const { principal, error, answer, headers } = client.guardNow(request, "r1") ?? (await client.guard(request, "r1"));
  return { principal, error, answer, headers };
}

/** What each engine answers and logs. */
async function assertAlike(both, request, what) {
  const [native, edge] = await Promise.all(
    both.map(async ({ client, log }) => {
      log.length = 0;
      return { ...(await answerOf(client, request)), log: structuredClone(log) };
    }),
  );
  assert.deepEqual(edge, native, what);
  return native;
}

test("requests are judged alike, and logged alike", async (t) => {
  const clock = testClock(Date.parse("2026-01-01"));
  const tokens = createTokenFactory({ clock, issuer: "https://auth.example", audience: "shop" });
  const keys = await startKeyServer(tokens);
  t.after(() => keys.close());
  const both = clients(keys.keyUri, clock, {
    issuer: "https://auth.example",
    audience: "shop",
    trustedOrigins: ["https://app.example"],
    clockTolerance: "10s",
  });
  const good = tokens.sign({ id: "rizz", roles: ["user", "admin"], sessionId: "s1" });
  const other = tokens.sign({ id: "other", sessionId: null });
  const shop = { host: "shop.example" };
  const cookie = `a=b; access_token=${good}`;
  const requests = {
    "a bearer token": { authorization: `Bearer ${good}` },
    again: { authorization: `Bearer ${good}` },
    "the scheme in small letters": { authorization: `bearer ${good}` },
    "without session": { authorization: `Bearer ${other}` },
    "two blanks": { authorization: `Bearer  ${good} ` },
    "a tab": { authorization: `Bearer\t${good}` },
    nothing: {},
    "no scheme": { authorization: good },
    "an empty header": { authorization: "" },
    "two tokens": { authorization: `Bearer ${good}, Bearer ${other}` },
    "a cookie": { cookie },
    "a quoted cookie": { cookie: `access_token="${good}"` },
    "an empty cookie": { cookie: "access_token=" },
    "a cookie and rubbish": { cookie: `access_token=rubbish; ${cookie}` },
    "two cookies of one user": {
      cookie: `${cookie}; access_token=${tokens.sign({ id: "rizz", sessionId: "s2", claims: { iat: Date.parse("2025-12-31") / 1000 } })}`,
    },
    "two cookies, the older one first": {
      cookie: `access_token=${tokens.sign({ id: "rizz", sessionId: "s2", claims: { iat: Date.parse("2025-12-31") / 1000 } })}; ${cookie}`,
    },
    "an expired cookie of somebody else": {
      cookie: `access_token=${tokens.sign({ id: "x", expiresIn: -60 })}; ${cookie}`,
    },
    "expired cookies and rubbish": {
      cookie: `access_token=rubbish; access_token=${tokens.sign({ id: "x", expiresIn: -60 })}`,
    },
    "cookies of which none is a token": { cookie: "access_token=x; access_token=y" },
    "nine cookies": { cookie: `${cookie}; ${Array.from({ length: 8 }, (_, i) => `access_token=${i}`).join("; ")}` },
    "two cookies from elsewhere": {
      method: "POST",
      cookie: `${cookie}; access_token=${other}`,
      ...shop,
      origin: "https://evil.example",
    },
    "two cookies": { cookie: `${cookie}; access_token=${other}` },
    "a bad bearer token beside a cookie": { authorization: "Bearer x", cookie },
    "POST from here": { method: "POST", cookie, ...shop, origin: "https://shop.example" },
    "POST from a trusted origin": {
      method: "POST",
      cookie,
      ...shop,
      origin: "https://app.example",
      secFetchSite: "cross-site",
    },
    "POST from elsewhere": { method: "POST", cookie, ...shop, origin: "https://evil.example" },
    "POST that says cross-site": { method: "POST", cookie, ...shop, secFetchSite: "cross-site" },
    "a WebSocket from here": { upgrade: "websocket", cookie, ...shop, origin: "https://shop.example" },
    "a WebSocket from a trusted origin": { upgrade: "websocket", cookie, ...shop, origin: "https://app.example" },
    "a WebSocket from elsewhere": { upgrade: "websocket", cookie, ...shop, origin: "https://evil.example" },
    "a WebSocket from elsewhere, again": { upgrade: "h2c, WebSocket", cookie, ...shop, secFetchSite: "same-site" },
    "a WebSocket from elsewhere with a bearer token": {
      upgrade: "websocket",
      authorization: `Bearer ${good}`,
      ...shop,
      origin: "https://evil.example",
    },
    "an upgrade to another protocol": { upgrade: "h2c", cookie, ...shop, origin: "https://evil.example" },
    "a preflight": { method: "OPTIONS", origin: "https://app.example", accessControlRequestMethod: "PUT" },
    "a preflight from elsewhere": {
      method: "OPTIONS",
      origin: "https://evil.example",
      accessControlRequestMethod: "PUT",
      authorization: `Bearer ${good}`,
    },
    "OPTIONS that asks nothing": { method: "OPTIONS", origin: "https://app.example" },
    expired: { authorization: `Bearer ${tokens.sign({ expiresIn: -10 })}` },
    "expired within the tolerance": { authorization: `Bearer ${tokens.sign({ id: "late", expiresIn: -9 })}` },
    "another issuer": { authorization: `Bearer ${tokens.sign({ claims: { iss: "x" } })}` },
    "another audience": { authorization: `Bearer ${tokens.sign({ claims: { aud: "x" } })}` },
    "too early": { authorization: `Bearer ${tokens.sign({ claims: { nbf: Date.parse("2026-01-02") / 1000 } })}` },
    "another signature": { authorization: `Bearer ${good.slice(0, -6)}AAAAAA` },
    "a refresh token": { authorization: `Bearer ${tokens.sign({ header: { typ: "rt+jwt" } })}` },
    "an unknown kid": { authorization: `Bearer ${tokens.sign({ header: { kid: "x" } })}` },
    "no kid": { authorization: `Bearer ${tokens.sign({ id: "rizz", header: { kid: undefined } })}` },
    "no typ": { authorization: `Bearer ${tokens.sign({ id: "rizz", header: { typ: undefined } })}` },
    HS256: { authorization: `Bearer ${tokens.sign({ header: { alg: "HS256" } })}` },
    "no token": { authorization: "Bearer a.b.c" },
  };
  const seen = new Set();
  const reasons = new Set();
  for (const [what, request] of Object.entries(requests)) {
    const { error } = await assertAlike(both, { method: "GET", ...request }, what);
    seen.add(error?.code ?? "passed");
    for (const { log } of both) log.forEach(([, { reason }]) => reasons.add(reason));
  }
  assert.deepEqual([...reasons].filter(Boolean).sort(), [
    "algorithm",
    "audience",
    "expired",
    "issuer",
    "malformed",
    "not_yet_valid",
    "signature",
    "type",
    "unknown_key",
  ]);
  assert.deepEqual([...seen].sort(), ["FORBIDDEN", "TOKEN_EXPIRED", "TOKEN_INVALID", "UNAUTHORIZED", "passed"]);
});

test("what a route asks of an authentication is judged, worded and logged alike", async (t) => {
  const clock = testClock(Date.parse("2026-01-01"));
  const tokens = createTokenFactory({ clock });
  const keys = await startKeyServer(tokens);
  t.after(() => keys.close());
  const both = clients(keys.keyUri, clock, { clockTolerance: "10s" });
  const at = clock.now() / 1000;
  const strong = { acr: "aal2", amr: ["pwd", "otp"], auth_time: at };
  const claims = {
    strong,
    "by a recovery code": { ...strong, amr: ["recovery", "pwd"] },
    weak: { acr: "aal1", amr: ["pwd"], auth_time: at },
    nothing: {},
    "aal2 by name": { acr: "aal2", auth_time: at },
    "forged methods": { acr: "aal2", amr: "pwd otp", auth_time: at },
    "a method that is a number": { acr: "aal2", amr: ["pwd", "otp", 5], auth_time: at },
    "another issuer's": { acr: "urn:silver", amr: ["mfa"], auth_time: at },
    old: { ...strong, auth_time: at - 611 },
    "old within the tolerance": { ...strong, auth_time: at - 610 },
    "to come within the tolerance": { ...strong, auth_time: at + 10 },
    "to come": { ...strong, auth_time: at + 11 },
    "a time that is text": { ...strong, auth_time: String(at) },
    "a time in fractions": { ...strong, auth_time: at - 0.5 },
    "a time that is null": { ...strong, auth_time: null },
  };
  const asked = [{ acr: "aal2" }, { acr: "aal1" }, { maxAge: "10m" }, { acr: "aal2", maxAge: 600 }];
  const found = {};
  for (const [what, more] of Object.entries(claims)) {
    const authorization = `Bearer ${tokens.sign({ id: "rizz", claims: more })}`;
    const { principal } = await assertAlike(both, { method: "GET", authorization }, what);
    // Remembered, too.
    await assertAlike(both, { method: "GET", authorization }, what);
    for (const need of asked) {
      const [native, edge] = both.map(({ client, log }) => {
        log.length = 0;
        const error = client.stepUpCheck(need)(principal, "r1");
        const { code, message, statusCode, details } = error ?? {};
        const response = error && client.errorResponse(error);
        return { refused: error && { code, message, statusCode, details }, response, log: structuredClone(log) };
      });
      assert.deepEqual(edge, native, `${what}: ${JSON.stringify(need)}`);
      if (!native.refused) (found[what] ??= []).push(asked.indexOf(need));
    }
  }
  const all = [0, 1, 2, 3];
  assert.deepEqual(found, {
    strong: all,
    "by a recovery code": all,
    weak: [1, 2],
    nothing: [1],
    "aal2 by name": [1, 2],
    "forged methods": [1, 2],
    "a method that is a number": [1, 2],
    "another issuer's": [1, 2],
    old: [0, 1],
    "old within the tolerance": all,
    "to come within the tolerance": all,
    "to come": [0, 1],
    "a time that is text": [0, 1],
    "a time in fractions": [0, 1],
    "a time that is null": [0, 1],
  });
  const wrong = [
    {},
    null,
    5,
    "aal2",
    ["aal2"],
    { acr: "aal3" },
    { maxAge: 0 },
    { maxAge: "5" },
    { max_age: 5 },
    () => 1,
    Number.NaN,
    undefined,
    ...[Number.NaN, 1 / 0, -1 / 0, () => 1, Symbol("5"), new Date(5), {}, []].flatMap((odd) => [
      { maxAge: odd },
      { acr: "aal2", maxAge: odd },
      { acr: odd, maxAge: 600 },
      { maxAge: 600, other: odd },
    ]),
  ];
  for (const need of wrong) {
    const [native, edge] = both.map(({ client }) => refusalOf((one) => client.stepUpCheck(one), need));
    assert.equal(edge, native);
    assert.match(native, /^CONFIGURATION_ERROR: protect\(\) /);
  }
});

test("an outage, a rotation and a bad set are met alike", async (t) => {
  const clock = testClock(Date.parse("2026-01-01"));
  const tokens = createTokenFactory({ clock });
  const issuer = { answer: () => JSON.stringify(tokens.jwks()), status: 200 };
  const { uri } = await serve(t, (_, response) => response.writeHead(issuer.status).end(issuer.answer()));
  const both = clients(uri, clock);
  const bearer = (more) => ({
    method: "GET",
    authorization: `Bearer ${tokens.sign({ id: "rizz", expiresIn: 200_000, ...more })}`,
  });
  issuer.status = 503;
  assert.equal((await assertAlike(both, bearer(), "the first fetch fails")).error.code, "SERVICE_UNAVAILABLE");
  assert.equal((await assertAlike(both, bearer(), "too early to ask again")).error.code, "SERVICE_UNAVAILABLE");
  issuer.status = 200;
  clock.advance(2_000);
  assert.equal((await assertAlike(both, bearer(), "it is there")).principal.id, "rizz");
  const old = bearer();
  tokens.rotate();
  assert.equal((await assertAlike(both, bearer(), "a new key, too early")).error.code, "TOKEN_INVALID");
  clock.advance(30_000);
  assert.equal((await assertAlike(both, bearer(), "a new key")).principal.id, "rizz");
  assert.equal((await assertAlike(both, old, "the old key")).principal.id, "rizz");
  issuer.answer = () => JSON.stringify({ keys: [{ ...tokens.jwks().keys[0], d: "AAAA" }] });
  clock.advance(30_000);
  assert.equal(
    (await assertAlike(both, bearer({ header: { kid: "newer" } }), "a bad set")).error.code,
    "SERVICE_UNAVAILABLE",
  );
  assert.equal((await assertAlike(both, old, "the set at hand")).principal.id, "rizz");
});

test("errors are put in the same envelope", () => {
  const both = clients(KEY_URI, testClock());
  const thrown = [
    new SentriError("UNAUTHORIZED", "No"),
    new SentriError("NOT_FOUND", "Item not found", 404),
    new SentriError("ODD", "Odd", 200),
    new SentriError("ODD", "Odd", 700),
    new SentriError("VALIDATION_ERROR", "Ünï\u2028", 422, { field: "a" }),
    new Error("secret"),
    "text",
    null,
    undefined,
    // Every status: of an error that says nothing of itself, of one with words for the client, and of a parser's.
    ...Array.from({ length: 205 }, (_, i) => 398 + i).flatMap((status) =>
      [{ status }, { status, expose: true }, { status, type: "entity.parse.failed", expose: true }].map((more) =>
        Object.assign(new Error("x"), more),
      ),
    ),
    Object.assign(new Error("x"), { statusCode: 404, status: 500 }),
    { status: "404" },
    { statusCode: 404.5 },
  ];
  for (const error of thrown) {
    const [native, edge] = both.map(({ client }) => client.errorResponse(error));
    assert.deepEqual(edge, native, String(error?.code ?? error?.status ?? error));
  }
});

test("roles that wait for a second factor are withheld, worded and logged alike", async (t) => {
  const clock = testClock(Date.parse("2026-01-01"));
  const tokens = createTokenFactory({ clock });
  const keys = await startKeyServer(tokens);
  t.after(() => keys.close());
  const both = clients(keys.keyUri, clock);
  const claims = [["admin"], ["admin", "owner"], [], "admin", ["admin", 5], null, ["user"], ["user", "admin"]];
  const found = [];
  for (const withheld of claims) {
    const authorization = `Bearer ${tokens.sign({ id: "rizz", roles: ["user"], claims: { withheld } })}`;
    const what = JSON.stringify(withheld);
    const { principal } = await assertAlike(both, { method: "GET", authorization }, what);
    // Remembered, too.
    await assertAlike(both, { method: "GET", authorization }, what);
    const outcomes = both.map(({ client, log }) => {
      log.length = 0;
      const user = { id: principal.id, roles: principal.roles };
      const errors = [
        client.roleCheck(["admin"])(user, "r", principal.withheld),
        client.roleCheck(["admin", "user"])(user, "r", principal.withheld),
        client.permitVerdict(user, "withheld", "r"),
        client.permitVerdict(undefined, "withheld", "r"),
      ];
      const told = errors.map((error) => error && [error.code, error.message, error.statusCode, error.details ?? null]);
      const responses = errors.map((error) => error && client.errorResponse(error));
      return { told, responses, log: structuredClone(log) };
    });
    assert.deepEqual(outcomes[1], outcomes[0], what);
    found.push([principal.roles, principal.withheld, outcomes[0].told[0]?.[0]]);
  }
  const [waits, denied] = ["STEP_UP_REQUIRED", "FORBIDDEN"];
  assert.deepEqual(found, [
    [["user"], ["admin"], waits],
    [["user"], ["admin", "owner"], waits],
    ...Array(5).fill([["user"], undefined, denied]),
    [["user"], ["admin"], waits],
  ]);
});

test("authorize() and permit() decide and tell alike", () => {
  const both = clients(KEY_URI, testClock(), { validRoles: ["user", "admin"] });
  const outcomes = both.map(({ client, log }) => {
    const tell = (error) => error && [error.code, error.message, error.statusCode];
    const refused = [[], ["owner"], [""], ["<b>"], ["user", 5]].map((roles) =>
      refusalOf(() => client.roleCheck(roles)),
    );
    const users = [
      undefined,
      { id: "a", roles: [] },
      { id: "a", roles: ["user"] },
      { id: "a", roles: ["admin", "user"] },
    ];
    const checks = users.flatMap((user) =>
      [["admin"], ["user", "admin"]].map((roles) => tell(client.roleCheck(roles)(user, "r"))),
    );
    const verdicts = users.flatMap((user) =>
      ["passed", "denied", "unauthenticated", "bypass:admin", "odd"].map((verdict) =>
        tell(client.permitVerdict(user, verdict, "r")),
      ),
    );
    return { refused, checks, verdicts, log };
  });
  assert.deepEqual(outcomes[1], outcomes[0]);
});
