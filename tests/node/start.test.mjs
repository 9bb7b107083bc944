// The start of a server before its database (faults A4 and A9). The waits here are real time.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { mysqlDatabase, postgresSchema } from "./support/places.mjs";

const require = createRequire(import.meta.url);
const { makeServer } = require("../../npm/dist/engine.js");
const SERVERS = { PostgreSQL: postgresSchema, MySQL: mysqlDatabase };

/** A server whose log entries are kept. */
function make(db) {
  const lines = [];
  const log = ({ cause }) => lines.push(cause);
  const auth = makeServer({
    mode: "server",
    db,
    validRoles: ["user", "admin"],
    logger: { info() {}, warn: log, error: log },
  });
  return { auth, waits: () => lines.filter((line) => line?.startsWith("waiting for the database")) };
}

/** A database behind a port of its own, where nobody listens until `open()` is called. */
async function place(t, own) {
  const { url, drop } = await own();
  t.after(drop);
  const target = new URL(url);
  const port = Number(target.port || (target.protocol === "mysql:" ? 3306 : 5432));
  const front = createServer((socket) => {
    const behind = connect(port, target.hostname);
    for (const [from, to] of [
      [socket, behind],
      [behind, socket],
    ])
      from
        .on("error", () => to.destroy())
        .on("close", () => to.destroy())
        .pipe(to);
  });
  await new Promise((resolve) => front.listen(0, "127.0.0.1", resolve));
  const { port: free } = front.address();
  await new Promise((resolve) => front.close(resolve));
  t.after(() => front.close());
  const at = new URL(url);
  at.host = `127.0.0.1:${free}`;
  return { url, at: String(at), open: () => front.listen(free, "127.0.0.1") };
}

for (const [name, own] of Object.entries(SERVERS)) {
  test(`${name} that starts later is waited for`, async (t) => {
    const { at, open } = await place(t, own);
    const { auth, waits } = make(at);
    const started = auth.migrate();
    setTimeout(open, 4_000);
    while (waits().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const asked = Date.now();
    const { status } = await auth.handle({
      method: "POST",
      path: "/login",
      headers: [],
      body: { identifier: "a", password: "b" },
    });
    assert.equal(status, 503);
    assert.ok(Date.now() - asked < 2_300, "a request does not wait");
    await started;
    await auth.ready();
    assert.ok(waits().length >= 2, "a line every few seconds");
    await auth.close();
  });

  test(`${name} that refuses us says of what`, async (t) => {
    const { url } = await place(t, own);
    const of = (change) => {
      const changed = new URL(url);
      change(changed);
      return String(changed);
    };
    const cases = [
      [of((at) => (at.pathname = "/sentri_absent")), /database that does not exist/],
      [of((at) => (at.hostname = "absent.invalid")), /unknown host/],
      [of((at) => ((at.username = "sentri_absent"), (at.password = "hunter2"))), /role|user/],
    ];
    for (const [db, word] of cases) {
      const { auth, waits } = make(db);
      const error = await auth.migrate({ wait: "600ms" }).then(
        () => assert.fail(`${word} was let in`),
        (error) => error,
      );
      assert.equal(error.code, "CONFIGURATION_ERROR", error.message);
      assert.match(error.message, word);
      assert.match(waits()[0], word);
      assert.ok(!(error.message + waits().join()).includes("hunter2"));
      await auth.close();
    }
  });
}

test("the wait is an option, and ends with close()", async (t) => {
  const { at } = await place(t, postgresSchema);
  const { auth, waits } = make(at);
  await assert.rejects(auth.migrate({ wait: 0 }), { code: "SERVICE_UNAVAILABLE" });
  assert.deepEqual(waits(), []);
  await assert.rejects(auth.ready({ wait: "30" }), { code: "CONFIGURATION_ERROR", message: /^wait is ambiguous/ });
  const waiting = auth.ready();
  const ended = assert.rejects(waiting, { code: "SERVICE_UNAVAILABLE" });
  while (waits().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await auth.close();
  const closed = Date.now();
  await ended;
  assert.ok(Date.now() - closed < 3_000);
});
