// Which Authorization headers are worth a place in the memory of protect(), by the table that the core and Python run too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { options, user } from "./support/server.mjs";

const { AuthServer } = createRequire(import.meta.url)("../../npm/dist/server.js");
const table = JSON.parse(readFileSync(new URL("../vectors/memorable.json", import.meta.url), "utf8"));

/** A server, the id of a user, and a token of theirs. */
async function start(t) {
  const auth = new AuthServer(options());
  t.after(() => auth.close());
  await auth.migrate();
  const { user: made } = await auth.register(user("rizz"));
  const { accessToken } = await auth.createSession(made.id);
  return { auth, id: made.id, token: accessToken };
}

/** Whether the second of two requests with a header is answered from memory: by the very same object. */
async function isRemembered(auth, authorization) {
  const ask = async () => {
    const request = { method: "GET", authorization };
    return auth.guardNow(request, undefined) ?? (await auth.guard(request, undefined));
  };
  const [first, second] = [await ask(), await ask()];
  return { is: first === second, id: second.principal?.id };
}

test("the table", async (t) => {
  const { auth, id, token } = await start(t);
  for (const { id: row, given, expect } of table) {
    const found = await isRemembered(auth, given.authorization.replaceAll("{token}", token));
    assert.equal(found.is, expect, row);
    if (expect) assert.equal(found.id, id, row);
  }
});

test("a token of more than 4,096 characters is taken, and not remembered", async (t) => {
  const { auth, id } = await start(t);
  const token = auth.signAccessToken({ id, roles: Array.from({ length: 60 }, () => "x".repeat(64)) });
  assert.ok(token.length > 4_096);
  assert.deepEqual(await isRemembered(auth, `Bearer ${token}`), { is: false, id });
});
