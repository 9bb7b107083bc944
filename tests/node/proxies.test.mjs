// Proxies in front of every framework: `trustProxy` works in all of them, and one that nobody has declared is warned of.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { frameworks, serve } from "./support/frameworks.mjs";
import { gates, serveGate } from "./support/gates.mjs";
import { Browser, options, user } from "./support/server.mjs";

const limited = (auth) => [
  {
    path: "/mail",
    guards: [auth.rateLimiter({ maxAttempts: 1, durationSeconds: 60 })],
    answer: () => ({ sent: true }),
  },
  {
    path: "/keyed",
    guards: [auth.rateLimiter({ maxAttempts: 9, durationSeconds: 60, key: () => "all" })],
    answer: () => ({ sent: true }),
  },
];

for (const [name, framework] of Object.entries(frameworks)) {
  // The framework itself trusts nobody in these tests.
  const start = async (t, more) => {
    const served = await serve(framework, options({ rateLimit: { maxRegisterAttempts: 1 }, ...more }), limited, {
      trust: false,
    });
    t.after(() => served.close());
    await served.auth.migrate();
    return new Browser(served.base);
  };

  test(`${name}: trustProxy is applied by endpoints and limiters alike`, async (t) => {
    for (const trustProxy of [1, ["loopback"]]) {
      const browser = await start(t, { trustProxy });
      const statuses = [];
      for (const last of [1, 1, 2]) {
        const headers = { "x-forwarded-for": `192.0.2.${statuses.length}, 198.51.100.${last}` };
        statuses.push((await browser.post("/mail", undefined, headers)).status);
        statuses.push((await browser.post("/auth/register", user(`rizz${statuses.length}`), headers)).status);
      }
      assert.deepEqual(statuses, [200, 201, 429, 429, 200, 201], JSON.stringify(trustProxy));
    }
  });

  test(`${name}: a proxy that nobody has declared is warned of once`, async (t) => {
    for (const [path, body] of [["/mail"], ["/auth/login", { identifier: "nobody", password: "not the password" }]]) {
      const told = [];
      const keep = (entry) => entry.hook === "trustProxy" && told.push(entry);
      const logger = { info: keep, warn: keep, error: keep };
      const forwarded = { "x-forwarded-for": "198.51.100.1" };
      const browser = await start(t, { logger });
      await browser.post(path, body);
      await browser.post("/keyed", undefined, forwarded);
      assert.deepEqual(told, [], "nobody was counted by an address that may be a proxy's");
      for (let times = 0; times < 3; times++) await browser.post(path, body, forwarded);
      assert.equal(told.length, 1, path);
      assert.equal(told[0].event, "auth.hook.failure");
      assert.match(told[0].cause, /127\.0\.0\.1.*X-Forwarded-For.*set trustProxy/);
      const declared = await start(t, { logger, trustProxy: 1 });
      await declared.post(path, body, forwarded);
      assert.equal(told.length, 1);
    }
  });

  test(`${name}: without a logger the process is warned`, async (t) => {
    const warned = [];
    const listener = ({ message }) => warned.push(message);
    process.on("warning", listener);
    t.after(() => process.off("warning", listener));
    const browser = await start(t, {});
    for (let times = 0; times < 2; times++)
      await browser.post("/mail", undefined, { "x-forwarded-for": "198.51.100.1" });
    await new Promise(setImmediate);
    assert.deepEqual(warned.filter((text) => text.includes("trustProxy")).length, 1);
  });
}

for (const [name, framework] of Object.entries(gates)) {
  test(`${name}: trustProxy tells callers apart at the idempotency gate`, async (t) => {
    for (const [trustProxy, runs] of [
      [undefined, 1],
      [1, 2],
    ]) {
      let ran = 0;
      const auth = framework.create(options({ trustProxy }));
      await auth.migrate();
      t.after(() => auth.close());
      const base = await serveGate(t, framework, auth.idempotencyMiddleware(), {
        "/pay": async () => ({ status: 201, json: { run: ++ran } }),
      });
      const key = randomUUID();
      for (const address of ["198.51.100.1", "198.51.100.2", "198.51.100.1"]) {
        await new Browser(base).post("/pay", { amount: 1 }, { "x-idempotency-key": key, "x-forwarded-for": address });
      }
      assert.equal(ran, runs, `trustProxy: ${trustProxy}`);
    }
  });
}
