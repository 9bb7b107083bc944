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
/** The beginning of a picture, which is no text in UTF-8. */
const PICTURE = Buffer.from("89504e470d0a1a0a0000000d49484452ff00", "hex");

/** A promise, and the call that keeps it. */
function signal() {
  let give;
  const given = new Promise((resolve) => {
    give = resolve;
  });
  return { give, given };
}

/** Sends a request under a key: `{status, headers, text, json}`. */
async function send(base, path, key, { method = "POST", body = { amount: 1 }, headers = {} } = {}) {
  const sent = await fetch(base + path, {
    method,
    redirect: "manual",
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
    headers: { ...JSON_TYPE, ...(key ? { "x-idempotency-key": key } : {}), ...headers },
  });
  const text = await sent.text();
  const isJson = sent.headers.get("content-type")?.startsWith("application/json");
  return {
    status: sent.status,
    headers: sent.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
    isReplay: sent.headers.get("idempotency-replayed") === "true",
  };
}

/** Sends raw HTTP and goes away; resolves when the request has arrived, as far as it goes. */
async function breakOff(base, text) {
  const socket = connect(Number(new URL(base).port), "127.0.0.1");
  socket.on("error", () => {});
  await new Promise((resolve) => socket.write(text, resolve));
  await pause(50);
  socket.destroy();
  await pause(50);
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
  const note = (warning) => {
    wasAway ||= warning.name === "SentriWarning";
  };
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
    for (const [one, other] of [
      [client, redis],
      [redis, client],
    ])
      one.on("error", () => undefined).on("close", () => other.destroy());
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
      "/throws": () => {
        runs += 1;
        throw new Error("thrown");
      },
    };
    const [here, there] = [await lateRedis(t), REDIS].map((redisUrl) =>
      serveGate(t, framework, framework.standalone({ redisUrl, ttl: 30_000 }), routes),
    );
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
    const others = [
      ["/other", "k2", {}],
      ["/other?page=2", "k2", {}],
      ["/other", "k2", { method: "PUT" }],
      ["/other", "k3", {}],
      ["/other", "k2", { headers: { authorization: "Bearer somebody-else" } }],
      ["/other", "k2", { headers: { cookie: "session=other" } }],
      ["/other", undefined, {}],
      ["/other", "k2", { method: "DELETE" }],
      ["/other", "k2", { method: "DELETE" }],
    ];
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
      "/throw": counted(() => {
        throw new Error("thrown");
      }),
      "/cookie": counted(() => ({ headers: { "set-cookie": "a=b" }, json: {} })),
      "/token": counted(() => ({ json: { deep: [{ accessToken: "x" }] } })),
      "/login": counted(() => ({ json: {} })),
      "/large": counted(() => ({ text: "x".repeat(2 * 1024 * 1024) })),
      "/stream": counted(() => ({
        stream: (async function* () {
          yield "one ";
          await pause(20);
          yield "two";
        })(),
      })),
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
    const firstRead = signal();
    const base = await serveGate(t, framework, framework.standalone(), {
      "/stream": () => ({
        stream: (async function* () {
          yield "first ";
          await firstRead.given;
          yield "last";
        })(),
      }),
    });
    const sent = await fetch(`${base}/stream`, {
      method: "POST",
      body: "{}",
      headers: { ...JSON_TYPE, "x-idempotency-key": "k" },
    });
    const reader = sent.body.getReader();
    assert.match(Buffer.from((await reader.read()).value).toString(), /first/, "it is there while the rest is not");
    firstRead.give();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read())
      rest += Buffer.from(part.value).toString();
    assert.match(rest, /last/);
  });

  test(`${name}: who loses the connection gets the answer of the run that was lost`, async (t) => {
    let runs = 0;
    const [begun, ended] = [signal(), signal()];
    const base = await serveGate(t, framework, framework.standalone(), {
      "/pay": async () => {
        runs += 1;
        begun.give();
        await ended.given;
        return { status: 201, json: { run: runs } };
      },
    });
    const lost = request(`${base}/pay`, { method: "POST", headers: { ...JSON_TYPE, "x-idempotency-key": "k" } });
    lost.on("error", () => {});
    lost.end(JSON.stringify({ amount: 1 }));
    await begun.given;
    lost.destroy();
    await pause(50);
    assert.equal((await send(base, "/pay", "k")).status, 409, "the first still runs");
    ended.give();
    let again = await send(base, "/pay", "k");
    for (let turn = 0; again.status === 409 && turn < 100; turn += 1) {
      await pause(50);
      again = await send(base, "/pay", "k");
    }
    assert.deepEqual([again.status, again.json, again.isReplay, runs], [201, { run: 1 }, true, 1]);
  });

  test(`${name}: a replay ends with the session, and options are checked`, async (t) => {
    let runs = 0;
    const auth = framework.create(options());
    await auth.migrate();
    const base = await serveGate(
      t,
      framework,
      auth.idempotencyMiddleware(),
      { "/order": () => ({ json: { run: (runs += 1) } }) },
      auth,
    );
    const browser = new Browser(base);
    await browser.post("/auth/register", user("rizz"));
    const login = () =>
      browser.post("/auth/login", { identifier: "rizz", password: PASSWORD }, { "x-idempotency-key": "login" });
    const { accessToken } = (await login()).body.data;
    assert.equal((await login()).headers.get("idempotency-replayed"), null, "logins pass through");
    const order = () => send(base, "/order", "order-1", { headers: { authorization: `Bearer ${accessToken}` } });
    assert.deepEqual([(await order()).json.run, (await order()).json.run, runs], [1, 1, 1]);
    await auth.revokeSession(auth.verifyAccessToken(accessToken).sessionId);
    assert.deepEqual([(await order()).status, runs], [401, 1]);
    const wrong = [
      ["ttl", { ttl: 0 }],
      ["header", { header: "a b" }],
      ["methods", { methods: [] }],
      ["maxSize", { maxSize: 0 }],
      ["redisUrl", { redisUrl: "http://x" }],
      ["redisUrl", { redisUrl: 5 }],
      ["redisPatience", { redisPatience: "2m" }],
      ["onRedisAway", { onRedisAway: "run" }],
      ["options", null],
      ["options", "60"],
      ["tll", { tll: 5 }],
    ];
    for (const make of [auth.idempotencyMiddleware, framework.standalone]) {
      for (const [option, given] of wrong)
        assert.throws(() => make(given), { code: "CONFIGURATION_ERROR", message: new RegExp(option) });
    }
  });

  test(`${name}: an answer is its caller's alone, by whatever header that is known`, async (t) => {
    let runs = 0;
    const routes = { "/order": () => ({ json: { run: (runs += 1) } }) };
    const credential = (ctx) => framework.header(ctx, "x-auth-token");
    const base = await serveGate(t, framework, framework.standalone({ credential }), routes);
    const basic = { authorization: "Basic c3RhZ2luZzpzdGFnaW5n" };
    const callers = [
      {},
      { "x-api-key": "a" },
      { "x-api-key": "b" },
      basic,
      { ...basic, cookie: "sid=alice" },
      { ...basic, cookie: "sid=bob" },
      { ...basic, "x-api-key": "a" },
      { "x-auth-token": "alice" },
      { "x-auth-token": "bob" },
    ];
    for (const headers of callers)
      assert.equal((await send(base, "/order", "k", { headers })).isReplay, false, JSON.stringify(headers));
    for (const headers of callers)
      assert.equal((await send(base, "/order", "k", { headers })).isReplay, true, JSON.stringify(headers));
    assert.equal(runs, callers.length);
    const later = await serveGate(
      t,
      framework,
      framework.standalone({ credential: async (ctx) => credential(ctx) }),
      routes,
    );
    for (const token of ["alice", "bob"])
      assert.equal(
        (await send(later, "/order", "k", { headers: { "x-auth-token": token } })).isReplay,
        false,
        "a promise of one will do",
      );
    const broken = await serveGate(t, framework, framework.standalone({ credential: () => ({}) }), routes);
    assert.equal((await send(broken, "/order", "k")).status, 500);
    assert.throws(() => framework.standalone({ credential: "x-auth-token" }), {
      code: "CONFIGURATION_ERROR",
      message: /credential/,
    });
    assert.throws(() => framework.standalone({ keyPrefix: "" }), { code: "CONFIGURATION_ERROR", message: /keyPrefix/ });
  });

  test(`${name}: a session is one caller, whatever else a browser sends`, async (t) => {
    let runs = 0;
    const auth = framework.create(options({ apiKey: "s3cret-key", accessCookie: true }));
    await auth.migrate();
    const base = await serveGate(
      t,
      framework,
      auth.idempotencyMiddleware(),
      { "/order": () => ({ json: { run: (runs += 1) } }) },
      auth,
    );
    const {
      user: { id },
    } = await auth.register(user("rizz"));
    const [first, second] = [await auth.createSession(id), await auth.createSession(id)];
    const order = async (key, headers) => {
      const { status, isReplay } = await send(base, "/order", key, { headers });
      return [status, isReplay];
    };
    const bearer = (claims) => ({ authorization: `Bearer ${auth.signAccessToken(claims)}` });
    const { sessionId } = first;
    assert.deepEqual(await order("k", { authorization: `Bearer ${first.accessToken}` }), [200, false]);
    assert.deepEqual(
      await order("k", { authorization: `Bearer ${second.accessToken}` }),
      [200, false],
      "another session",
    );
    assert.deepEqual(
      await order("k", { authorization: `Bearer ${first.accessToken}`, "x-api-key": "s3cret-key" }),
      [200, false],
      "a key may do more",
    );
    for (const headers of [
      { cookie: `access_token=${first.accessToken}; _ga=GA1.1` },
      { cookie: `_ga=GA1.2; access_token=${first.accessToken}` },
      { cookie: `refresh_token=${first.refreshToken}` },
      bearer({ id, roles: ["user", "admin"], sessionId }),
    ])
      assert.deepEqual(await order("k", headers), [200, true], JSON.stringify(headers));
    // Without a session, a token is its user's and its roles'.
    for (const roles of [["user"], ["user", "admin"]])
      assert.deepEqual(await order("k", bearer({ id, roles })), [200, false]);
    assert.deepEqual(await order("k", bearer({ id, roles: ["admin", "user"] })), [200, true]);
    assert.equal(runs, 5);
    // Nobody vouches for a token that is none of ours, nor for a session that has ended.
    assert.deepEqual(await order("k", { authorization: `Bearer ${first.accessToken}x` }), [401, false]);
    await auth.revokeSession(sessionId);
    for (const headers of [
      { authorization: `Bearer ${first.accessToken}` },
      { cookie: `refresh_token=${first.refreshToken}` },
    ])
      assert.deepEqual(await order("k", headers), [401, false]);

    const ceo = { identifiers: [{ type: "email", value: "ceo@example.com" }], password: PASSWORD, roles: ["admin"] };
    const register = async (headers, body = ceo) => {
      const { status, json, isReplay } = await send(base, "/auth/register", "user-1", { body, headers });
      return [status, json.code, isReplay];
    };
    assert.deepEqual(await register({ "x-api-key": "s3cret-key" }), [201, undefined, false]);
    assert.deepEqual(await register({ "x-api-key": "s3cret-key" }), [201, undefined, true]);
    assert.deepEqual(await register({}), [401, "UNAUTHORIZED", false]);
    assert.deepEqual(await register({ "x-api-key": "wrong" }), [401, "UNAUTHORIZED", false]);
    assert.deepEqual(
      await register({ "x-api-key": "s3cret-key" }, { ...ceo, roles: ["user"] }),
      [422, "IDEMPOTENCY_MISMATCH", false],
      "bodies of our endpoints count",
    );
  });

  test(`${name}: hosts, gates and types of body`, async (t) => {
    let runs = 0;
    const routes = { "/order": () => ({ json: { run: (runs += 1) } }) };
    const gate = () => framework.standalone({ redisUrl: REDIS, ttl: 30_000 });
    const base = await serveGate(t, framework, framework.standalone(), routes);
    const at = (host) =>
      new Promise((resolve, reject) => {
        const headers = { ...JSON_TYPE, host, "x-idempotency-key": "k" };
        request(`${base}/order`, { method: "POST", headers }, (response) =>
          response.resume().on("end", () => resolve(response.headers["idempotency-replayed"])),
        )
          .on("error", reject)
          .end("{}");
      });
    assert.deepEqual(
      [await at("a.example"), await at("b.example"), await at("a.example:8080"), runs],
      [undefined, undefined, "true", 2],
    );

    await overRedis(async () => {
      runs = 0;
      const key = randomUUID();
      const nested = await serveGate(t, framework, [gate(), gate()], routes);
      assert.deepEqual(
        [(await send(nested, "/order", key)).status, runs],
        [200, 1],
        "a gate behind another leaves the key to it",
      );
      assert.equal((await send(nested, "/order", key)).isReplay, true);
      const other = await serveGate(
        t,
        framework,
        framework.standalone({ redisUrl: REDIS, ttl: 30_000, keyPrefix: key }),
        routes,
      );
      assert.deepEqual([(await send(other, "/order", key)).isReplay, runs], [false, 2], "another application");
    });

    const bodies = [
      ["application/json", '{"a":"1"}'],
      ["text/plain", '{"a":"1"}'],
      ["application/json", "{}"],
      ["application/json", "[]"],
    ];
    for (const [at, [type, body]] of bodies.entries()) {
      for (const [otherAt, [otherType, otherBody]] of bodies.entries()) {
        const key = `types-${at}-${otherAt}`;
        assert.equal((await send(base, "/order", key, { body, headers: { "content-type": type } })).status, 200);
        const again = await send(base, "/order", key, { body: otherBody, headers: { "content-type": otherType } });
        assert.equal(again.status, at === otherAt ? 200 : 422, `${type} ${body}, then ${otherType} ${otherBody}`);
      }
    }
  });

  test(`${name}: an upload of bytes is the same under another boundary`, async (t) => {
    let runs = 0;
    const base = await serveGate(t, framework, framework.standalone(), {
      "/up": () => ({ json: { run: (runs += 1) } }),
    });
    const up = async (key, picture) => {
      const boundary = randomUUID();
      const [head, tail] = [`--${boundary}\r\ncontent-type: image/png\r\n\r\n`, `\r\n--${boundary}--\r\n`];
      const body = Buffer.concat([Buffer.from(head), picture, Buffer.from(tail)]);
      const type = `multipart/mixed; boundary=${boundary}`;
      const { status, isReplay } = await send(base, "/up", key, { body, headers: { "content-type": type } });
      return [status, isReplay];
    };
    assert.deepEqual(await up("k", PICTURE), [200, false]);
    assert.deepEqual(await up("k", PICTURE), [200, true]);
    assert.deepEqual(await up("k", Buffer.alloc(PICTURE.length, 0xff)), [422, false]);
    assert.deepEqual([await up("text", Buffer.from("a")), await up("text", Buffer.from("a"))][1], [200, true]);
    assert.equal(runs, 2);
  });

  // Fastify and its plugins read forms by other means.
  if (!name.startsWith("Fastify")) {
    test(`${name}: an upload is the same when it is sent again`, async (t) => {
      let runs = 0;
      const base = await serveGate(t, framework, framework.standalone(), {
        "/up": () => ({ json: { run: (runs += 1) } }),
      });
      const up = async (content, key, fileName = "a.txt") => {
        const form = new FormData();
        form.append("title", "x");
        form.append("file", new File([content], fileName, { type: "text/plain" }));
        const sent = await fetch(`${base}/up`, { method: "POST", body: form, headers: { "x-idempotency-key": key } });
        await sent.text();
        return [sent.status, sent.headers.get("idempotency-replayed")];
      };
      assert.deepEqual(await up("AAAA", "k"), [200, null]);
      await pause(20);
      assert.deepEqual(await up("AAAA", "k"), [200, "true"]);
      assert.deepEqual(await up("AAAAA", "k"), [422, null]);
      // Express and Koa leave such bodies to the handler; their length is all that is known.
      if (/Hono|Elysia/.test(name)) {
        assert.deepEqual(await up("BBBB", "k"), [422, null]);
        assert.deepEqual(await up("AAAA", "k", "b.txt"), [422, null]);
      }
      assert.equal(runs, 1);
      assert.deepEqual(
        [await up(PICTURE, "picture", "a.png"), await up(PICTURE, "picture", "a.png")],
        [
          [200, null],
          [200, "true"],
        ],
      );
      const long = "x".repeat(1_500_000);
      assert.deepEqual(
        [await up(long, "long"), await up(long, "long")],
        [
          [200, null],
          [200, "true"],
        ],
      );
    });
  }

  test(`${name}: a request that breaks off before its body has ended frees its key`, async (t) => {
    let runs = 0;
    const base = await serveGate(t, framework, framework.standalone(), {
      "/up": () => ((runs += 1), { status: 201, json: {} }),
      "/never": () => new Promise(() => {}),
    });
    const type = name.startsWith("Fastify") ? "application/json" : "application/octet-stream";
    const text = '{"a":"bcd"}';
    const head = (path) =>
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-idempotency-key: k\r\ncontent-type: ${type}\r\ncontent-length: ${text.length}\r\n\r\n`;
    await breakOff(base, `${head("/never")}{`);
    await breakOff(base, `${head("/never")}{`);
    const again = await Promise.race([
      send(base, "/never", "k", { body: text, headers: { "content-type": type } }),
      pause(200, "runs"),
    ]);
    assert.equal(again, "runs");
    assert.equal(
      (await send(base, "/never", "k", { body: text, headers: { "content-type": type } })).status,
      409,
      "that one was all there",
    );
    assert.equal((await send(base, "/up", "k", { body: text, headers: { "content-type": type } })).status, 201);
    assert.equal(runs, 1);
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
    const bases = [
      await own(auth.idempotencyMiddleware({ ttl: 30_000 })),
      await own(framework.standalone({ redisUrl: REDIS, ttl: 30_000 })),
    ];
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

for (const [name, framework] of Object.entries(gates)) {
  test(`${name}: without Redis a request waits, then runs here or is refused`, async (t) => {
    let runs = 0;
    const routes = { "/pay": async () => ({ status: 201, json: { run: ++runs } }) };
    const nobody = "redis://127.0.0.1:1";
    const patient = await serveGate(
      t,
      framework,
      framework.standalone({ redisUrl: nobody, redisPatience: "1s" }),
      routes,
    );
    const started = Date.now();
    const answers = await Promise.all(Array.from({ length: 5 }, () => send(patient, "/pay", randomUUID())));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201, 201, 201],
    );
    assert.ok(Date.now() - started >= 900, "this measures time: the first requests wait");
    const later = Date.now();
    for (let at = 0; at < 5; at++) assert.equal((await send(patient, "/pay", randomUUID())).status, 201);
    assert.ok(Date.now() - later < 900, "this measures time: nobody waits any more");

    const strict = await serveGate(
      t,
      framework,
      framework.standalone({ redisUrl: nobody, redisPatience: 0, onRedisAway: "refuse" }),
      routes,
    );
    const refused = await send(strict, "/pay", randomUUID());
    assert.deepEqual(
      [refused.status, refused.json.code, refused.headers.get("retry-after"), runs],
      [503, "SERVICE_UNAVAILABLE", "1", 10],
    );
    assert.equal((await send(strict, "/pay")).status, 201, "without a key it has nothing to do with Redis");
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
    app.post("/object", (_req, res) => {
      runs += 1;
      res.writeHead(200, { "Set-Cookie": "a=b" });
      res.end("{}");
    });
    app.post("/list", (_req, res) => {
      runs += 1;
      res.writeHead(200, "OK", ["Set-Cookie", "a=b"]);
      res.end("{}");
    });
    app.post("/kept", (_req, res) => {
      runs += 1;
      res.writeHead(201, { "x-own": ["a", "b"] });
      res.end("7b7d", "hex");
    });
    app.post("/destroyed", (_req, res) => {
      runs += 1;
      res.destroy();
    });
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
    assert.deepEqual(
      [replay.status, replay.text, replay.headers.get("x-own"), replay.headers.get("x-outer")],
      [201, "{}", "a, b", `run ${kept + 1}`],
    );
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
      for (const [path, status, text, length] of [
        ["/raw", 201, "ä", null],
        ["/nothing", 204, "", null],
        ["/bytes", 200, "bytes", "5"],
      ]) {
        const key = randomUUID();
        const first = await send(base, path, key);
        const replay = await send(base, path, key);
        assert.deepEqual(
          [first.status, first.text, first.headers.get("content-length"), first.isReplay],
          [status, text, length, false],
          path,
        );
        assert.deepEqual(
          [replay.status, replay.text, replay.headers.get("x-own"), replay.isReplay],
          [status, text, first.headers.get("x-own"), true],
          path,
        );
      }
      assert.deepEqual(seen, ["ended"]);
    });
  });
}
