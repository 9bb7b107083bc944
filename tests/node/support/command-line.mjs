// Conversations of the command line, tests/cli/*.json. tests/README.md has their format.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Mismatch, Variables } from "./pattern.mjs";
import { postgresSchema } from "./places.mjs";

const { AuthServer } = createRequire(import.meta.url)("../../../npm/dist/server.js");
const tables = join(dirname(fileURLToPath(import.meta.url)), "../../cli");
export const bin = join(dirname(fileURLToPath(import.meta.url)), "../../../npm/dist/cli/main.js");

const MEMBERS = {
  conversation: ["name", "databases", "steps"],
  step: ["name", "run", "login", "input", "bytes", "env", "terminal", "files", "expect"],
  expect: ["exit", "json", "error", "out", "err", "screen", "made", "status"],
};

function only(kind, object) {
  for (const name of Object.keys(object)) assert.ok(MEMBERS[kind].includes(name), `${name} is no member of a ${kind}`);
}

/** Every conversation, with the file that it stands in. */
export function conversations() {
  return readdirSync(tables).flatMap((file) =>
    JSON.parse(readFileSync(join(tables, file), "utf8")).conversations.map((one) => ({ ...one, file })),
  );
}

export const DATABASES = {
  async SQLite(folder) {
    const path = join(folder, "sentri.db");
    return { url: `sqlite:${path}`, path, drop: async () => {} };
  },
  PostgreSQL: async () => postgresSchema(),
};

/** Holds a conversation with a fresh database. */
export async function hold({ file, name, ...conversation }, database) {
  only("conversation", { name, ...conversation });
  const folder = mkdtempSync(join(tmpdir(), "sentri-cli-"));
  const place = await DATABASES[database](folder);
  const variables = new Variables();
  try {
    for (const [i, step] of conversation.steps.entries()) {
      only("step", step);
      only("expect", step.expect);
      const path = `${file}: ${name}: ${step.name ?? `step ${i + 1}`}`;
      if (step.login) variables.check(step.expect, { status: await login(place.url, step.login) }, path);
      else await take(step, place, folder, variables, path);
    }
  } finally {
    await place.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The status of a login over the same database. */
async function login(db, [identifier, password]) {
  const auth = new AuthServer({
    mode: "server",
    db,
    secret: "a secret of at least thirty-two bytes, for tests",
    validRoles: ["user"],
    adminRoles: [],
  });
  await auth.ready();
  const headers = [
    ["content-type", "application/json"],
    ["user-agent", "\u0007agent"],
  ];
  const { status } = await auth.handle({
    method: "POST",
    path: "/login",
    clientIp: "127.0.0.1",
    headers,
    raw: Buffer.from(JSON.stringify({ identifier, password })),
  });
  await auth.close();
  return status;
}

async function take(step, place, folder, variables, path) {
  const { run, input = "", bytes, env = {}, terminal, files = {}, expect } = step;
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const words = run.map((word) => variables.fill(word));
  const options = { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, TERM: "xterm", DB: place.url, ...env } };
  const { exit, out, err } = terminal
    ? await atTerminal([process.execPath, bin, ...words], terminal, options)
    : plain([bin, ...words], bytes === undefined ? input : Buffer.from(bytes, "hex"), options);
  const seen = { exit, out, err };
  const fail = (what) => {
    throw new Mismatch(`${path}: ${what}: ${JSON.stringify(seen)}`);
  };
  if (exit !== expect.exit) fail(`expected exit ${expect.exit}`);
  if (/correct.{1,3}horse|^ +at .*:\d+:\d+|Traceback/m.test(out + err)) fail("a password or a stack");
  const { json, error, made } = expect;
  if (json !== undefined) variables.check(json, JSON.parse(out), path);
  if (error !== undefined) variables.check({ error, exitCode: expect.exit }, JSON.parse(err), path);
  if (expect.out !== undefined) variables.check(expect.out, out, path);
  if (expect.err !== undefined) variables.check(expect.err, err, path);
  if (expect.screen !== undefined) variables.check(expect.screen, out, path);
  if ((json ?? expect.out ?? expect.screen) === undefined && out !== "") fail("nothing should be on standard output");
  if ((error ?? expect.err) === undefined && err !== "") fail("nothing should be on standard error");
  if (made !== undefined && existsSync(place.path) !== made)
    fail(`expected the database ${made ? "" : "not "}to be made`);
}

function plain(args, input, options) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    ...options,
    input,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { exit: status, out: stdout.replace(/\n$/, ""), err: stderr.replace(/\n$/, "") };
}

/**
 * Runs a command at a terminal of its own; what stands on the screen. Each answer is typed when its question stands
 * there.
 */
async function atTerminal(words, answers, options) {
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const child = spawn("script", ["-qec", quoted, "/dev/null"], options);
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  let screen = "";
  let seen = 0;
  const left = [...answers];
  child.stdout.on("data", (chunk) => {
    screen += chunk;
    if (left.length === 0 || !screen.slice(seen).includes(left[0][0])) return;
    seen = screen.length;
    const [, answer] = left.shift();
    // The terminal stops showing what is typed a moment after the question.
    setTimeout(() => child.stdin.write(answer === "\u0003" ? answer : `${answer}\r`), 200);
  });
  const exit = await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  assert.equal(left.length, 0, `it did not ask ${JSON.stringify(left)}: ${screen}`);
  return { exit, out: screen.replace(/\r/g, ""), err: "" };
}
