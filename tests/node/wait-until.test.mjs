// Hosts that freeze behind the answer are told of the messages that are still on their way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { createAuthHono } from "../../npm/dist/esm/hono.mjs";
import { createAuthWeb } from "../../npm/dist/esm/web.mjs";
import { PASSWORD } from "./support/server.mjs";

const TO = "anna@example.com";

/** An auth of this factory with a user, the messages that were sent, and a request that asks for one. */
async function setUp(t, create, messages) {
  const sent = [];
  const auth = create({
    mode: "server",
    db: "sqlite::memory:",
    secret: "a secret of at least thirty-two bytes, for tests",
    validRoles: ["user"],
    saltRounds: 10,
    messages: { send: ({ kind, to }) => void sent.push([kind, to]), ...messages },
  });
  t.after(() => auth.close());
  await auth.migrate();
  const identifiers = [{ type: "email", value: TO }];
  assert.ok((await auth.register({ identifiers, password: PASSWORD })).success);
  const forgot = (identifier) =>
    new Request("https://example.com/auth/password/forgot", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ identifier }),
    });
  return { auth, sent, forgot };
}

/** What a platform hands its handlers, where `waitUntil` wants its own `this`, as that of Cloudflare does. */
class Platform {
  held = [];
  waitUntil(promise) {
    assert.ok(this instanceof Platform);
    this.held.push(promise);
  }
  passThroughOnException() {}
}

const WAYS = {
  "sentri/web, fetch()": async (t, messages) => {
    const { auth, ...rest } = await setUp(t, createAuthWeb, messages);
    return { ...rest, auth, ask: (request, platform) => auth.fetch(request, platform) };
  },
  "sentri/web, a route's event": async (t, messages) => {
    const { auth, ...rest } = await setUp(t, createAuthWeb, messages);
    const ask = (request, platform) => {
      const event = { request, waitUntil: platform && ((promise) => platform.waitUntil(promise)) };
      return auth.handlers.POST(event);
    };
    return { ...rest, auth, ask };
  },
  Hono: async (t, messages) => {
    const { auth, ...rest } = await setUp(t, createAuthHono, messages);
    const app = new Hono().route("/auth", auth.router());
    return { ...rest, auth, ask: (request, platform) => app.fetch(request, {}, platform) };
  },
};

for (const [name, start] of Object.entries(WAYS)) {
  test(`${name}: the platform's waitUntil holds it until the message is sent`, async (t) => {
    const { ask, forgot, sent } = await start(t);
    const platform = new Platform();
    assert.equal((await ask(forgot(TO), platform)).status, 202);
    assert.deepEqual([platform.held.length, sent], [1, []]);
    await Promise.all(platform.held);
    assert.deepEqual(sent, [["password-reset", TO]]);
    assert.equal((await ask(forgot("nobody@example.com"), platform)).status, 202);
    assert.equal(platform.held.length, 1, "of nobody there is no message");
  });

  test(`${name}: messages.waitUntil is for requests whose platform has none, and for calls`, async (t) => {
    const platform = new Platform();
    const waitUntil = (promise) => platform.waitUntil(promise);
    const { auth, ask, forgot, sent } = await start(t, { waitUntil });
    assert.equal((await ask(forgot(TO))).status, 202);
    assert.equal(platform.held.length, 1);
    await auth.requestPasswordReset(TO);
    assert.equal(platform.held.length, 2);
    await Promise.all(platform.held);
    assert.equal(sent.length, 2);
  });

  test(`${name}: a waitUntil that throws undoes no answer and no message`, async (t) => {
    const { auth, ask, forgot, sent } = await start(t);
    const waitUntil = () => {
      throw new Error("the response was sent already");
    };
    const platform = Object.assign(new Platform(), { waitUntil });
    assert.equal((await ask(forgot(TO), platform)).status, 202);
    await auth.close();
    assert.deepEqual(sent, [["password-reset", TO]]);
  });
}

test("a message that fails at last is held until then, and rejects nothing", async (t) => {
  const { ask, forgot } = await WAYS.Hono(t, {
    send: () => {
      throw new Error("550");
    },
  });
  const platform = new Platform();
  await ask(forgot(TO), platform);
  assert.deepEqual(await Promise.all(platform.held), [undefined]);
});

test("what is no function is refused", () => {
  const options = { mode: "server", db: "sqlite::memory:", validRoles: ["user"] };
  assert.throws(() => createAuthWeb({ ...options, messages: { send() {}, waitUntil: "soon" } }), {
    code: "CONFIGURATION_ERROR",
    message: "messages.waitUntil must be a function that takes a promise",
  });
});
