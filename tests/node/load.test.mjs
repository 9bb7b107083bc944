// P20: while logins keep every core busy, the event loop answers and so does GET /me. The client is a thread of its own,
// so that only the server is measured. A machine that is disturbed gets a few tries; a server that blocks fails them all.
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { Browser, PASSWORD, listen, options, sentri, user } from "./support/server.mjs";

const ROUNDS = 8;
const RESOLUTION = 1;

/** Enough to keep every core busy, and few enough that most come to their turn: a hash takes a quarter of a second, the queue waits for five. */
const CLIENTS = Math.min(64, 12 * availableParallelism());

const client = `
const { parentPort, workerData: { base, token, body, seconds, clients } } = require("node:worker_threads");
const http = require("node:http");
const agent = new http.Agent({ keepAlive: true });
const send = (path, { method = "GET", headers = {}, text } = {}) => new Promise((resolve, reject) => {
  const request = http.request(base + path, { agent, method, headers }, (response) => response.resume().once("end", () => resolve(response.statusCode)));
  request.once("error", reject).end(text);
});
(async () => {
  const until = Date.now() + seconds * 1000;
  const statuses = {}, times = [];
  const logins = Array.from({ length: clients }, async () => {
    while (Date.now() < until) {
      const status = await send("/auth/login", { method: "POST", headers: { "content-type": "application/json" }, text: body });
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  });
  while (Date.now() < until) {
    const started = performance.now();
    const status = await send("/auth/me", { headers: { authorization: "Bearer " + token } });
    times.push(performance.now() - started);
    if (status !== 200) throw new Error("GET /me: " + status);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(logins);
  agent.destroy();
  times.sort((a, b) => a - b);
  parentPort.postMessage({ statuses, count: times.length, p99: times[Math.floor(times.length * 0.99)] });
})();
`;

test("P20: under a load of logins the event loop is late by less than 20 ms and GET /me takes less than 50 ms, 99 times of 100", async (t) => {
  const auth = sentri.createAuthExpress(options({ saltRounds: 12 }));
  await auth.migrate();
  const base = await listen(t, auth);
  await new Browser(base).post("/auth/register", user("rizz"));
  const { accessToken } = await auth.createSession((await auth.findUser("rizz")).id);
  const workerData = {
    base,
    token: accessToken,
    body: JSON.stringify({ identifier: "rizz", password: PASSWORD }),
    seconds: 3,
    clients: CLIENTS,
  };
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
    delay.enable();
    const { statuses, count, p99 } = await new Promise((resolve, reject) => {
      new Worker(client, { eval: true, workerData }).once("message", resolve).once("error", reject);
    });
    delay.disable();
    assert.ok(statuses[200] >= 1 && count > 20, `a load: ${JSON.stringify(statuses)}, ${count} times /me`);
    assert.deepEqual(
      Object.keys(statuses).filter((status) => status !== "200" && status !== "503"),
      [],
    );
    const loop = delay.percentile(99) / 1e6 - RESOLUTION;
    // Of a machine that others keep busy too, logins wait longer than the queue lets them, and most of the load is refusals.
    const share = statuses[200] / (statuses[200] + (statuses[503] ?? 0));
    rounds.push(
      `loop ${loop.toFixed(1)} ms, /me ${p99.toFixed(1)} ms, ${Math.round(100 * share)} of 100 logins succeed`,
    );
    t.diagnostic(rounds.at(-1));
    if (loop < 20 && p99 < 50 && share >= 0.64) return;
  }
  assert.fail(rounds.join("; "));
});
