// What `protect()` remembers of tokens ends at once with what it rests on: the core's epoch, read where it lies, or asked for
// where the engine keeps its memory to itself. What it signs, it signs by the present key, whichever process made that.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { setTimeout as sleep } from "node:timers/promises";
import { options, sqliteFile, testClock } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { makeServer } = require("../../npm/dist/engine.js");
const { loadNative } = require("../../npm/dist/loader.js");

const core = loadNative();
const USER = { identifiers: [{ type: "username", value: "rizz" }], password: "correct horse", roles: ["user"] };
const bearer = (token) => ({ method: "GET", authorization: `Bearer ${token}` });

async function signedIn() {
  const server = makeServer(options());
  await server.migrate();
  const { user } = await server.register(USER);
  const { accessToken } = await server.createSession(user.id);
  // The first look asks the database.
  assert.equal((await server.guard(bearer(accessToken))).principal.id, user.id);
  return { server, user, token: accessToken };
}

/** Runs with a core whose `epoch` is counted, and whose memory can be looked at or not. */
async function counting(looks, run) {
  const { epoch, epochWindow } = core;
  const counted = { asked: 0 };
  core.epoch = (number) => {
    counted.asked += 1;
    return epoch(number);
  };
  if (!looks) core.epochWindow = () => null;
  try {
    await run(counted);
  } finally {
    Object.assign(core, { epoch, epochWindow });
  }
}

for (const looks of [true, false]) {
  test(`a session that is revoked is refused at the next request, ${looks ? "by a look at memory" : "by a call"}`, () =>
    counting(looks, async (counted) => {
      const { server, user, token } = await signedIn();
      const requests = 200;
      const before = { asked: counted.asked, at: Date.now() };
      for (let i = 0; i < requests; i++) assert.equal(server.guardNow(bearer(token)).principal.id, user.id);
      const [asked, tenths] = [counted.asked - before.asked, Math.floor((Date.now() - before.at) / 100)];
      // Now and then the core is asked all the same, so that it looks for keys that others withdrew.
      if (looks) assert.ok(asked >= 1 && asked <= tenths + 2, `asked ${asked} times in ${tenths} tenths of a second`);
      else assert.equal(asked, requests);
      await server.revokeSessions(user.id);
      const refused = server.guardNow(bearer(token)) ?? (await server.guard(bearer(token)));
      assert.equal(refused.error.code, "UNAUTHORIZED");
      await server.close();
    }));
}

test("a thread that ends takes its servers with it and leaves the process alive", async () => {
  const script = `
const { makeServer } = require(${JSON.stringify(require.resolve("../../npm/dist/engine.js"))});
const { parentPort } = require("node:worker_threads");
(async () => {
  const servers = [];
  for (let i = 0; i < 20; i++) {
    const server = makeServer({ mode: "server", db: "sqlite::memory:", validRoles: ["user"], secret: "x".repeat(40) });
    await server.migrate();
    servers.push(server);
  }
  const { user } = await servers[0].register(${JSON.stringify(USER)});
  const { accessToken } = await servers[0].createSession(user.id);
  await servers[0].guard({ method: "GET", authorization: "Bearer " + accessToken });
  // Still at work while the thread is ended.
  parentPort.postMessage(servers[0].guardNow({ method: "GET", authorization: "Bearer " + accessToken }).principal.id);
  for (;;) await servers[0].revokeSessions(user.id);
})();`;
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(script, { eval: true });
    const [id] = await once(worker, "message");
    assert.match(id, /^[0-9a-f-]{36}$/);
    await worker.terminate();
  }
  const { server, token, user } = await signedIn();
  assert.equal(server.guardNow(bearer(token)).principal.id, user.id);
  await server.close();
});

const kidOf = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).kid;
const taken = (verify) => {
  try {
    return verify();
  } catch (error) {
    assert.equal(error.code, "TOKEN_INVALID");
    return false;
  }
};

for (const [what, isPresent] of Object.entries({
  "signs access tokens": (one, other, kid) => kidOf(one.signAccessToken({ id: "u-1" })) === kid,
  "signs refresh tokens": (one, other, kid) => kidOf(one.signRefreshToken("s-1")) === kid,
  "verifies refresh tokens": (one, other) => taken(() => one.verifyRefreshToken(other.signRefreshToken("s-1"))),
}))
  test(`a process that only ${what} knows the key that another made`, async (t) => {
    const [clock, db] = [testClock(), sqliteFile(t)];
    const [one, other] = [1, 2].map(() => makeServer(options({ db, secret: undefined, algorithm: "ES256", clock })));
    t.after(() => Promise.all([one.close(), other.close()]));
    await one.migrate();
    await other.ready();
    let { kid } = await other.rotateKeys();
    clock.advance(36_000);
    const until = Date.now() + 30_000;
    while (!isPresent(one, other, kid)) {
      assert.ok(Date.now() < until, "it still goes by the old key");
      await sleep(10);
    }
    // What does not wait waits for no look either; whoever calls seldom calls this before.
    ({ kid } = await other.rotateKeys());
    clock.advance(3_600_000);
    await one.ready();
    assert.ok(isPresent(one, other, kid));
  });
