// The command line, as a person uses it.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { get } from "node:https";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Browser, sqliteFile } from "./support/server.mjs";

const bin = join(dirname(fileURLToPath(import.meta.url)), "../../npm/dist/cli/main.js");
const environment = (more) => ({ PATH: process.env.PATH, HOME: process.env.HOME, SENTRI_DRAIN: "0", ...more });
const sentri = (args, { input, env } = {}) =>
  spawnSync(process.execPath, [bin, ...args], { encoding: "utf8", input, env: environment(env), timeout: 30_000 });

test("help for everything, and mistakes with a suggestion", () => {
  const help = sentri(["--help"]);
  assert.equal(help.status, 0);
  for (const command of ["serve", "migrate", "keys", "create-user", "doctor", "openapi"]) {
    assert.match(help.stdout, new RegExp(`\\n  ${command} `));
    assert.equal(sentri([command, "--help"]).status, 0);
  }
  for (const [args, message] of [
    [["sevre"], /did you mean serve/],
    [["serve", "--prot", "1"], /did you mean --port/],
    [["serve", "--port"], /--port needs a value/],
    [["serve", "--port", "x"], /--port must be/],
    [["keys", "burn"], /list or rotate/],
    [["create-user"], /--identifier is missing/],
    [
      ["create-user", "--identifier", "username:x", "--roles", "amdin"],
      /--roles amdin is not one of .*did you mean admin/,
    ],
    [["migrate", "extra"], /one word too many/],
  ]) {
    const result = sentri(args);
    assert.equal(result.status, 2, args.join(" "));
    assert.match(result.stderr, message);
    assert.doesNotMatch(result.stderr, /at .*\.js:/, "no stack for a mistake of the user's");
  }
});

test("serve prints the address and the endpoints, serves, survives a restart, and stops on SIGTERM", async (t) => {
  const db = sqliteFile(t);
  const start = async () => {
    const child = spawn(process.execPath, [bin, "serve", "--port", "0"], { env: environment({ DB: db }) });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    while (!out.includes("Ctrl-C")) await once(child.stdout, "data");
    assert.match(out, /POST \/login/);
    assert.match(out, /curl -s http/);
    return { child, base: out.match(/sentri is at (http:\/\/[^\s]+)\/auth/)[1] };
  };
  const stop = async (child) => {
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exit, [0, null]);
  };
  const first = await start();
  const made = sentri(
    ["create-user", "--identifier", "email:boss@example.com,username:boss", "--roles", "admin", "--db", db],
    { input: "correct horse\n" },
  );
  assert.equal(made.status, 0, made.stderr);
  const browser = new Browser(first.base);
  const login = await browser.post("/auth/login", { identifier: "BOSS@example.com", password: "correct horse" });
  assert.deepEqual(login.body.data.user.roles, ["admin"]);
  assert.equal((await browser.fetch("/nothing")).status, 404);
  await stop(first.child);
  const second = await start();
  browser.base = second.base;
  const me = await browser.fetch("/auth/me", { headers: { authorization: `Bearer ${login.body.data.accessToken}` } });
  assert.equal(me.status, 200, "a restart invalidates nothing");
  assert.equal((await browser.post("/auth/refresh")).status, 200);
  const listed = sentri(["keys", "list", "--db", db]);
  assert.match(listed.stdout, /RS256 {2}signs from/);
  const rotated = sentri(["keys", "rotate", "--db", db]);
  assert.match(rotated.stdout, /new key .*, published now/);
  const doctor = sentri(["doctor", "--db", db]);
  assert.equal(doctor.status, 0, doctor.stdout);
  assert.match(doctor.stdout, /ok {4}database/);
  await stop(second.child);
});

test("an address is printed as URLs have it", async (t) => {
  for (const [host, shown] of [
    ["::", "[::]"],
    ["::1", "[::1]"],
    ["0.0.0.0", "localhost"],
  ]) {
    const child = spawn(process.execPath, [bin, "serve", "--port", "0", "--host", host], {
      env: environment({ DB: sqliteFile(t) }),
    });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    while (!out.includes("Ctrl-C")) await once(child.stdout, "data");
    const base = out.match(/sentri is at (http:\/\/\S+)\/auth/)[1];
    assert.equal(base.replace(/:\d+$/, ""), `http://${shown}`);
    assert.equal((await fetch(`${base}/auth/keys`)).status, 200);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

test("the first admin of the README's quick start", (t) => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const [, words] = /## Quick start[^]*?\nnpx sentri (users create .*)\n/.exec(readme);
  const folder = mkdtempSync(join(tmpdir(), "sentri-cli-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const made = spawnSync(process.execPath, [bin, ...words.split(" "), "--json"], {
    cwd: folder,
    encoding: "utf8",
    input: "correct horse\n",
    env: environment(),
    timeout: 30_000,
  });
  assert.equal(made.status, 0, made.stderr);
  assert.deepEqual(JSON.parse(made.stdout).user.roles, ["admin"]);
  assert.ok(existsSync(join(folder, "sentri.db")), "where the quick start looks");
});

test("a port that is taken is named, without a stack", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { status, stderr } = sentri(["serve", "--port", String(server.address().port), "--db", "sqlite::memory:"]);
  assert.deepEqual(
    [status, stderr],
    [1, `sentri: CANNOT_LISTEN: port ${server.address().port} is in use: choose another with --port\n`],
  );
});

test("serve believes the proxies that it is told of, and nobody else", async (t) => {
  const db = sqliteFile(t);
  assert.equal(
    sentri(["create-user", "--identifier", "username:rizz", "--db", db], { input: "correct horse\n" }).status,
    0,
  );
  for (const [args, env, ip] of [
    [[], {}, "127.0.0.1"],
    [["--trust-proxy", "1"], {}, "203.0.113.7"],
    [[], { SENTRI_TRUST_PROXY: "loopback, 203.0.113.0/24" }, "198.51.100.9"],
  ]) {
    const child = spawn(process.execPath, [bin, "serve", "--port", "0", ...args], {
      env: environment({ DB: db, ...env }),
    });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    while (!out.includes("Ctrl-C")) await once(child.stdout, "data");
    const browser = new Browser(out.match(/sentri is at (http:\/\/[^\s]+)\/auth/)[1]);
    const headers = { "x-forwarded-for": "198.51.100.9, 203.0.113.7" };
    const { accessToken } = (
      await browser.post("/auth/login", { identifier: "rizz", password: "correct horse" }, headers)
    ).body.data;
    const { body } = await browser.fetch("/auth/me/sessions", { headers: { authorization: `Bearer ${accessToken}` } });
    assert.equal(body.data.sessions[0].ip, ip);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
  }
  const wrong = sentri(["serve", "--port", "0", "--db", db, "--trust-proxy", "next door"]);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /trustProxy/);
});

test("serve makes devices known, unless it is told not to", async (t) => {
  const db = sqliteFile(t);
  assert.equal(
    sentri(["create-user", "--identifier", "username:rizz", "--db", db], { input: "correct horse\n" }).status,
    0,
  );
  for (const [args, env, known] of [
    [[], {}, true],
    [["--known-devices", "off"], {}, false],
    [[], { SENTRI_KNOWN_DEVICES: "off" }, false],
  ]) {
    const child = spawn(process.execPath, [bin, "serve", "--port", "0", ...args], {
      env: environment({ DB: db, ...env }),
    });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    while (!out.includes("Ctrl-C")) await once(child.stdout, "data");
    const browser = new Browser(out.match(/sentri is at (http:\/\/[^\s]+)\/auth/)[1]);
    const login = (who, password) => who.post("/auth/login", { identifier: "rizz", password });
    assert.equal((await login(browser, "correct horse")).status, 200);
    assert.equal(
      [...browser.jar.keys()].some((name) => name.endsWith("sentri_device")),
      known,
    );
    const stranger = new Browser(browser.base);
    for (let i = 0; i < 5; i++) assert.equal((await login(stranger, "not the password")).status, 401);
    assert.equal((await login(stranger, "correct horse")).status, 429);
    assert.equal((await login(browser, "correct horse")).status, known ? 200 : 429);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
  }
  const wrong = sentri(["serve", "--port", "0", "--db", db, "--known-devices", "maybe"]);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--known-devices must be on or off/);
});

test("serve names its cookies for one host in production, and wherever it is told to", async (t) => {
  const db = sqliteFile(t);
  assert.equal(
    sentri(["create-user", "--identifier", "username:rizz", "--db", db], { input: "correct horse\n" }).status,
    0,
  );
  for (const [args, env, names] of [
    [[], {}, ["refresh_token", "sentri_device"]],
    [[], { NODE_ENV: "production" }, ["__Host-refresh_token", "__Host-sentri_device"]],
    [[], { NODE_ENV: "production", SENTRI_HOST_COOKIES: "off" }, ["refresh_token", "sentri_device"]],
    [["--host-cookies", "on"], {}, ["__Host-refresh_token", "__Host-sentri_device"]],
  ]) {
    const child = spawn(process.execPath, [bin, "serve", "--port", "0", ...args], {
      env: environment({ DB: db, ...env }),
    });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    while (!out.includes("Ctrl-C")) await once(child.stdout, "data");
    const browser = new Browser(out.match(/sentri is at (http:\/\/[^\s]+)\/auth/)[1]);
    assert.equal((await browser.post("/auth/login", { identifier: "rizz", password: "correct horse" })).status, 200);
    assert.deepEqual([...browser.jar.keys()].sort(), names);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
  }
});

test("what a command line changes is kept where the application keeps an audit", async (t) => {
  const db = sqliteFile(t);
  const { AuthServer } = await import("../../npm/dist/server.js");
  const auth = new AuthServer({ mode: "server", db, validRoles: ["user", "admin"], audit: "changes" });
  await auth.migrate();
  const registered = await auth.register({
    identifiers: [{ type: "email", value: "rizz@example.com" }],
    password: "correct horse 1",
  });
  await auth.close();
  const { id } = registered.user;
  const run = (...args) => {
    const { status, stdout, stderr } = sentri([...args, "--json"], { env: { DB: db }, input: "correct horse 2\n" });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  };
  run("users", "set-roles", id, "--roles", "admin");
  run("users", "set-password", id);
  run("users", "delete", id, "--yes");
  const { entries, nextCursor } = run("audit", "list", "--user", id);
  assert.deepEqual(
    entries.map(({ actor, subject, event, fields }) => [actor, subject === id, event, fields]),
    [
      ["cli", true, "auth.user.deleted", { identifiers: [{ type: "email" }] }],
      ["cli", true, "auth.password.changed", {}],
      ["cli", true, "auth.roles.assigned", { roles: ["admin"] }],
      ["code", true, "auth.register.success", { roles: [], ...entries[3].fields }],
    ],
  );
  assert.equal(nextCursor, null);
  assert.match(entries[3].fields.identifiers[0].digest, /^[\w-]{43}$/);
  const words = sentri(["audit", "list", "--limit", "1"], { env: { DB: db } });
  assert.match(words.stdout, /^\d{4}-.* {2}auth\.user\.deleted {2}by cli {2}about .*\n/);
});

test("doctor tells of proxies", (t) => {
  const db = sqliteFile(t);
  assert.equal(sentri(["migrate", "--db", db]).status, 0);
  for (const [more, status, line] of [
    [[], 0, /^ok {4}proxies: none is trusted.*SENTRI_TRUST_PROXY.*trustProxy/m],
    [["--trust-proxy", "1"], 0, /^ok {4}proxies: .*1 in front$/m],
    [["--trust-proxy", "10.0.0.0/8, loopback"], 0, /^ok {4}proxies: .*10\.0\.0\.0\/8, loopback$/m],
    [["--trust-proxy", "next door"], 1, /^wrong proxies: .*trustProxy/m],
  ]) {
    const { status: found, stdout } = sentri(["doctor", "--db", db, ...more]);
    assert.match(stdout, line);
    assert.equal(found, status, stdout);
  }
});

test("the help says where secrets are safe", () => {
  const { stdout } = sentri(["serve", "--help"]);
  for (const [flag, variable] of [
    ["secret", "SENTRI_SECRET"],
    ["api-key", "SENTRI_API_KEY"],
    ["db", "DB"],
  ]) {
    assert.match(stdout, new RegExp(`--${flag} .*ps shows .*variable.*or ${variable}\\b`));
  }
});

test("a database URL is printed without what may be secret in it", async () => {
  const { printable } = createRequire(import.meta.url)("../../npm/dist/cli/options.js");
  for (const [url, shown] of [
    ["postgres://rizz:hunter2@db:5432/app?sslmode=require", "postgres://***@db:5432/app?sslmode=require"],
    ["postgres://rizz:hunter2/x@db/app", "postgres://***@db/app"],
    ["postgres://rizz:hun@ter2@db/app", "postgres://***@db/app"],
    ["postgres://rizz:hun#ter2@db/app", "postgres://***@db/app"],
    ["postgres://rizz:hun?ter2@db/app", "postgres://***"],
    ["postgres://rizz:hun@t?er2@db/app", "postgres://***"],
    ["postgres://rizz:hun\nter2@db/app", "postgres://***@db/app"],
    ["postgres://db/app?password=hun@ter2", "postgres://***"],
    ["postgres://rizz@db/app?password=hunter2&sslmode=require", "postgres://***@db/app?password=***&sslmode=require"],
    ["mysql://rizz@db/app?sslpassword=hunter2", "mysql://***@db/app?sslpassword=***"],
    ["mysql://rizz@db/app?p%61ssword=hunter2&PGPASSWORD=hunter2", "mysql://***@db/app?p%61ssword=***&PGPASSWORD=***"],
    ["sqlite:./sentri.db", "sqlite:./sentri.db"],
    ["sqlite::memory:", "sqlite::memory:"],
  ]) {
    assert.equal(printable(url), shown);
  }
});

test("doctor says what is wrong, and no password is printed", (t) => {
  const missing = sentri(["doctor", "--db", sqliteFile(t)]);
  assert.equal(missing.status, 1);
  assert.match(missing.stdout, /wrong database: .*migrate/);
  const away = sentri(["doctor", "--db", "postgres://u:hunter2@127.0.0.1:1/x"]);
  assert.equal(away.status, 1);
  assert.match(away.stdout, /wrong database: SERVICE_UNAVAILABLE: .*refused/i, "with the cause");
  const nowhere = sentri(["serve", "--port", "0", "--db", "sqlite:/no/such/folder/auth.db"]);
  assert.equal(nowhere.status, 5);
  assert.match(nowhere.stderr, /cannot open the SQLite file '\/no\/such\/folder\/auth.db'/);
  assert.doesNotMatch(away.stdout + away.stderr, /hunter2/);
});

test("doctor says which Redis there is, or why there is none", () => {
  const redis = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
  const { REDIS_CLUSTER_URL: cluster, REDIS_SENTINEL_URL: sentinels } = process.env;
  for (const [url, expected] of [
    [redis, /ok {4}redis: .*:\d+\n/],
    [cluster, /ok {4}redis: a cluster of 3 masters: /],
    [cluster?.replace(/\+cluster|,.*/g, ""), /ok {4}redis: a cluster of 3 masters: /],
    [sentinels, /ok {4}redis: 127\.0\.0\.1:\d+, the master that sentinels name/],
    [
      sentinels?.replace("mymaster", "another"),
      /wrong redis: CONFIGURATION_ERROR: redisUrl: .*no master named another/,
    ],
    ["redis://:hunter2@127.0.0.1:1", /wrong redis: CONFIGURATION_ERROR: redisUrl: .*refused/i],
    ["redis-cluster://:hunter2@127.0.0.1:1", /wrong redis: CONFIGURATION_ERROR: redisUrl .*use redis\+cluster:/],
  ]) {
    assert.ok(url, "run the tests by make test, or set REDIS_CLUSTER_URL and REDIS_SENTINEL_URL");
    const { stdout, stderr } = sentri(["doctor", "--db", "sqlite::memory:"], { env: { REDIS_URL: url } });
    assert.match(stdout, expected);
    assert.doesNotMatch(stdout + stderr, /hunter2|of-master|of-sentinel/);
  }
});

/** HTTP/2 of Node before 20.12. */
const OLDER = 'delete require("node:http2").Http2ServerResponse.prototype.appendHeader;';

for (const [node, preloaded] of [
  ["", ""],
  [", on Node 20.0", OLDER],
]) {
  test(`serve speaks HTTP/2 and HTTP/1.1 over TLS at one port${node}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "sentri-h2-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(folder, name));
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", [...made, "-subj", "/CN=localhost", "-keyout", key, "-out", cert], { stdio: "pipe" });
    const preload = join(folder, "preload.cjs");
    writeFileSync(preload, preloaded);
    const env = environment({
      DB: "sqlite::memory:",
      SENTRI_LOG: "json",
      SENTRI_TLS_CERT: cert,
      SENTRI_TLS_KEY: key,
      NODE_OPTIONS: `--require ${preload}`,
    });
    const child = spawn(process.execPath, [bin, "serve", "--port", "0"], { env });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    while (!out.includes("Ctrl-C")) await once(child.stdout, "data");
    const [base] = out.match(/https:\/\/[^\s/]+/);

    const session = connect(base, { rejectUnauthorized: false });
    t.after(() => session.destroy());
    const ask = async (method, path, body) => {
      const stream = session.request({ ":method": method, ":path": path, "content-type": "application/json" });
      stream.end(body && JSON.stringify(body));
      const unanswered = once(stream, "close").then(() => assert.fail(`${method} ${path} has no answer`));
      const [headers] = await Promise.race([once(stream, "response"), unanswered]);
      let text = "";
      for await (const chunk of stream.setEncoding("utf8")) text += chunk;
      return [headers[":status"], JSON.parse(text), headers["set-cookie"]];
    };
    const name = { identifiers: [{ type: "username", value: "rizz" }], password: "correct horse 1" };
    const [[registered], [status, { data }]] = await Promise.all([
      ask("POST", "/auth/register", name),
      ask("GET", "/auth/users/nobody"),
    ]);
    assert.deepEqual([registered, status, data], [201, 401, null]);
    const credentials = { identifier: "rizz", password: name.password };
    const [entered, { data: user }, cookies] = await ask("POST", "/auth/login", credentials);
    assert.deepEqual([entered, user.user.roles], [200, []]);
    assert.deepEqual(cookies.map((line) => line.split("=")[0]).sort(), ["refresh_token", "sentri_device"]);
    const older = await new Promise((resolve, reject) =>
      get(`${base}/health/ready`, { rejectUnauthorized: false }, resolve).once("error", reject),
    );
    older.resume();
    assert.deepEqual([older.statusCode, older.httpVersion], [200, "1.1"]);
    assert.doesNotMatch(out, /http\.failure/);
  });
}

test("serve names the cure where nodemailer is missing", () => {
  const folder = mkdtempSync(join(tmpdir(), "sentri-mailer-"));
  const npm = join(dirname(bin), "../..");
  try {
    cpSync(join(npm, "dist"), join(folder, "npm/dist"), { recursive: true });
    cpSync(join(npm, "package.json"), join(folder, "npm/package.json"));
    symlinkSync(join(npm, "native"), join(folder, "npm/native"));
    const words = ["serve", "--smtp", "smtp://localhost", "--smtp-from", "a@example.com", "--db", "sqlite::memory:"];
    const { status, stderr } = spawnSync(process.execPath, [join(folder, "npm/dist/cli/main.js"), ...words], {
      cwd: folder,
      env: environment({}),
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(stderr, /^sentri: CANNOT_SERVE: smtp needs nodemailer, .* Cure: npm install nodemailer/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
