// Four processes over one database and one Redis behave as one.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { mysqlDatabase, postgresSchema } from "./support/places.mjs";
import { PASSWORD } from "./support/server.mjs";

const PLACES = { pg: postgresSchema, mysql2: mysqlDatabase };
const ONE = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const { REDIS_CLUSTER_URL: CLUSTER = ONE, REDIS_SENTINEL_URL: SENTINEL = ONE } = process.env;

for (const [driver, kind, REDIS] of [
  ["core", "pg", ONE],
  ["pg", "pg", CLUSTER],
  ["core", "mysql2", SENTINEL],
  ["mysql2", "mysql2", ONE],
]) {
  test(`four processes, ${driver === "core" ? `the core's own driver for ${kind}` : `Kysely with ${driver}`}`, {
    timeout: 120_000,
  }, async (t) => {
    const { url: place, drop } = await PLACES[kind]();
    const script = fileURLToPath(new URL("./support/process.mjs", import.meta.url));
    const children = Array.from({ length: 4 }, () => fork(script, [driver, place, REDIS]));
    t.after(async () => {
      await Promise.all(
        children.map((child) => {
          child.disconnect();
          return once(child, "exit");
        }),
      );
      await drop();
    });
    const ports = await Promise.all(children.map(async (child) => (await once(child, "message"))[0].port));
    // Buckets of this run's own in a Redis that others use too.
    const address = `10.${randomInt(256)}.${randomInt(256)}.${randomInt(1, 255)}`;
    const call = (index, path, { body, headers = {}, method = body ? "POST" : "GET" } = {}) =>
      fetch(`http://127.0.0.1:${ports[index % 4]}${path}`, {
        method,
        headers: { "content-type": "application/json", "x-forwarded-for": address, ...headers },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    const register = (value) =>
      call(0, "/auth/register", { body: { identifiers: [{ type: "username", value }], password: PASSWORD } });
    const login = async (index, identifier) => {
      const answer = await call(index, "/auth/login", { body: { identifier, password: PASSWORD } });
      assert.equal(answer.status, 200);
      return { access: (await answer.json()).data.accessToken, cookie: answer.headers.get("set-cookie").split(";")[0] };
    };
    const tally = (answers) =>
      answers.reduce((counts, { status }) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {});
    for (const value of ["rizz", "victim"]) assert.equal((await register(value)).status, 201);

    await t.test("a logout in one is refused in the others", async () => {
      const { access, cookie } = await login(0, "rizz");
      const look = (index) => call(index, "/protected", { headers: { authorization: `Bearer ${access}` } });
      for (let index = 0; index < 4; index++)
        assert.equal((await look(index)).status, 200, "and is in memory now, for an hour");
      assert.equal((await call(1, "/auth/logout", { method: "POST", headers: { cookie } })).status, 200);
      const until = Date.now() + 2_000;
      for (let index = 0; index < 4; index++) {
        while ((await look(index)).status !== 401) assert.ok(Date.now() < until, `process ${index} still accepts`);
      }
    });

    await t.test("fifty parallel refreshes of one token are fifty answers and one step", async () => {
      const { cookie } = await login(0, "rizz");
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => call(index, "/auth/refresh", { method: "POST", headers: { cookie } })),
      );
      assert.deepEqual(tally(answers), { 200: 50 });
      const generations = answers.map((answer) => {
        const token = answer.headers.get("set-cookie").split(";")[0].split("=")[1];
        return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString()).gen;
      });
      assert.deepEqual([...new Set(generations)], [1]);
    });

    await t.test("a hundred requests with one key are one execution", async () => {
      const key = randomBytes(12).toString("hex");
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          call(index, "/pay", { body: { amount: 1 }, headers: { "x-idempotency-key": key } }),
        ),
      );
      const runs = await Promise.all(ports.map(async (_, index) => (await call(index, "/runs")).json()));
      assert.equal(
        runs.reduce((a, b) => a + b),
        1,
      );
      const counts = tally(answers);
      assert.equal((counts[201] ?? 0) + (counts[409] ?? 0), 100, JSON.stringify(counts));
      assert.ok(counts[201] >= 1);
      const replays = await Promise.all(
        ports.map((_, index) => call(index, "/pay", { body: { amount: 1 }, headers: { "x-idempotency-key": key } })),
      );
      for (const replay of replays)
        assert.deepEqual([replay.status, replay.headers.get("idempotency-replayed")], [201, "true"]);
      assert.equal(
        new Set(await Promise.all(replays.map(async (replay) => (await replay.json()).by))).size,
        1,
        "the answer of the one that ran",
      );
    });

    await t.test("two hundred wrong logins against a limit of five are five verifications", async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          call(index, "/auth/login", { body: { identifier: "victim", password: "wrong wrong" } }),
        ),
      );
      assert.deepEqual(tally(answers), { 401: 5, 429: 195 });
      const locked = await call(3, "/auth/login", { body: { identifier: "VICTIM", password: PASSWORD } });
      assert.equal(locked.status, 429);
      assert.ok(Number(locked.headers.get("retry-after")) > 0);
    });
  });
}
