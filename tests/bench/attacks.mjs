// What an attack on the login costs others: a victim's logins, quiet and attacked, and the memory that 1,500 parallel
// logins at one account take. The two attacks are those of tests/core/load.rs.
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const { makeServer } = createRequire(import.meta.url)("../../npm/dist/engine.js");
const secret = "a secret of at least thirty-two bytes, for benchmarks";
const password = "correct horse";
const SECONDS = 15;

async function server() {
  const auth = makeServer({ mode: "server", validRoles: ["user"], db: "sqlite::memory:", secret, rateLimit: true });
  await auth.migrate();
  for (const value of ["victim", ...Array.from({ length: 20 }, (_, n) => `own ${n}`)]) {
    await auth.register({ identifiers: [{ type: "username", value }], password });
  }
  return auth;
}

async function login(auth, clientIp, identifier, given) {
  const parsed = JSON.stringify({ identifier, password: given });
  return (await auth.handle({ method: "POST", path: "/login", headers: [], parsed, clientIp })).status;
}

/** Milliseconds of the victim's logins while `parallel` attackers do `attack`, sorted; a refused one is `Infinity`. */
async function victimUnder(parallel, attack) {
  const auth = await server();
  const end = Date.now() + SECONDS * 1_000;
  const attackers = Array.from({ length: parallel }, async (_, n) => {
    for (let round = 0; Date.now() < end; round += 1) {
      // Refusals cost nothing; without a pause they would only measure how fast they are made.
      if ((await attack(auth, n, round)) === 429) await pause(20);
    }
  });
  await pause(500);
  const times = [];
  while (Date.now() < end) {
    const started = performance.now();
    const status = await login(auth, "203.0.113.9", "victim", password);
    times.push(status === 200 ? performance.now() - started : Infinity);
    await pause(350);
  }
  await Promise.all(attackers);
  await auth.close();
  return times.sort((a, b) => a - b);
}

const attacks = [
  ["quiet", 0, undefined],
  [
    "110 wrong logins at a time from the /64 of one /56",
    110,
    (auth, n, round) => {
      const subnet = ((n + round * 110) % 256).toString(16);
      return login(auth, `2001:db8:0:${subnet}::${round.toString(16)}`, `nobody ${n} ${round}`, "a wrong password");
    },
  ],
  [
    "100 right logins at a time from two addresses",
    100,
    (auth, n) => login(auth, n % 2 === 0 ? "192.0.2.1" : "198.51.100.1", `own ${n % 20}`, password),
  ],
];

/** MiB that the process grew by, at its peak, for 1,500 parallel logins at one account with passwords of `length`. */
async function grownBy(length) {
  const auth = await server();
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  const given = "x".repeat(length);
  await Promise.all(Array.from({ length: 1_500 }, (_, n) => login(auth, `10.0.${n >> 8}.${n & 255}`, "victim", given)));
  clearInterval(watch);
  await auth.close();
  return (peak - before) / 2 ** 20;
}

/** Prints by `row`. */
export async function measureAttacks(row) {
  let quiet;
  for (const [name, parallel, attack] of attacks) {
    const times = await victimUnder(parallel, attack);
    const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))];
    const [p50, p99] = [at(0.5), at(0.99)];
    quiet ??= p50;
    const refused = times.filter((time) => time === Infinity).length;
    row(
      `a victim's login, cost 12, ${name}`,
      `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
      `${refused} of ${times.length} refused`,
      `${(p50 / quiet).toFixed(1)}x quiet`,
    );
  }
  for (const length of [60_000, 1_000]) {
    row(
      `memory for 1,500 logins at one account at once, passwords of ${length} bytes`,
      `${(await grownBy(length)).toFixed(0)} MiB`,
      "",
      "",
    );
  }
}
