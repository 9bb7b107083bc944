// Messages to users behind the answer: what a host sends, how often, and what nobody gets to see of it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { betterSqlite } from "./support/dialects.mjs";
import { frameworks, serve } from "./support/frameworks.mjs";
import { PASSWORD } from "./support/server.mjs";

const { SqliteDialect } = createRequire(import.meta.url)("kysely");

const LINKS = { reset: "https://app.example.com/reset" };
const OPTIONS = {
  mode: "server",
  db: "sqlite::memory:",
  secret: "a secret of at least thirty-two bytes, for tests",
  validRoles: ["user", "admin", "editor"],
  saltRounds: 10,
};
const TO = "anna@example.com";

async function start(t, framework, options) {
  const { auth, base, close } = await serve(framework, { ...OPTIONS, ...options });
  t.after(close);
  await auth.migrate();
  const post = (path, body) =>
    fetch(base + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return { auth, base, post };
}

/** A server with a user whose address is `TO`, and its log. */
async function withUser(t, send, options) {
  const log = [];
  const note = (entry) => void log.push(entry);
  const started = await start(t, frameworks["Express 5"], {
    messages: { send, links: LINKS },
    logger: { info: note, warn: note, error: note },
    ...options,
  });
  const registered = await started.auth.register({
    identifiers: [{ type: "email", value: TO }],
    password: PASSWORD,
  });
  assert.ok(registered.success);
  return { ...started, log };
}

/** A promise that is resolved from outside. */
const latch = () => {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
};

const until = async (holds) => {
  for (let i = 0; !holds() && i < 400; i++) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.ok(holds());
};

for (const [name, framework] of Object.entries(frameworks)) {
  test(`${name}: without messages the endpoints answer as unknown paths do`, async (t) => {
    const { base } = await start(t, framework, {});
    const ask = async (method, path) => {
      const answer = await fetch(`${base}/auth${path}`, { method });
      const text = (await answer.text()).replaceAll(path, "PATH");
      return [answer.status, answer.headers.get("content-type"), text];
    };
    const paths = ["/password/forgot", "/password/reset", "/identifiers/verify", "/identifiers/confirm", "/login/code"];
    for (const path of [...paths, "/me/identifiers/a/verify", "/me/export"]) {
      for (const method of ["POST", "GET"]) {
        const unknown = path.replace(/\w$/, "_");
        assert.deepEqual(await ask(method, path), await ask(method, unknown), `${method} ${path}`);
      }
    }
    assert.deepEqual(await ask("DELETE", "/me"), await ask("DELETE", "/keys"), "another method of a path");
  });
}

test("a mail server that hangs delays no answer, and close() waits for it", async (t) => {
  const sent = [];
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const { auth, post } = await withUser(t, async (message, ctx) => {
    await held;
    sent.push([message, ctx]);
  });
  const answer = await post("/auth/password/forgot", { identifier: TO });
  assert.deepEqual([answer.status, sent.length], [202, 0]);
  const closing = auth.close();
  release();
  await closing;
  const [[message, ctx]] = sent;
  assert.deepEqual([message.kind, message.to, message.channel], ["password-reset", TO, "email"]);
  assert.equal(message.url, `${LINKS.reset}?token=${message.token}`);
  assert.deepEqual(ctx, message.context);
});

test("a message that fails is sent again under the same id, and nothing of it is logged", async (t) => {
  const ids = [];
  const { auth, post, log } = await withUser(t, async ({ id }) => {
    ids.push(id);
    if (ids.length === 1) throw new Error("try again");
  });
  await post("/auth/password/forgot", { identifier: TO });
  await auth.close();
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
  assert.deepEqual(
    log.filter(({ event }) => event.startsWith("auth.message")).map(({ event, kind }) => [event, kind]),
    [["auth.message.sent", "password-reset"]],
  );
});

test("after three attempts it is a failure, whose cause repeats neither address nor secret", async (t) => {
  const messages = [];
  const { auth, post, log } = await withUser(t, ({ to, code, url, ...rest }) => {
    messages.push({ to, code, url, ...rest });
    throw new Error(`550 ${to} does not take ${code} or ${url}`);
  });
  const { status } = await post("/auth/password/forgot", { identifier: TO });
  assert.equal(status, 202);
  await auth.close();
  assert.equal(messages.length, 3);
  const failures = log.filter(({ event }) => event === "auth.message.failure");
  assert.deepEqual(
    failures.map(({ kind, channel, cause }) => [kind, channel, cause]),
    [["password-reset", "email", "550 .. does not take .. or .."]],
  );
  const logged = JSON.stringify(log);
  for (const secret of [TO, messages[0].code, messages[0].token]) assert.ok(!logged.includes(secret), secret);
});

test("no error of a provider ends the process, and none gets an address into the log in any spelling", async (t) => {
  const odd = {
    "Mixed.Case+1@Example.com": [new Error("550 <mixed.case+1@EXAMPLE.com>"), "550 <..>"],
    "Encoded+1@example.com": [new Error("?a=encoded%2b1%40example%2Ecom&b=Encoded%2B1@example.com"), "?a=..&b=.."],
    "object@example.com": [Object.assign(new Error(), { message: { status: 550 } }), "[object Object]"],
    "bare@example.com": [Object.create(null), "an error without words"],
    "symbol@example.com": [Symbol("550"), "Symbol(550)"],
    "nothing@example.com": [undefined, "undefined"],
  };
  const { auth, log } = await withUser(t, ({ to }) => Promise.reject(odd[to][0]));
  for (const to of Object.keys(odd)) {
    const made = await auth.register({ identifiers: [{ type: "email", value: to }], password: PASSWORD });
    assert.ok(made.success);
    await auth.requestPasswordReset(to);
  }
  await auth.close();
  const causes = log.filter(({ event }) => event === "auth.message.failure").map(({ cause }) => cause);
  assert.deepEqual(
    causes.sort(),
    Object.values(odd)
      .map(([, words]) => words)
      .sort(),
  );
  await assert.rejects(auth.getUser("a"), ({ code }) => code === "SERVICE_UNAVAILABLE");
});

test("nothing of a message starts before there was time to write the answer", async (t) => {
  let started;
  const { auth } = await withUser(t, () => void (started = performance.now()));
  await auth.requestPasswordReset(TO);
  const answered = performance.now();
  await auth.close();
  assert.ok(started - answered > 30, `${started - answered} ms`);
});

test("close() sends the message of a request that ends while the database is closed", async (t) => {
  const dialect = new SqliteDialect({ database: betterSqlite(":memory:") });
  const [closing, answered] = [latch(), latch()];
  const makeDriver = dialect.createDriver.bind(dialect);
  dialect.createDriver = () => {
    const driver = makeDriver();
    const end = driver.destroy.bind(driver);
    driver.destroy = () => (closing.open(), answered.opened.then(end));
    return driver;
  };
  const sent = [];
  const send = ({ kind }) => delay(200).then(() => sent.push(kind));
  let closed;
  const requestPasswordReset = async (_input, _ctx, next) => {
    const asked = await next();
    closed = auth.close();
    await closing.opened;
    return asked;
  };
  const { auth, post } = await withUser(t, send, { db: undefined, dialect, router: { requestPasswordReset } });
  const { status } = await post("/auth/password/forgot", { identifier: TO });
  answered.open();
  await closed;
  assert.deepEqual([status, sent], [202, ["password-reset"]]);
});

test("close() waits for the message of a request that ends after the database", async (t) => {
  const sent = [];
  let closed;
  const requestPasswordReset = async (_input, _ctx, next) => {
    const asked = await next();
    closed = auth.close().then(() => [...sent]);
    await delay(300);
    return asked;
  };
  const { auth, post } = await withUser(t, ({ kind }) => sent.push(kind), { router: { requestPasswordReset } });
  const { status } = await post("/auth/password/forgot", { identifier: TO });
  assert.deepEqual([status, await closed], [202, ["password-reset"]]);
});

test("close() within a request does not wait for that request for ever", async (t) => {
  const requestPasswordReset = async (_input, _ctx, next) => {
    const asked = await next();
    await auth.close();
    return asked;
  };
  const sent = [];
  const { auth, post } = await withUser(t, ({ kind }) => sent.push(kind), { router: { requestPasswordReset } });
  const { status } = await post("/auth/password/forgot", { identifier: TO });
  await until(() => sent.length === 1);
  assert.equal(status, 202);
});

test("a password that is reset by code leaves a message, too", async (t) => {
  const sent = [];
  const { auth } = await withUser(t, (message) => void sent.push(message));
  const { flow, message } = await auth.requestPasswordReset(TO, { deliver: false });
  assert.deepEqual(sent, []);
  await auth.resetPassword({ flow, code: message.code, newPassword: "a new password" });
  await until(() => sent.length === 1);
  assert.equal(sent[0].kind, "password-changed");
  assert.equal((await auth.requestPasswordReset("nobody@example.com", { deliver: false })).message, undefined);
});

test("mistakes in the options are named", async () => {
  const refused = async (options, wanted) => {
    await assert.rejects(
      async () => (await serve(frameworks["Express 5"], { ...OPTIONS, ...options })).close(),
      ({ code, message }) => code === "CONFIGURATION_ERROR" && wanted.test(message),
      String(wanted),
    );
  };
  const send = () => {};
  await refused({ messages: {} }, /^messages\.send is missing/);
  await refused(
    { messages: { send, links: { reset: "/reset" } } },
    /^messages\.links\.reset must be an absolute https/,
  );
  for (const reset of ["http://app.example.com/", "https://", "javascript:alert(1)", "https://a@b/", "https://a/ b"])
    await refused({ messages: { send, links: { reset } } }, /^messages\.links\.reset must be/);
  await refused({ messages: { send, link: {} } }, /^messages\.link is not an option: did you mean messages\.links/);
  await refused({ messages: "consol" }, /^messages must be/);
  await refused({ messages: "console", production: true }, /^messages must not be 'console' in production/);
  await refused({ verification: {} }, /^verification needs messages/);
  await refused(
    { messages: { send }, verification: { require: true } },
    /^verification\.require is not an option: did you mean verification\.required/,
  );
  await refused({ messages: { send }, verification: { required: "yes" } }, /^verification\.required must be/);
  await refused({ messages: { send }, verification: { types: ["username"] } }, /^verification\.types must be/);
});
