// Faults of 6.0.0 in limits and idempotency, through the package alone, so that the same test runs
// beside that version.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { expresses, options, sentri, user } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { makeServer } = require("../../npm/dist/engine.js");
const REDIS = new URL(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");

test("B12: the sessions of one user have a bound", async (t) => {
  const auth = makeServer(options());
  t.after(() => auth.close());
  await auth.migrate();
  const { user: made } = await auth.register(user("rizz"));
  for (let n = 0; n < 150; n++) await auth.createSession(made.id);
  const { length } = await auth.listSessions(made.id);
  assert.ok(length >= 100 && length <= 110, `${length} sessions`);
});

/** A Redis of the test's own, which may be killed: `start()` resolves when it listens. */
async function ownRedis(t) {
  const held = createServer().listen(0, "127.0.0.1");
  await once(held, "listening");
  const { port } = held.address();
  await new Promise((resolve) => held.close(resolve));
  let child;
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  t.after(kill);
  const start = async () => {
    child = spawn("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"], { stdio: "ignore" });
    for (;;) {
      const socket = connect(port, "127.0.0.1");
      const [word] = await Promise.race([once(socket, "connect").then(() => ["up"]), once(socket, "error")]).catch(
        () => [],
      );
      socket.destroy();
      if (word === "up") return;
      await pause(20);
    }
  };
  return { url: `redis://127.0.0.1:${port}`, start, kill };
}

test("B3: a restart of Redis gives one process no attempt beyond the limit", { timeout: 120_000 }, async (t) => {
  const redis = await ownRedis(t);
  await redis.start();
  const auth = makeServer(options({ redisUrl: redis.url, rateLimit: { maxLoginAttempts: 5 } }));
  t.after(() => auth.close());
  await auth.migrate();
  const logIn = async (clientIp, identifier) => {
    const parsed = JSON.stringify({ identifier, password: "a wrong password" });
    return (await auth.handle({ method: "POST", path: "/login", headers: [], parsed, clientIp })).status;
  };
  const verified = [];
  for (let round = 0; round < 6; round++) {
    const attempts = Array.from({ length: 30 }, (_, n) => logIn(`192.0.2.${n}`, `nobody${round}`));
    await pause(30 + 60 * round);
    await redis.kill();
    await pause(50 * round);
    await redis.start();
    const statuses = await Promise.all(attempts);
    assert.deepEqual([...new Set(statuses)].sort(), [401, 429]);
    verified.push(statuses.filter((status) => status === 401).length);
    await pause(1_500);
  }
  assert.deepEqual(verified, Array(6).fill(5));
});

test("A3: a plain URL of one server of a cluster shares limits over all processes", async (t) => {
  const [, server] = /^redis\+cluster:\/\/([^,/]+)/.exec(process.env.REDIS_CLUSTER_URL);
  const name = `nobody ${randomBytes(8).toString("hex")}`;
  const servers = [];
  for (let n = 0; n < 2; n++) {
    const auth = makeServer(options({ redisUrl: `redis://${server}`, rateLimit: { maxLoginAttempts: 5 } }));
    t.after(() => auth.close());
    await auth.migrate();
    servers.push(auth);
  }
  const parsed = JSON.stringify({ identifier: name, password: "a wrong password" });
  const statuses = [];
  for (let n = 0; n < 20; n++) {
    const request = { method: "POST", path: "/login", headers: [], parsed, clientIp: `10.${n}.${n}.${n}` };
    statuses.push((await servers[n % 2].handle(request)).status);
  }
  assert.equal(statuses.filter((status) => status === 401).length, 5);
});

/** A gate before a route that counts; `send(address, key)` answers whether the answer was a replay. */
async function gated(t, gate, work = async () => {}) {
  let runs = 0;
  const app = expresses["Express 5"]();
  app.set("trust proxy", true);
  app.use(expresses["Express 5"].json(), gate);
  app.post("/pay", async (_req, res) => {
    runs += 1;
    await work();
    res.status(201).json({ paid: true });
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const send = async (address, key) => {
    const sent = await fetch(`http://127.0.0.1:${server.address().port}/pay`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-idempotency-key": key, "x-forwarded-for": address },
      body: '{"amount":1}',
    });
    await sent.text();
    return sent;
  };
  return { send, runs: () => runs };
}

test("D2: a flood of keys displaces its own answers and not those of others", async (t) => {
  const gate = sentri.createIdempotencyMiddleware({ ttl: 600_000, maxSize: 100 });
  const { send } = await gated(t, gate);
  assert.equal((await send("192.0.2.1", "order")).status, 201);
  for (let n = 0; n < 300; n++) assert.equal((await send("198.51.100.1", `key-${n}`)).status, 201);
  const again = await send("192.0.2.1", "order");
  assert.deepEqual([again.status, again.headers.get("idempotency-replayed")], [201, "true"]);
});

/** Redis behind a line that can stand still. */
async function slowLine(t) {
  let isOpen = true;
  const sockets = new Set();
  const front = createServer((socket) => {
    const behind = connect(Number(REDIS.port || 6379), REDIS.hostname);
    for (const [from, to] of [
      [socket, behind],
      [behind, socket],
    ]) {
      sockets.add(from);
      from.on("data", (data) => to.write(data));
      from.on("error", () => to.destroy()).on("close", () => (sockets.delete(from), to.destroy()));
      if (!isOpen) from.pause();
    }
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    front.close();
  });
  const set = (open) => {
    isOpen = open;
    for (const socket of sockets) open ? socket.resume() : socket.pause();
  };
  const url = new URL(REDIS);
  url.host = `127.0.0.1:${front.address().port}`;
  return { url: url.href, set };
}

test("D4: a Redis that is slow for a moment lets nothing run twice", async (t) => {
  const line = await slowLine(t);
  const gates = [];
  for (let n = 0; n < 4; n++) {
    // Behind a line of its own each, as four processes have it.
    const gate = sentri.createIdempotencyMiddleware({ redisUrl: line.url, ttl: 60_000 });
    gates.push(await gated(t, gate, () => pause(100)));
  }
  for (const [n, { send }] of gates.entries())
    assert.equal((await send("192.0.2.1", `${randomBytes(8).toString("hex")}${n}`)).status, 201);
  const before = gates.reduce((sum, { runs }) => sum + runs(), 0);
  for (let round = 0; round < 3; round++) {
    const key = randomBytes(12).toString("hex");
    line.set(false);
    const answers = Array.from({ length: 40 }, (_, n) => gates[n % 4].send("192.0.2.1", key));
    await pause(400);
    line.set(true);
    const statuses = new Set((await Promise.all(answers)).map(({ status }) => status));
    assert.ok(statuses.has(201) && [...statuses].every((status) => status === 201 || status === 409));
    await pause(300);
  }
  assert.equal(gates.reduce((sum, { runs }) => sum + runs(), 0) - before, 3);
});
