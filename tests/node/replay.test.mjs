// Whether a stored answer is given again, by the table that the core and Python run too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { options, testClock } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { AuthServer } = require("../../npm/dist/server.js");
const { Execution, Gate } = require("../../npm/dist/adapters/idempotency/gate.js");
const { watchProtection } = require("../../npm/dist/adapters/protection.js");
const rows = JSON.parse(readFileSync(new URL("../vectors/idempotency.json", import.meta.url), "utf8"));
const table = rows.filter(({ given }) => given.op === "replay");

/** A server, and a token whose verification by it comes to `word`: `good`, or the code of an error. */
async function bearing(word) {
  const clock = testClock(1_767_225_600_000);
  // Keys that a database has are not there before it is asked.
  const kept = word === "SERVICE_UNAVAILABLE" ? { secret: undefined } : {};
  const auth = new AuthServer(options({ clock, ...kept }));
  const foreign = word === "TOKEN_INVALID" ? { secret: "a secret of another issuer, long enough" } : {};
  const issuer = new AuthServer(options({ clock, ...foreign }));
  await issuer.migrate();
  const token = word === null ? undefined : issuer.signAccessToken({ id: "u1", roles: ["user"] });
  await issuer.close();
  if (word !== "SERVICE_UNAVAILABLE") await auth.migrate();
  if (word === "TOKEN_EXPIRED") clock.advance(20 * 60_000);
  if (token !== undefined) {
    let found = "good";
    try {
      auth.verifyAccessToken(token);
    } catch (error) {
      found = error.code;
    }
    assert.equal(found, word);
  }
  return { auth, token };
}

function order(token) {
  return {
    raw: {},
    guard: { method: "POST", ...(token && { authorization: `Bearer ${token}` }) },
    value: "k",
    host: "shop.example",
    url: "/orders",
    address: "203.0.113.1",
    type: "application/json",
    body: "{}",
  };
}

function named(verdict) {
  if (verdict === undefined) return "run";
  assert.ok(!(verdict instanceof Execution));
  return { 200: "answer", 403: "refuse" }[verdict.status];
}

test("the table is there", () => assert.ok(table.length >= 20));

for (const { id, given, expect } of table) {
  test(id, async (t) => {
    const { auth, token } = await bearing(given.token);
    t.after(() => auth.close());
    // A row says by itself whom the tokens name, and whom protect() lets in.
    auth.identify = () => given.identity;
    const admitted = given.now && { id: "u1", roles: given.now };
    auth.guardNow = () => ({ headers: [], events: [], ...(admitted && { principal: admitted }) });
    const gate = new Gate({}, auth);
    const first = order(token);
    const execution = await gate.judge({}, first);
    assert.ok(execution instanceof Execution);
    if (given.stored) watchProtection(first.raw).roles.set(auth, given.stored);
    await execution.keep(200, [], Buffer.from("kept"));
    const verdict = await gate.judge({}, order(token));
    assert.equal(named(verdict), expect);
    if (expect === "answer") assert.equal(Buffer.from(verdict.body).toString(), "kept");
  });
}
