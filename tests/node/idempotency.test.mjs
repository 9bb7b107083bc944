// Repeats of a request with the same key: one execution, the same answer, nobody else's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser, PASSWORD, expresses, listen, options, sentri, user } from "./support/server.mjs";

const { createAuthExpress, createIdempotencyMiddleware } = sentri;

for (const [name, express] of Object.entries(expresses)) {
  test(`${name}: one execution for a hundred equal requests, and replays say so`, async (t) => {
    let runs = 0;
    const app = express();
    app.use(express.json());
    app.use(createIdempotencyMiddleware());
    app.post("/pay", async (req, res) => {
      runs += 1;
      await new Promise((resolve) => setTimeout(resolve, 30));
      res.status(201).set("X-Own", "kept").json({ run: runs, amount: req.body.amount });
    });
    app.post("/fail", (_req, res) => { runs += 1; res.status(400).json({}); });
    app.post("/token", (_req, res) => { runs += 1; res.json({ accessToken: "x" }); });
    app.post("/large", (_req, res) => { runs += 1; res.send("x".repeat(2_000_000)); });
    const server = await new Promise((resolve) => { const s = app.listen(0, "127.0.0.1", () => resolve(s)); });
    t.after(() => { server.closeAllConnections(); server.close(); });
    const base = `http://127.0.0.1:${server.address().port}`;
    const post = (path, key, body = { amount: 1 }, headers = {}) => fetch(base + path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...(key ? { "x-idempotency-key": key } : {}), ...headers } });

    const answers = await Promise.all(Array.from({ length: 100 }, () => post("/pay", "k1")));
    assert.equal(runs, 1);
    for (const answer of answers) {
      const body = await answer.json();
      if (answer.status === 201) assert.deepEqual(body, { run: 1, amount: 1 });
      else {
        assert.deepEqual([answer.status, body.code], [409, "IDEMPOTENCY_IN_PROGRESS"]);
        assert.ok(answer.headers.get("retry-after"));
      }
    }
    const replay = await post("/pay", "k1");
    assert.deepEqual([replay.status, replay.headers.get("idempotency-replayed"), replay.headers.get("x-own")], [201, "true", "kept"]);
    assert.deepEqual(await replay.json(), { run: 1, amount: 1 });
    const other = await post("/pay", "k1", { amount: 2 });
    assert.deepEqual([other.status, (await other.json()).code], [422, "IDEMPOTENCY_MISMATCH"]);
    assert.equal((await post("/pay", "k1", { amount: 1 }, { authorization: "Bearer somebody-else" })).headers.get("idempotency-replayed"), null, "another credential is another key");
    assert.equal((await post("/pay", "k1?", { amount: 1 })).status, 201);
    assert.equal((await post("/pay", "a b")).status, 400);
    for (const path of ["/fail", "/token", "/large"]) {
      const before = runs;
      await (await post(path, "same")).text();
      await (await post(path, "same")).text();
      assert.equal(runs, before + 2, `${path} is not stored`);
    }
  });
}

test("a replay ends with the session, and the endpoints that give tokens are passed through", async (t) => {
  let runs = 0;
  const auth = createAuthExpress(options());
  await auth.migrate();
  const base = await listen(t, auth, {
    extend(app) {
      app.use(auth.idempotencyMiddleware());
      app.post("/order", auth.protect(), (_req, res) => res.json({ run: (runs += 1) }));
    },
  });
  const browser = new Browser(base);
  await browser.post("/auth/register", user("rizz"));
  const { accessToken } = (await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD })).body.data;
  const headers = { authorization: `Bearer ${accessToken}`, "x-idempotency-key": "order-1" };
  const order = () => new Browser(base).post("/order", { item: 1 }, headers);
  assert.deepEqual([(await order()).body.run, (await order()).body.run, runs], [1, 1, 1]);
  await auth.revokeSession(auth.verifyAccessToken(accessToken).sessionId);
  assert.equal((await order()).status, 401);
  for (const [given, message] of [[{ ttl: 0 }, /ttl/], [{ header: "a b" }, /header/], [{ methods: [] }, /methods/], [{ redisUrl: "http://x" }, /redisUrl/], [{ redisUrl: 5 }, /redisUrl/]]) {
    assert.throws(() => createIdempotencyMiddleware(given), { code: "CONFIGURATION_ERROR", message });
  }
});
