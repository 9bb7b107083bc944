// A body that a parser has read may nest more deeply than the engine writes JSON: the client's mistake, in front of the gate too.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser, expresses, options, sentri } from "./support/server.mjs";

for (const [name, express] of Object.entries(expresses)) {
  test(`${name}: the idempotency gate refuses what nests too deeply`, async (t) => {
    const auth = sentri.createAuth(options());
    const app = express();
    app.use(express.json(), auth.idempotencyMiddleware());
    app.post("/pay", (_req, res) => res.json({ paid: true }));
    app.use(auth.errorHandler());
    const server = await new Promise((resolve) => {
      const made = app.listen(0, "127.0.0.1", () => resolve(made));
    });
    t.after(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await auth.close();
    });
    const browser = new Browser(`http://127.0.0.1:${server.address().port}`);
    const pay = (depth) =>
      browser.fetch("/pay", {
        method: "POST",
        raw: `${"[".repeat(depth)}${"]".repeat(depth)}`,
        headers: { "content-type": "application/json", "x-idempotency-key": `k${depth}` },
      });
    assert.equal((await pay(100)).status, 200);
    for (const depth of [5_000, 20_000]) {
      const { status, body } = await pay(depth);
      assert.deepEqual([status, body.code], [400, "VALIDATION_ERROR"], `${depth}`);
    }
  });
}
