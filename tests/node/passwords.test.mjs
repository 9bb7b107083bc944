// Passwords need no database: neither as functions of their own nor with a server whose database is not there.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { options } from "./support/server.mjs";

const sentri = createRequire(import.meta.url)("../../npm/dist/index.js");
const PASSWORD = "correct horse 1";

test("hashPassword, verifyPassword and needsRehash work without a server", async () => {
  const hash = await sentri.hashPassword(PASSWORD, { saltRounds: 10 });
  assert.match(hash, /^\$2b\$10\$/);
  assert.equal(await sentri.verifyPassword(PASSWORD, hash), true);
  assert.equal(await sentri.verifyPassword("another", hash), false);
  assert.deepEqual([sentri.needsRehash(hash), sentri.needsRehash(hash, { saltRounds: 10 })], [true, false]);
  assert.match(await sentri.hashPassword(PASSWORD, { algorithm: "argon2id" }), /^\$argon2id\$/);
  await assert.rejects(sentri.hashPassword(PASSWORD, { rounds: 10 }), { code: "CONFIGURATION_ERROR" });
  for (const wrong of [undefined, null, 5, {}, "\ud800"]) {
    await assert.rejects(sentri.hashPassword(wrong), { code: "VALIDATION_ERROR" });
    await assert.rejects(sentri.verifyPassword(wrong, hash), { code: "VALIDATION_ERROR" });
    assert.throws(() => sentri.needsRehash(wrong), { code: "VALIDATION_ERROR" });
  }
});

test("hashPassword enforces the rules that are given, and verifyPassword accepts all that it makes", async () => {
  for (const [password, rules, message] of [
    ["", {}, /at least 1 /],
    ["short", { minLength: 15 }, /at least 15 /],
    ["password", { preset: "nist", minLength: 8 }, /too well known/],
    [PASSWORD, { maxLength: 10 }, /longer than 10 /],
  ]) {
    await assert.rejects(sentri.hashPassword(password, rules), { code: "VALIDATION_ERROR", message });
  }
  await assert.rejects(sentri.hashPassword(PASSWORD, { saltRounds: 17 }), {
    code: "CONFIGURATION_ERROR",
    message: /^saltRounds must be at most 16/,
  });
  const long = "x".repeat(4096);
  const hash = await sentri.hashPassword(long, { algorithm: "argon2id", maxLength: 4096 });
  assert.equal(await sentri.verifyPassword(long, hash), true);
});

test("a server hashes and verifies before migrate(), and while its database is away", async (t) => {
  for (const more of [{}, { db: "postgres://nobody@127.0.0.1:1/none" }]) {
    const auth = sentri.createAuth(options(more));
    t.after(() => auth.close());
    const hash = await auth.hashPassword(PASSWORD);
    assert.equal(await auth.verifyPassword(PASSWORD, hash), true);
    assert.equal(await auth.verifyPassword("another", hash), false);
  }
});
