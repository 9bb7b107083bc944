// The two servers of serve.mjs, each a process of its own over a PostgreSQL schema of its own.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";

const { makeServer } = createRequire(import.meta.url)("../../npm/dist/engine.js");
const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const password = "correct horse";
const JSON_TYPE = { "content-type": "application/json" };

/** Runs `use` with the URL of a schema that is there meanwhile. */
export async function withSchema(use) {
  const schema = `sentri_bench_${randomBytes(6).toString("hex")}`;
  const admin = new pg.Client({ connectionString: process.env.DATABASE_URL });
  await admin.connect();
  await admin.query(`CREATE SCHEMA ${schema}`);
  const url = process.env.DATABASE_URL;
  try {
    return await use(`${url}${url.includes("?") ? "&" : "?"}options=-csearch_path%3D${schema}`);
  } finally {
    await admin.query(`DROP SCHEMA ${schema} CASCADE`);
    await admin.end();
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a program, and returns when it answers 200 at `path`: its base, how long that took, and what ends it. */
async function start(program, env, path) {
  const port = await freePort();
  const began = performance.now();
  const child = spawn(process.execPath, program, {
    env: { ...process.env, ...env, HOST: "127.0.0.1", PORT: String(port) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => (said += text));
  const base = `http://127.0.0.1:${port}`;
  while (!(await fetch(base + path).catch(() => undefined))?.ok) {
    if (child.exitCode !== null || performance.now() - began > 60_000) {
      child.kill("SIGKILL");
      throw new Error(`it does not start: ${said}`);
    }
    await pause(2);
  }
  const milliseconds = performance.now() - began;
  return { base, milliseconds, memory: () => residentBytes(child.pid), stop: () => stop(child) };
}

async function stop(child) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** NaN but on Linux. */
function residentBytes(pid) {
  try {
    return 1024 * Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))[1]);
  } catch {
    return NaN;
  }
}

async function post(url, body) {
  const headers = { ...JSON_TYPE, origin: new URL(url).origin };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** `sentri serve` with its defaults (limits, RS256, a key in the database), Redis, and no log. */
export async function ours(url, users) {
  const options = { mode: "server", db: url, validRoles: ["user"], algorithm: "RS256" };
  const auth = makeServer(options);
  await auth.migrate();
  const ids = [];
  for (const value of users) {
    ids.push((await auth.register({ identifiers: [{ type: "username", value }], password })).user.id);
  }
  const sessions = () => Promise.all(ids.map((id) => auth.createSession(id)));
  const env = { DB: url, SENTRI_REDIS_URL: process.env.REDIS_URL, SENTRI_ROLES: "user", SENTRI_LOG: "off" };
  return {
    start: (workers) =>
      start([file("../../npm/dist/cli/main.js"), "serve"], { ...env, SENTRI_WORKERS: workers }, "/auth/keys"),
    login: () => ({
      method: "POST",
      path: "/auth/login",
      requests: users.map((identifier) => ({ headers: JSON_TYPE, body: JSON.stringify({ identifier, password }) })),
    }),
    refresh: async () => ({
      method: "POST",
      path: "/auth/refresh",
      carried: "refresh_token",
      requests: (await sessions()).map(({ refreshToken }) => ({
        headers: { cookie: `refresh_token=${refreshToken}` },
      })),
    }),
    me: async () => ({
      path: "/auth/me",
      requests: (await sessions()).map(({ accessToken }) => ({ headers: { authorization: `Bearer ${accessToken}` } })),
    }),
    keys: () => ({ path: "/auth/keys", requests: users.map(() => ({})) }),
    close: () => auth.close(),
  };
}

const enter = (user) => ({ email: `${user}@example.com`, password });
const pairs = ({ headers }) => headers.getSetCookie().map((value) => value.split(";", 1)[0]);

/** Makes the users, and returns the cookies of a session of each: those of the session, and with the signed one. */
async function signUp(base, users) {
  const cookies = await Promise.all(
    users.map(async (user) => {
      await post(`${base}/plain/sign-up/email`, { ...enter(user), name: user });
      await post(`${base}/scrypt/sign-up/email`, { ...enter(`${user}.scrypt`), name: user });
      const plain = pairs(await post(`${base}/plain/sign-in/email`, enter(user))).join("; ");
      const signed = pairs(await fetch(`${base}/cached/get-session`, { headers: { cookie: plain } }));
      return { plain, cached: [plain, ...signed].join("; ") };
    }),
  );
  return { plain: cookies.map(({ plain }) => plain), cached: cookies.map(({ cached }) => cached) };
}

/** better-auth on node:http, without its limits, over PostgreSQL alone. */
export async function theirs(url, users) {
  const env = { DATABASE_URL: url, NODE_ENV: "production" };
  const begin = (workers) => start([file("peer-server.mjs")], { ...env, WORKERS: workers }, "/plain/jwks");
  const first = await begin("1");
  const cookies = await signUp(first.base, users).finally(() => first.stop());
  const signIn = (kind, suffix) => () => ({
    method: "POST",
    path: `/${kind}/sign-in/email`,
    requests: users.map((user) => ({ headers: JSON_TYPE, body: JSON.stringify(enter(user + suffix)) })),
  });
  const session = (kind, list) => () => ({
    path: `/${kind}/get-session`,
    requests: list.map((cookie) => ({ headers: { cookie } })),
  });
  return {
    start: begin,
    login: signIn("plain", ""),
    scrypt: signIn("scrypt", ".scrypt"),
    refresh: session("renewing", cookies.plain),
    me: session("plain", cookies.plain),
    cached: session("cached", cookies.cached),
    keys: () => ({ path: "/plain/jwks", requests: users.map(() => ({})) }),
    close: async () => {},
  };
}
