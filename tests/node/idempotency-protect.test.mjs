// What `protect()` finds out and adds, and what becomes of it in the answers that the idempotency middleware keeps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gates, serveGate } from "./support/gates.mjs";
import { options, testClock, user } from "./support/server.mjs";

/** Sends an order under a key. */
async function order(base, headers) {
  const sent = await fetch(`${base}/order`, {
    method: "POST",
    body: "{}",
    headers: { "content-type": "application/json", "x-idempotency-key": "k", ...headers },
  });
  const json = await sent.json();
  return {
    status: sent.status,
    headers: sent.headers,
    run: json.run,
    code: json.code,
    isReplay: sent.headers.get("idempotency-replayed") === "true",
  };
}

/** An application with a guarded route behind the gate, and a user. */
async function start(t, framework, more = {}, headers = {}) {
  let runs = 0;
  const auth = framework.create(options(more));
  await auth.migrate();
  const base = await serveGate(
    t,
    framework,
    auth.idempotencyMiddleware(),
    { "/order": () => ({ json: { run: (runs += 1) }, headers }) },
    auth,
  );
  const { user: made } = await auth.register(user("rizz", { roles: ["user"] }));
  const session = await auth.createSession(made.id);
  return { auth, base, id: made.id, session, runs: () => runs };
}

for (const [name, framework] of Object.entries(gates)) {
  test(`${name}: a request that renews its token runs once`, async (t) => {
    for (const accessCookie of [false, true]) {
      const clock = testClock();
      const { base, session, runs } = await start(t, framework, { clock, accessCookie }, { "x-own": "1" });
      clock.advance(20 * 60_000);
      const authorization = accessCookie ? {} : { authorization: `Bearer ${session.accessToken}` };
      const headers = { ...authorization, cookie: `refresh_token=${session.refreshToken}` };
      const first = await order(base, headers);
      const minted = accessCookie ? first.headers.getSetCookie().join() : first.headers.get("x-access-token");
      assert.ok(minted, "the first answer brings a token");
      const second = await order(base, headers);
      assert.deepEqual([first.run, second.run, runs(), second.isReplay], [1, 1, 1, true]);
      assert.deepEqual(
        [second.headers.get("x-access-token"), second.headers.getSetCookie(), second.headers.get("x-own")],
        [null, [], "1"],
        "and the second none",
      );
    }
  });

  test(`${name}: a cookie of the handler's own is still not kept`, async (t) => {
    const clock = testClock();
    const { base, session, runs } = await start(t, framework, { clock }, { "set-cookie": "cart=1" });
    clock.advance(20 * 60_000);
    const headers = { cookie: `refresh_token=${session.refreshToken}` };
    assert.deepEqual([(await order(base, headers)).run, (await order(base, headers)).run, runs()], [1, 2, 2]);
  });

  test(`${name}: an answer is not for other roles than it was given for`, async (t) => {
    const { auth, base, id, session, runs } = await start(t, framework, { sessionCheck: { maxAge: 0 } });
    const headers = { authorization: `Bearer ${session.accessToken}` };
    assert.deepEqual([(await order(base, headers)).run, (await order(base, headers)).isReplay], [1, true]);
    for (const roles of [[], ["user", "admin"]]) {
      await auth.assignRoles(id, roles);
      const refused = await order(base, headers);
      assert.deepEqual(
        [refused.status, refused.code, refused.isReplay, runs()],
        [403, "FORBIDDEN", false, 1],
        String(roles),
      );
    }
    await auth.assignRoles(id, ["user"]);
    assert.deepEqual([(await order(base, headers)).isReplay, runs()], [true, 1], "the same roles again");
  });
}

test("a gate behind protect() knows the roles too, and the standalone one keeps none", async (t) => {
  const framework = gates["Express 5"];
  const auth = framework.create(options({ sessionCheck: { maxAge: 0 } }));
  await auth.migrate();
  let runs = 0;
  const routes = { "/order": () => ({ json: { run: (runs += 1) } }) };
  const inner = await serveGate(t, framework, [auth.protect(), auth.idempotencyMiddleware()], routes);
  const standalone = await serveGate(t, framework, framework.standalone(), routes, auth);
  const { user: made } = await auth.register(user("rizz", { roles: ["user"] }));
  const headers = { authorization: `Bearer ${(await auth.createSession(made.id)).accessToken}` };
  assert.deepEqual([(await order(inner, headers)).run, (await order(standalone, headers)).run], [1, 2]);
  await auth.assignRoles(made.id, ["admin"]);
  assert.equal((await order(inner, headers)).status, 403);
  assert.deepEqual([(await order(standalone, headers)).isReplay, runs], [true, 2]);
});
