// Whether a stored answer is given again, and which bodies are the same, by the table that the core and Python run too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { options, testClock } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { AuthServer } = require("../../npm/dist/server.js");
const { Execution, Gate } = require("../../npm/dist/adapters/idempotency/gate.js");
const { describeBody, describeForm } = require("../../npm/dist/adapters/idempotency/bodies.js");
const { describeStream } = require("../../npm/dist/adapters/idempotency/web.js");
const { watchProtection } = require("../../npm/dist/adapters/protection.js");
const rows = JSON.parse(readFileSync(new URL("../vectors/idempotency.json", import.meta.url), "utf8"));
const table = rows.filter(({ given }) => given.op === "replay");
const url = "http://shop.example/orders";
const bodies = rows.filter(({ given }) => given.op === "body");

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
    body: Buffer.from("{}"),
  };
}

/** A body of a row: a text, or bytes in hexadecimal. */
const bytesOf = (body) => (typeof body === "string" ? Buffer.from(body) : Buffer.from(body.hex, "hex"));

function named(verdict) {
  if (verdict === undefined) return "run";
  assert.ok(!(verdict instanceof Execution));
  return { 200: "answer", 403: "refuse" }[verdict.status];
}

test("the table is there", () => assert.ok(table.length >= 20 && bodies.length >= 15));

for (const { id, given, expect } of bodies) {
  test(id, async () => {
    const [first, second] = [given.a, given.b].map(([type, body]) => ({ ...order(), type, body: bytesOf(body) }));
    const gate = new Gate();
    const execution = await gate.judge({}, first);
    assert.ok(execution instanceof Execution);
    await execution.keep(200, [], Buffer.from("kept"));
    const { status } = await gate.judge({}, second);
    assert.equal(status, expect === "same" ? 200 : 422);
  });

  test(`${id}: its bytes count, however they come`, async () => {
    for (const [, body] of [given.a, given.b]) {
      const bytes = bytesOf(body);
      const ways = {
        "a buffer": describeBody(bytes, undefined, true),
        "a view": describeBody(new Uint8Array(bytes), undefined, true),
        "an ArrayBuffer": describeForm(new Uint8Array(bytes).buffer, undefined),
        "a stream": describeStream(new Request(url, { method: "POST", body: bytes })),
        "read by the framework": describeStream(await readRequest(), async () => new Uint8Array(bytes).buffer),
      };
      if (typeof body === "string") ways["a text"] = describeBody(body, undefined, true);
      for (const [way, described] of Object.entries(ways))
        assert.equal(Buffer.from(await described).toString("hex"), bytes.toString("hex"), way);
    }
  });
}

/** A request whose body was read. */
async function readRequest() {
  const request = new Request(url, { method: "POST", body: "x" });
  await request.text();
  return request;
}

test("of a body longer than what is kept, the beginning counts, and the length that its sender declares", async () => {
  const limit = 1024 * 1024;
  for (const [size, expected] of [
    [limit, limit],
    [limit + 1, limit + 4],
    [2 * limit, limit + 4],
  ]) {
    const body = Buffer.alloc(size, 0xe9);
    const made = () => new Request(url, { method: "POST", body, headers: { "content-length": "abc" } });
    const read = made();
    await read.arrayBuffer();
    for (const described of [await describeStream(made()), await describeStream(read, async () => body)]) {
      assert.equal(described.length, expected);
      if (size > limit) assert.equal(Buffer.from(described.subarray(limit)).toString(), " abc");
    }
  }
});

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
