// Imports of many users that are killed in the middle and run again: on PostgreSQL, MySQL and SQLite 2,000 users, with
// SENTRI_SOAK=1 a million on PostgreSQL. Says how long it took, by how much memory.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bin } from "./support/command-line.mjs";
import { mysqlDatabase, onMysql, onPostgres, postgresSchema, sqlitePath } from "./support/places.mjs";

const { AuthServer } = createRequire(import.meta.url)("../../npm/dist/server.js");

const COUNT = process.env.SENTRI_SOAK ? 1_000_000 : 2_000;
const PASSWORD = "correct horse 1";
const vectors = JSON.parse(readFileSync(new URL("../vectors/import.json", import.meta.url), "utf8"));
/** Hashes of the password by bcrypt and by all that other systems use. */
const HASHES = [
  "$2b$10$pHx/P18t5tybTL7RUHrSQeb1lsbHJxiV/4pggo8LTPvl8Bkx2d2XK",
  ...vectors
    .filter(({ given, expect }) => given.format === "sentri" && given.password === PASSWORD && expect.verifies)
    .map(({ given }) => given.line.passwordHash),
];
assert.ok(HASHES.length > 5);
/** The most memory that an import may take: it must not grow with the file. */
const MEMORY_KIB = 400 * 1024;

const DATABASES = {
  async PostgreSQL() {
    const { url, drop } = await postgresSchema();
    const count = async () => Number((await onPostgres(url, "SELECT count(*) AS n FROM sentri_users"))[0].n);
    return { url, drop, count };
  },
  async MySQL() {
    const { url, drop } = await mysqlDatabase();
    const count = async () => Number((await onMysql(url, "SELECT count(*) AS n FROM sentri_users"))[0].n);
    return { url, drop, count };
  },
  async SQLite() {
    const { url, drop } = await sqlitePath();
    const db = `sqlite:${url}`;
    return { url: db, drop, count: () => total(db) };
  },
};

/** The number of users, page by page. */
async function total(db) {
  return within(db, async (auth) => {
    let [count, cursor] = [0, undefined];
    do {
      const page = await auth.listUsers({ limit: 100, cursor });
      [count, cursor] = [count + page.users.length, page.nextCursor ?? undefined];
    } while (cursor);
    return count;
  });
}

async function within(db, run) {
  const auth = new AuthServer({ mode: "server", db, secret: "s".repeat(48), validRoles: ["user", "admin"] });
  try {
    await auth.ready();
    return await run(auth);
  } finally {
    await auth.close();
  }
}

/** Users with an address, every fourth with a name beside it; some of each kind of line that is refused. */
async function write(path, count) {
  const file = createWriteStream(path);
  for (let n = 0; n < count; n++) {
    const identifiers = [{ type: "email", value: `User${n}@example.com`, verified: n % 2 === 0 }];
    if (n % 4 === 0) identifiers.push({ type: "username", value: `User${n}` });
    const user = { id: n, identifiers, roles: ["user"], passwordHash: HASHES[n % HASHES.length] };
    if (n % 500 === 7) user.roles = ["admin"];
    if (n % 500 === 9) user.identifiers[0].value = "user0@EXAMPLE.com";
    if (!file.write(`${JSON.stringify(user)}\n`)) await once(file, "drain");
  }
  file.end();
  await once(file, "close");
}

function start(db, args) {
  const child = spawn(process.execPath, [bin, ...args], { env: { PATH: process.env.PATH, DB: db } });
  const run = { child, out: "", err: "", peak: 0 };
  child.stdout.on("data", (chunk) => (run.out += chunk));
  child.stderr.on("data", (chunk) => (run.err += chunk));
  const timer = setInterval(() => {
    const status = `/proc/${child.pid}/status`;
    const text = existsSync(status) ? readFileSync(status, "utf8") : "";
    run.peak = Math.max(run.peak, Number(/VmHWM:\s*(\d+)/.exec(text)?.[1] ?? 0));
  }, 50);
  run.ended = once(child, "close").then(([code]) => {
    clearInterval(timer);
    return code;
  });
  return run;
}

const databases = process.env.SENTRI_SOAK ? ["PostgreSQL"] : Object.keys(DATABASES);

for (const name of databases) {
  test(`an import of ${COUNT} users is killed and run again, on ${name}`, { timeout: 3_600_000 }, async (t) => {
    const { url, drop, count } = await DATABASES[name]();
    const folder = mkdtempSync(join(tmpdir(), "sentri-import-"));
    t.after(async () => {
      rmSync(folder, { recursive: true, force: true });
      await drop();
    });
    const path = join(folder, "users.jsonl");
    await write(path, COUNT);
    assert.equal(await start(url, ["migrate"]).ended, 0);
    const args = ["import", path, "--format", "sentri", "--json"];

    const first = start(url, args);
    let before = 0;
    while (before === 0 && first.child.exitCode === null) {
      await sleep(5);
      before = await count();
    }
    first.child.kill("SIGKILL");
    await first.ended;
    // The server may still be ending what it was told to.
    await sleep(500);
    before = await count();
    assert.ok(before > 0, first.err);

    const started = performance.now();
    const second = start(url, args);
    assert.equal(await second.ended, 1, second.err);
    const seconds = (performance.now() - started) / 1000;
    const report = JSON.parse(second.out);
    // Line 7 of 500 asks for an admin role, and line 9 for the address of the first user.
    const refused = 2 * (COUNT / 500);
    assert.deepEqual(
      { lines: report.lines, there: report.imported + report.present, refused: report.refused },
      { lines: COUNT, there: COUNT - refused, refused },
    );
    assert.equal(report.present, before, "what was there before the kill, whole batches and nothing else");
    assert.equal(await count(), COUNT - refused);
    const { line, code } = report.refusals[1];
    assert.deepEqual([line, code], [10, "USER_ALREADY_EXISTS"]);
    assert.ok(second.peak < MEMORY_KIB, `${second.peak} KiB`);
    t.diagnostic(`${Math.round(report.imported / seconds)} users a second, ${second.peak} KiB at most, ${seconds} s`);

    await within(url, async (auth) => {
      const user = await auth.findUser(`USER${COUNT - 4}`);
      assert.deepEqual(user.identifiers.map(({ value }) => value).sort(), [
        `User${COUNT - 4}`,
        `User${COUNT - 4}@example.com`,
      ]);
      const logIn = (identifier) =>
        auth.handle({
          method: "POST",
          path: "/login",
          clientIp: "127.0.0.1",
          headers: [["content-type", "application/json"]],
          raw: Buffer.from(JSON.stringify({ identifier, password: PASSWORD })),
        });
      assert.equal((await logIn(`user${COUNT - 4}`)).status, 200);
      // One user of each kind of hash: nobody has to set a new password.
      for (let n = COUNT - HASHES.length; n < COUNT; n++) {
        assert.equal((await logIn(`user${n}@example.com`)).status, 200, HASHES[n % HASHES.length]);
      }
    });
  });
}
