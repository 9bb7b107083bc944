// Floods that switched logins off on 6.0.0, through the package alone, so that the same test runs beside that version.
// They take both cores of a small machine for a minute, so `make soak` runs them and not `make test`.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Browser, PASSWORD, listen, options, sentri, user } from "../node/support/server.mjs";

const require = createRequire(import.meta.url);
const { makeServer } = require("../../npm/dist/engine.js");
const WRONG = "a wrong password";

const logIn = async (auth, clientIp, identifier, password) => {
  const parsed = JSON.stringify({ identifier, password });
  const { status } = await auth.handle({ method: "POST", path: "/login", headers: [], parsed, clientIp });
  return status;
};

async function make(t, users) {
  const auth = makeServer(options({ rateLimit: true }));
  t.after(() => auth.close());
  await auth.migrate();
  for (const name of users) assert.equal((await auth.register(user(name))).success, true);
  return auth;
}

/** Runs an attack for some seconds; the statuses of a victim elsewhere who logs in meanwhile. */
async function victimUnder(auth, parallel, attack) {
  let over = false;
  const attackers = Array.from({ length: parallel }, async (_, n) => {
    for (let round = 0; !over; round++) if ((await attack(n, round)) === 429) await pause(20);
  });
  await pause(1_000);
  const statuses = [];
  for (let times = 0; times < 12; times++) {
    statuses.push(await logIn(auth, "203.0.113.9", "victim", PASSWORD));
    await pause(200);
  }
  over = true;
  await Promise.all(attackers);
  return statuses;
}

const ALL_IN = Array(12).fill(200);

test("B1: a flood from one prefix leaves others their logins", async (t) => {
  const auth = await make(t, ["victim"]);
  const statuses = await victimUnder(auth, 110, (n, round) =>
    logIn(auth, `2001:db8:0:${((n + round * 110) % 256).toString(16)}::1`, `nobody ${n} ${round}`, WRONG),
  );
  assert.deepEqual(statuses, ALL_IN);
});

test("B1: right logins at accounts of one's own leave others theirs", async (t) => {
  const own = Array.from({ length: 20 }, (_, n) => `own${n}`);
  const auth = await make(t, ["victim", ...own]);
  const addresses = ["192.0.2.1", "198.51.100.1"];
  const statuses = await victimUnder(auth, 100, (n) => logIn(auth, addresses[n % 2], own[n % 20], PASSWORD));
  assert.deepEqual(statuses, ALL_IN);
});

test("B2: the keys of a limiter leave logins their memory", async (t) => {
  const auth = sentri.createAuthExpress(options({ rateLimit: true }));
  await auth.migrate();
  const base = await listen(t, auth, { before: (app) => app.set("trust proxy", true) });
  const names = Array.from({ length: 8 }, (_, n) => `rizz${n}`);
  for (const name of names) assert.equal((await auth.register(user(name))).success, true);
  const enter = async (address, identifier, password) => {
    const headers = { "x-forwarded-for": address };
    return (await new Browser(base).post("/auth/login", { identifier, password }, headers)).status;
  };
  const limiter = auth.rateLimiter({ maxAttempts: 1, durationSeconds: 3600, key: (req) => req.name });
  const hit = (name) => {
    const req = { name, headers: {}, rawHeaders: [], ip: "192.0.2.1", method: "GET", url: "/" };
    const res = { setHeader() {}, getHeader() {}, set() {}, append() {}, headersSent: false };
    return new Promise((resolve) => limiter(Object.assign(req, { res }), res, resolve));
  };
  const refusals = new Set();
  const flood = async (from) => {
    // More than there are places in all.
    for (let n = from; n < 210_000; n += 200) refusals.add((await hit(`key ${n}`))?.code);
  };
  await Promise.all(Array.from({ length: 200 }, (_, from) => flood(from)));
  assert.ok(refusals.has(undefined) && [...refusals].every((code) => !code || code === "RATE_LIMIT_EXCEEDED"));
  // Of those who find no place, one is refused for what another did.
  for (let n = 0; n < 96; n++) assert.ok([401, 429].includes(await enter(`198.51.100.${n}`, `nobody${n}`, WRONG)));
  const statuses = [];
  for (const [n, name] of names.entries()) statuses.push(await enter(`203.0.113.${n}`, name, PASSWORD));
  assert.deepEqual(statuses, Array(8).fill(200));
});
