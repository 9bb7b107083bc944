// What step-up and a second factor cost: `protect()` with and without `acr` and `maxAge`, and a login with and without
// TOTP. A clock that is set by hand makes hashes of the least cost and gives every user a new code whenever it is moved.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { totp } from "../node/support/pattern.mjs";
import { withSchema } from "./sides.mjs";

const require = createRequire(import.meta.url);
const { createAuthExpress } = require("../../npm/dist/index.js");
const { makeServer } = require("../../npm/dist/engine.js");
const { testOptions } = require("../../npm/dist/testing.js");
const password = "correct horse battery";
const mfa = { totp: { issuer: "Bench" } };
const encryptionKey = "a-key-of-32-bytes-for-benchmarks";
const USERS = 64;
const ROUNDS = 7;

const ask = async (auth, path, body, token) => {
  const headers = token === undefined ? [] : [["authorization", `Bearer ${token}`]];
  const answer = await auth.handle({ method: "POST", path, headers, parsed: JSON.stringify(body) });
  const { statusCode, message, data } = JSON.parse(Buffer.from(answer.body).toString());
  return { statusCode, message, data };
};

async function expect(status, asked) {
  const answer = await asked;
  if (answer.statusCode !== status) throw new Error(`${answer.statusCode} instead of ${status}: ${answer.message}`);
  return answer.data;
}

/** A login by the password, and by the code of an app where its secret is given. Returns the access token. */
async function login(auth, clock, { identifier, secret }) {
  const asked = ask(auth, "/login", { identifier, password });
  if (secret === undefined) return (await expect(200, asked)).accessToken;
  const { flow } = await expect(401, asked);
  const code = totp(secret, 0, clock.now());
  return (await expect(200, ask(auth, "/login/mfa", { flow, method: "totp", code }))).accessToken;
}

async function enrol(auth, clock, identifier) {
  await auth.register({ identifiers: [{ type: "username", value: identifier }], password });
  const token = await login(auth, clock, { identifier });
  const { id, secret } = await expect(201, ask(auth, "/me/factors/totp", {}, token));
  await expect(200, ask(auth, "/me/factors/totp/confirm", { id, code: totp(secret, 0, clock.now()) }, token));
  clock.advance(30_000);
  return { identifier, secret };
}

/** Servers of one process share a file. */
async function withFile(use) {
  const file = join(tmpdir(), `sentri-bench-${randomBytes(6).toString("hex")}.db`);
  try {
    return await use(`sqlite:${file}`);
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
  }
}

/** A server over `db` that tests would have, and its clock. */
async function open(db) {
  const options = testOptions({ db, validRoles: ["user"], mfa, encryptionKey });
  const auth = makeServer(options);
  await auth.migrate();
  return { auth, options, clock: options.clock };
}

async function stepUp(db, { row, compare, ns, times }) {
  const { auth, options, clock } = await open(db);
  const express = createAuthExpress(options);
  await express.ready();
  const token = await login(auth, clock, await enrol(auth, clock, "bench"));
  const authorization = Buffer.from(`Bearer ${token}`).latin1Slice();
  const headers = { host: "bench.example.com", authorization };
  const rawHeaders = Object.entries(headers).flat();
  const request = () => ({ method: "GET", url: "/", headers, rawHeaders });
  const checks = [undefined, { acr: "aal2" }, { acr: "aal2", maxAge: "10m" }].map((asked) => express.protect(asked));
  let passed = 0;
  const pass = (error) => {
    if (error !== undefined) throw error;
    passed += 1;
  };
  // The first call asks the database, and the others remember.
  await new Promise((resolve, reject) => checks[0](request(), {}, (error) => (error ? reject(error) : resolve())));
  for (const check of checks) check(request(), {}, pass);
  if (passed !== checks.length) throw new Error("protect() did not answer from memory");
  const [plain, ...asking] = compare(
    checks.map((check) => () => check(request(), {}, pass)),
    { calls: 20_000 },
  );
  for (const [i, asked] of ["{ acr }", "{ acr, maxAge }"].entries()) {
    row(`protect(${asked}), hit`, ns(asking[i]), `protect() ${ns(plain)}`, times(plain / asking[i]));
  }
  await express.close();
  await auth.close();
}

/** Logins a second of all users, `flight` at a time, each once with the code that the clock says. */
async function rate(auth, clock, users, flight) {
  clock.advance(60_000);
  const left = [...users];
  const started = performance.now();
  await Promise.all(
    Array.from({ length: flight }, async () => {
      for (let user = left.pop(); user !== undefined; user = left.pop()) await login(auth, clock, user);
    }),
  );
  return users.length / ((performance.now() - started) / 1_000);
}

async function logins(name, db, { row, median, times }) {
  const { auth, clock } = await open(db);
  const names = (kind) => Array.from({ length: USERS }, (_, number) => `${kind}${number}`);
  const kinds = { without: [], with: [] };
  for (const identifier of names("plain")) {
    await auth.register({ identifiers: [{ type: "username", value: identifier }], password });
    kinds.without.push({ identifier });
  }
  for (const identifier of names("strong")) kinds.with.push(await enrol(auth, clock, identifier));
  const hash = await auth.hashPassword(password);
  const started = performance.now();
  for (let i = 0; i < 20; i += 1) await auth.verifyPassword(password, hash);
  const hashing = (performance.now() - started) / 20;
  for (const flight of [1, 32]) {
    const rates = { without: [], with: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const kind of ["without", "with"]) rates[kind].push(await rate(auth, clock, kinds[kind], flight));
    }
    const [plain, strong] = [median(rates.without), median(rates.with)];
    row(
      `login with TOTP on ${name}, ${flight} in flight, hash of ${hashing.toFixed(1)} ms`,
      `${Math.round(strong)} /s`,
      `without TOTP ${Math.round(plain)} /s`,
      times(strong / plain),
    );
  }
  await auth.close();
}

/** Prints by `row`. */
export async function measureFactors(bench) {
  await withFile((db) => stepUp(db, bench));
  await withFile((db) => logins("SQLite file", db, bench));
  await withSchema((db) => logins("PostgreSQL", db, bench));
}
