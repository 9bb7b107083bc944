// The five frameworks answer alike (P51): 1,000 generated requests, in the same order to a server of each, get equal
// status, body, headers and events. SENTRI_SEED takes another seed, SENTRI_REQUESTS another number.
import assert from "node:assert/strict";
import { test } from "node:test";
import { exchange } from "./support/exchange.mjs";
import { frameworks, serve } from "./support/frameworks.mjs";
import { generate } from "./support/generator.mjs";
import { PASSWORD, testClock } from "./support/server.mjs";

const SEED = Number(process.env.SENTRI_SEED ?? 51);
const COUNT = Number(process.env.SENTRI_REQUESTS ?? 1_000);
const COMPARED = [
  "content-type",
  "cache-control",
  "www-authenticate",
  "retry-after",
  "ratelimit",
  "ratelimit-policy",
  "set-cookie",
  "x-access-token",
];

/** A server with two users, and the means to ask it. */
async function start(name, framework, accessCookie) {
  const events = [];
  const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
  const log = (entry) => void events.push(entry);
  const { auth, base, close } = await serve(framework, {
    mode: "server",
    db: "sqlite::memory:",
    secret: "a secret of at least thirty-two bytes, for tests",
    validRoles: ["user", "admin", "editor"],
    saltRounds: 10,
    accessCookie,
    apiKey: "key of the application",
    clock,
    rateLimit: { maxLoginAttempts: 3, maxRegisterAttempts: 8 },
    logger: { info: log, warn: log, error: log },
  });
  await auth.migrate();
  const known = new Map([["host", new URL(base).host]]);
  // The requests log users out and delete them; now and then both are there again, with a new session.
  const renew = async () => {
    for (const [user, roles] of [
      ["rizz", ["user"]],
      ["boss", ["admin"]],
    ]) {
      const input = {
        identifiers: [
          { type: "x", value: `${user} ${known.size}` },
          { type: "username", value: user },
        ],
        password: PASSWORD,
        roles,
      };
      const old = known.has(`${user}.id`) ? await auth.getUser(known.get(`${user}.id`)) : null;
      const registered =
        old ??
        (await auth.register(input)).user ??
        (await auth.register({ ...input, identifiers: input.identifiers.slice(0, 1) })).user;
      await auth.assignRoles(registered.id, roles);
      const { accessToken, refreshToken, sessionId } = await auth.createSession(registered.id);
      const of = {
        id: registered.id,
        identifier: registered.identifiers[0].id,
        access: accessToken,
        refresh: refreshToken,
        session: sessionId,
      };
      for (const [member, value] of Object.entries(of)) known.set(`${user}.${member}`, value);
    }
    const [header, payload, signature] = known.get("rizz.access").split(".");
    known.set("forged", `${header}.${payload}.${signature.replace(/^./, (first) => (first === "A" ? "B" : "A"))}`);
    known.set("unsigned", `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${payload}.`);
  };
  // What is random differs, so it is compared by when it was first seen.
  const seen = new Map();
  const alike = (text) =>
    text
      .replace(/[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}/g, "a token")
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
        if (!seen.has(id)) seen.set(id, `id ${seen.size}`);
        return seen.get(id);
      });
  const fill = (text) => text.replace(/\$\{([\w.]+)\}/g, (_, variable) => known.get(variable));

  const ask = async ({ method, mount, path, headers, body, advance }) => {
    events.length = 0;
    clock.advance(advance);
    const answer = await exchange(
      base,
      method,
      mount + fill(path),
      headers.map(([header, value]) => [header, fill(value)]),
      body && fill(body),
    );
    const ours = answer.body === null || answer.body?.error !== undefined || answer.body?.keys !== undefined;
    const compared = COMPARED.filter((header) => ours || header !== "content-type").map((header) => [
      header,
      answer.headers[header],
    ]);
    const logged = events.map(({ duration_ms: _, ...entry }) => entry);
    return alike(JSON.stringify({ status: answer.status, body: answer.body, headers: compared, logged }, undefined, 1));
  };
  return { name, ask, renew, close };
}

test(`${COUNT} generated requests are answered alike by all (P51; seed ${SEED})`, { timeout: 540_000 }, async (t) => {
  const statuses = new Map();
  const seen = new Set();
  const differing = [];
  const requests = generate(SEED, COUNT).map((request, number) => ({ number, request }));
  // A token that is minted goes into the access cookie, or without one into a header: half of the requests each.
  for (const accessCookie of [true, false]) {
    const servers = await Promise.all(
      Object.entries(frameworks).map(([name, framework]) => start(name, framework, accessCookie)),
    );
    t.after(() => Promise.all(servers.map(({ close }) => close())));
    for (const { number, request } of requests.splice(0, accessCookie ? COUNT / 2 : COUNT)) {
      if (number % 5 === 0) await Promise.all(servers.map(({ renew }) => renew()));
      const answers = await Promise.all(servers.map(({ ask }) => ask(request)));
      const { status, body, headers } = JSON.parse(answers[0]);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      for (const [header, value] of headers) if (value !== undefined && value !== null) seen.add(header);
      if (body?.code) seen.add(body.code);
      assert.ok(status < 500, `request ${number} is a ${status}: ${JSON.stringify(request)}`);
      const others = servers.filter((_, i) => answers[i] !== answers[0]).map(({ name }) => name);
      if (others.length > 0) differing.push({ number, others, request, answers: [...new Set(answers)] });
    }
  }
  if (differing.length > 0) {
    const {
      number,
      others,
      request,
      answers: [first, second],
    } = differing[0];
    assert.equal(
      second,
      first,
      `${differing.length} requests are answered differently; number ${number} by ${others}: ${JSON.stringify(request).slice(0, 1_000)}`,
    );
  }
  t.diagnostic(
    `statuses: ${[...statuses]
      .sort()
      .map(([status, times]) => `${status} x ${times}`)
      .join(", ")}`,
  );
  t.diagnostic(`headers and codes: ${[...seen].sort().join(", ")}`);
  for (const status of [200, 201, 400, 401, 403, 404, 409, 429])
    assert.ok(statuses.has(status), `no request got a ${status}`);
  for (const what of [
    ...COMPARED,
    "TOKEN_EXPIRED",
    "TOKEN_INVALID",
    "USER_ALREADY_EXISTS",
    "INVALID_CREDENTIALS",
    "RATE_LIMIT_EXCEEDED",
  ])
    assert.ok(seen.has(what), `no request got ${what}`);
});
