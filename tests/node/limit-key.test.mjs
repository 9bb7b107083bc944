// What a limiter on a route counts by, by the table that the core and Python run too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createAuthExpress } from "../../npm/dist/esm/express.mjs";
import { options } from "./support/server.mjs";

const table = JSON.parse(readFileSync(new URL("../vectors/limit-key.json", import.meta.url), "utf8"));
const wrong = { error: "key must give a text" };
/** What JSON has no word for. */
const own = [
  { id: "undefined", given: { key: undefined }, expect: null },
  { id: "a bigint", given: { key: 12345678901234567890n }, expect: "12345678901234567890" },
  { id: "a lone surrogate", given: { key: "a\ud800" }, expect: "a\ufffd" },
  { id: "not a number", given: { key: NaN }, expect: wrong },
  { id: "infinity", given: { key: Infinity }, expect: wrong },
  { id: "a function", given: { key: () => "a" }, expect: wrong },
  { id: "a symbol", given: { key: Symbol("a") }, expect: wrong },
  { id: "a date", given: { key: new Date() }, expect: wrong },
  { id: "bytes", given: { key: Buffer.from("a") }, expect: wrong },
];

/** A limiter of one request a minute whose `key` gives `key`: the error with which it ends a request from an address. */
function limiter(auth, keyPrefix, key) {
  const limit = auth.rateLimiter({ maxAttempts: 1, durationSeconds: 60, keyPrefix, key: async () => key });
  return (ip) => new Promise((resolve) => limit({ ip, headers: {}, rawHeaders: [] }, { setHeader() {} }, resolve));
}

for (const { id, given, expect } of [...table, ...own]) {
  test(id, async (t) => {
    const auth = createAuthExpress(options());
    t.after(() => auth.close());
    const ask = limiter(auth, "one", given.key);
    const first = await ask("203.0.113.1");
    if (expect?.error) {
      assert.equal(first.code, "CONFIGURATION_ERROR");
      assert.match(first.message, new RegExp(`^rateLimiter\\(\\): ${expect.error}`));
      return;
    }
    assert.equal(first, undefined);
    assert.equal((await ask("203.0.113.1")).code, "RATE_LIMIT_EXCEEDED");
    assert.equal(
      (await ask("203.0.113.2"))?.code,
      expect === null ? undefined : "RATE_LIMIT_EXCEEDED",
      "whether the address counts",
    );
    if (expect !== null)
      assert.equal((await limiter(auth, "one", expect)("203.0.113.3")).code, "RATE_LIMIT_EXCEEDED", "that very key");
  });
}
