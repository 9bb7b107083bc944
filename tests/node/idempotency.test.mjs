// Repeats of a request with the same key, in every framework: one execution, the same answer, nobody else's.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gates, serveGate } from "./support/gates.mjs";
import { Browser, PASSWORD, expresses, options, user } from "./support/server.mjs";

const REDIS = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const JSON_TYPE = { "content-type": "application/json" };

/** Sends a request under a key: `{status, headers, text, json}`. */
async function send(base, path, key, { method = "POST", body = { amount: 1 }, headers = {} } = {}) {
  const sent = await fetch(base + path, { method, redirect: "manual", body: typeof body === "string" ? body : JSON.stringify(body), headers: { ...JSON_TYPE, ...(key ? { "x-idempotency-key": key } : {}), ...headers } });
  const text = await sent.text();
  const isJson = sent.headers.get("content-type")?.startsWith("application/json");
  return { status: sent.status, headers: sent.headers, text, json: isJson ? JSON.parse(text) : undefined, isReplay: sent.headers.get("idempotency-replayed") === "true" };
}

/** A hundred equal requests at once: every answer is that of the one that ran, or says that it runs. */
async function stampede(bases, path, key, expected) {
  const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => send(bases[at % bases.length], path, key)));
  assert.ok(answers.some(({ status }) => status === 201));
  for (const { status, headers, json } of answers) {
    if (status === 201) assert.deepEqual(json, expected);
    else {
      assert.deepEqual([status, json.code, json.error], [409, "IDEMPOTENCY_IN_PROGRESS", true]);
      assert.equal(headers.get("retry-after"), "1");
    }
  }
}

/**
 * Runs a round that says something of Redis. One that fails because Redis did not answer in time on a loaded machine, of which the
 * process was warned, says nothing of it and is run again when Redis is back.
 */
async function overRedis(round, tries = 5) {
  let wasAway = false;
  const note = (warning) => { wasAway ||= warning.name === "SentriWarning"; };
  process.on("warning", note);
  try {
    return await round();
  } catch (error) {
    await pause(10);
    if (!wasAway || tries === 1) throw error;
  } finally {
    process.off("warning", note);
  }
  await pause(2_500);
  return overRedis(round, tries - 1);
}

/** The URL of a Redis that hears everything 30 ms late. */
async function lateRedis(t) {
  const { hostname, port } = new URL(REDIS);
  const server = createServer((client) => {
    const redis = connect(Number(port || 6379), hostname);
    client.on("data", (data) => setTimeout(() => redis.write(data), 30));
    redis.pipe(client);
    for (const [one, other] of [[client, redis], [redis, client]]) one.on("error", () => undefined).on("close", () => other.destroy());
    t.after(() => client.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return Object.assign(new URL(REDIS), { hostname: "127.0.0.1", port: server.address().port }).href;
}

for (const [name, framework] of Object.entries(gates)) {
  test(`${name}: who has an answer is not told by another process that it still runs`, async (t) => {
    let runs = 0;
    const routes = {
      "/pay": () => ({ status: 201, json: { run: (runs += 1) } }),
      "/text": () => ({ text: `run ${(runs += 1)}, ä` }),
      "/refused": () => ({ status: 400, json: { run: (runs += 1) } }),
      "/throws": () => { runs += 1; throw new Error("thrown"); },
    };
    const [here, there] = [await lateRedis(t), REDIS].map((redisUrl) => serveGate(t, framework, framework.standalone({ redisUrl, ttl: 30_000 }), routes));
    const bases = [await here, await there];
    await overRedis(async () => {
      for (const path of Object.keys(routes)) {
        runs = 0;
        const key = randomUUID();
        const first = await send(bases[0], path, key);
        const second = await send(bases[1], path, key);
        const isKept = first.status < 300;
        assert.deepEqual([second.status, second.isReplay, runs], [first.status, isKept, isKept ? 1 : 2], path);
        if (isKept) assert.equal(second.text, first.text);
      }
    });
  });

  test(`${name}: a hundred equal requests run once, and replays say so`, async (t) => {
    let runs = 0;
    const base = await serveGate(t, framework, framework.standalone(), {
      "/pay": async ({ amount }) => {
        runs += 1;
        await pause(30);
        return { status: 201, headers: { "x-own": "kept" }, json: { run: 1, amount } };
      },
      "/other": () => ({ json: { run: (runs += 1) } }),
      "/text": () => ({ text: `run ${(runs += 1)}, ä` }),
    });
    await stampede([base], "/pay", "k1", { run: 1, amount: 1 });
    assert.equal(runs, 1);
    const first = await send(base, "/pay", "k2");
    const replay = await send(base, "/pay", "k2");
    assert.deepEqual([first.isReplay, replay.isReplay, runs], [false, true, 2]);
    const shown = ({ status, headers, text }) => [status, text, headers.get("x-own"), headers.get("content-type")];
    assert.deepEqual(shown(replay), shown(first));
    assert.deepEqual((await send(base, "/text", "k1")).text, (await send(base, "/text", "k1")).text);
    assert.equal(runs, 3);

    const changed = await send(base, "/pay", "k2", { body: { amount: 2 } });
    assert.deepEqual([changed.status, changed.json.code, changed.json.data], [422, "IDEMPOTENCY_MISMATCH", null]);
    const refused = await send(base, "/pay", "a b");
    assert.deepEqual([refused.status, refused.json.code, runs], [400, "VALIDATION_ERROR", 3]);

    const before = runs;
    const others = [["/other", "k2", {}], ["/other?page=2", "k2", {}], ["/other", "k2", { method: "PUT" }], ["/other", "k3", {}], ["/other", "k2", { headers: { authorization: "Bearer somebody-else" } }], ["/other", "k2", { headers: { cookie: "session=other" } }], ["/other", undefined, {}], ["/other", "k2", { method: "DELETE" }], ["/other", "k2", { method: "DELETE" }]];
    for (const [path, key, more] of others) assert.equal((await send(base, path, key, more)).isReplay, false);
    assert.equal(runs, before + others.length, "each of them is another request");
  });

  test(`${name}: what is not stored runs again`, async (t) => {
    let runs = 0;
    const counted = (answer) => () => {
      runs += 1;
      return answer();
    };
    const base = await serveGate(t, framework, framework.standalone(), {
      "/fail": counted(() => ({ status: 400, json: {} })),
      "/moved": counted(() => ({ status: 303, headers: { location: "/" }, text: "x" })),
      "/throw": counted(() => { throw new Error("thrown"); }),
      "/cookie": counted(() => ({ headers: { "set-cookie": "a=b" }, json: {} })),
      "/token": counted(() => ({ json: { deep: [{ accessToken: "x" }] } })),
      "/login": counted(() => ({ json: {} })),
      "/large": counted(() => ({ text: "x".repeat(2 * 1024 * 1024) })),
      "/stream": counted(() => ({ stream: (async function* () { yield "one "; await pause(20); yield "two"; })() })),
    });
    for (const path of ["/fail", "/moved", "/throw", "/cookie", "/token", "/login", "/large", "/stream"]) {
      const before = runs;
      const first = await send(base, path, "same");
      const second = await send(base, path, "same");
      assert.equal(second.status, first.status, path);
      assert.deepEqual([runs, second.isReplay], [before + 2, false], `${path} is not stored`);
      if (path === "/large") assert.equal(second.text.length, 2 * 1024 * 1024);
      if (path === "/stream") assert.equal(second.text.replaceAll(/data: |\n/g, ""), "one two");
    }
  });

  test(`${name}: a stream passes through as it comes`, async (t) => {
    let go;
    const gone = new Promise((resolve) => { go = resolve; });
    const base = await serveGate(t, framework, framework.standalone(), {
      "/stream": () => ({ stream: (async function* () { yield "first "; await gone; yield "last"; })() }),
    });
    const sent = await fetch(`${base}/stream`, { method: "POST", body: "{}", headers: { ...JSON_TYPE, "x-idempotency-key": "k" } });
    const reader = sent.body.getReader();
    assert.match(Buffer.from((await reader.read()).value).toString(), /first/, "it is there while the rest is not");
    go();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) rest += Buffer.from(part.value).toString();
    assert.match(rest, /last/);
  });

  test(`${name}: who loses the connection gets the answer of the run that was lost`, async (t) => {
    let runs = 0;
    let go;
    const begun = new Promise((resolve) => { go = resolve; });
    const base = await serveGate(t, framework, framework.standalone(), {
      "/pay": async () => {
        runs += 1;
        go();
        await pause(150);
        return { status: 201, json: { run: runs } };
      },
    });
    const lost = request(`${base}/pay`, { method: "POST", headers: { ...JSON_TYPE, "x-idempotency-key": "k" } });
    lost.on("error", () => {});
    lost.end(JSON.stringify({ amount: 1 }));
    await begun;
    lost.destroy();
    await pause(50);
    assert.equal((await send(base, "/pay", "k")).status, 409, "the first still runs");
    await pause(200);
    const again = await send(base, "/pay", "k");
    assert.deepEqual([again.status, again.json, again.isReplay, runs], [201, { run: 1 }, true, 1]);
  });

  test(`${name}: a replay ends with the session, and options are checked`, async (t) => {
    let runs = 0;
    const auth = framework.create(options());
    await auth.migrate();
    const base = await serveGate(t, framework, auth.idempotencyMiddleware(), { "/order": () => ({ json: { run: (runs += 1) } }) }, auth);
    const browser = new Browser(base);
    await browser.post("/auth/register", user("rizz"));
    const login = () => browser.post("/auth/login", { identifier: "rizz", password: PASSWORD }, { "x-idempotency-key": "login" });
    const { accessToken } = (await login()).body.data;
    assert.equal((await login()).headers.get("idempotency-replayed"), null, "logins pass through");
    const order = () => send(base, "/order", "order-1", { headers: { authorization: `Bearer ${accessToken}` } });
    assert.deepEqual([(await order()).json.run, (await order()).json.run, runs], [1, 1, 1]);
    await auth.revokeSession(auth.verifyAccessToken(accessToken).sessionId);
    assert.deepEqual([(await order()).status, runs], [401, 1]);
    const wrong = [["ttl", { ttl: 0 }], ["header", { header: "a b" }], ["methods", { methods: [] }], ["maxSize", { maxSize: 0 }], ["redisUrl", { redisUrl: "http://x" }], ["redisUrl", { redisUrl: 5 }], ["options", null], ["options", "60"]];
    for (const make of [auth.idempotencyMiddleware, framework.standalone]) {
      for (const [option, given] of wrong) assert.throws(() => make(given), { code: "CONFIGURATION_ERROR", message: new RegExp(option) });
    }
  });

  test(`${name}: two servers over one Redis run a request once`, async (t) => {
    let runs = 0;
    const routes = {
      "/pay": async ({ amount }) => {
        runs += 1;
        await pause(30);
        return { status: 201, json: { run: 1, amount } };
      },
    };
    const auth = framework.create(options({ redisUrl: REDIS }));
    await auth.migrate();
    const own = (gate) => serveGate(t, framework, gate, routes);
    t.after(() => auth.close());
    const bases = [await own(auth.idempotencyMiddleware({ ttl: 30_000 })), await own(framework.standalone({ redisUrl: REDIS, ttl: 30_000 }))];
    await overRedis(async () => {
      // Loopback addresses and keys are all that tells requests apart, so the key is random.
      const key = randomUUID();
      runs = 0;
      await stampede(bases, "/pay", key, { run: 1, amount: 1 });
      for (const base of bases) {
        const replay = await send(base, "/pay", key);
        assert.deepEqual([replay.status, replay.json, replay.isReplay], [201, { run: 1, amount: 1 }, true]);
        assert.equal((await send(base, "/pay", key, { body: { amount: 2 } })).status, 422);
      }
      assert.equal(runs, 1);
    });
  });
}

for (const [name, express] of Object.entries(expresses)) {
  test(`${name}: headers count wherever they are set, those of outer layers apart`, async (t) => {
    let runs = 0;
    const app = express();
    app.disable("x-powered-by");
    app.use((_req, res, next) => {
      const { writeHead } = res;
      res.writeHead = (...args) => {
        res.setHeader("x-outer", `run ${runs}`);
        return writeHead.apply(res, args);
      };
      next();
    });
    app.use(express.json(), gates[name].standalone());
    app.post("/object", (_req, res) => { runs += 1; res.writeHead(200, { "Set-Cookie": "a=b" }); res.end("{}"); });
    app.post("/list", (_req, res) => { runs += 1; res.writeHead(200, "OK", ["Set-Cookie", "a=b"]); res.end("{}"); });
    app.post("/kept", (_req, res) => { runs += 1; res.writeHead(201, { "x-own": ["a", "b"] }); res.end("7b7d", "hex"); });
    app.post("/destroyed", (_req, res) => { runs += 1; res.destroy(); });
    const base = await serveGate(t, { start: () => app.listen(0, "127.0.0.1") });
    for (const path of ["/object", "/list"]) {
      const before = runs;
      await send(base, path, "k");
      assert.deepEqual([(await send(base, path, "k")).isReplay, runs], [false, before + 2], path);
    }
    await send(base, "/kept", "k");
    const kept = runs;
    await send(base, "/object", "other");
    const replay = await send(base, "/kept", "k");
    assert.deepEqual([replay.status, replay.text, replay.headers.get("x-own"), replay.headers.get("x-outer")], [201, "{}", "a, b", `run ${kept + 1}`]);
    const before = runs;
    await assert.rejects(send(base, "/destroyed", "k"));
    await assert.rejects(send(base, "/destroyed", "k"));
    assert.equal(runs, before + 2, "a destroyed response frees the key");
  });
}

for (const [name, express] of Object.entries(expresses)) {
  test(`${name}: an answer that waits for Redis is fixed, as after any end()`, async (t) => {
    const { createIdempotencyMiddleware } = await import("../../npm/dist/esm/express.mjs");
    const app = express();
    const seen = [];
    app.use(createIdempotencyMiddleware({ redisUrl: await lateRedis(t), ttl: 30_000 }));
    app.post("/twice", (req, res) => {
      res.json({ first: true });
      seen.push(res.headersSent, res.write("more"), res.end("second") === res);
      assert.throws(() => res.setHeader("x-late", "1"), { code: "ERR_HTTP_HEADERS_SENT" });
      throw new Error("after the answer");
    });
    app.post("/raw", (req, res) => res.writeHead(201, { "x-own": "kept" }).end("ä", "utf8", () => seen.push("ended")));
    app.post("/nothing", (req, res) => res.sendStatus(204));
    app.post("/bytes", (req, res) => res.end(Buffer.from("bytes")));
    app.use((error, req, res, next) => (res.headersSent ? seen.push(error.message) : res.status(500).end()));
    const server = await new Promise((resolve) => {
      const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
    });
    t.after(() => server.close());
    const base = `http://127.0.0.1:${server.address().port}`;
    await overRedis(async () => {
      seen.length = 0;
      const twice = await send(base, "/twice", randomUUID());
      assert.deepEqual([twice.status, twice.json, twice.headers.get("x-late")], [200, { first: true }, null]);
      assert.deepEqual(seen.splice(0), [true, false, true, "after the answer"]);
      for (const [path, status, text, length] of [["/raw", 201, "ä", null], ["/nothing", 204, "", null], ["/bytes", 200, "bytes", "5"]]) {
        const key = randomUUID();
        const first = await send(base, path, key);
        const replay = await send(base, path, key);
        assert.deepEqual([first.status, first.text, first.headers.get("content-length"), first.isReplay], [status, text, length, false], path);
        assert.deepEqual([replay.status, replay.text, replay.headers.get("x-own"), replay.isReplay], [status, text, first.headers.get("x-own"), true], path);
      }
      assert.deepEqual(seen, ["ended"]);
    });
  });
}
