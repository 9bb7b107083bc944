// A stranger's installation: the packages of `make pack` by every package manager, with what they may leave out, and a
// program that registers, logs in and calls /me, or the error that names the cure.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./support/consumer.mjs";
import { binary } from "./support/runtimes.mjs";

const PACKED = process.env.SENTRI_TARBALLS ?? join(root, "target/npm");
const NATIVE = "sentri-linux-x64-gnu";
const tool = (path) => [process.execPath, join(root, "tests/release/node_modules", path)];
const MANAGERS = {
  npm: ["npm"],
  pnpm: tool("pnpm/bin/pnpm.cjs"),
  yarn: tool("@yarnpkg/cli-dist/bin/yarn.js"),
  bun: [binary("bun")],
  deno: [binary("deno")],
};
const PROGRAM = `
import { createAuthWeb } from "sentri/web";
const auth = createAuthWeb({ mode: "server", db: "sqlite::memory:", validRoles: ["user"], saltRounds: 10 });
await auth.migrate();
const ask = async (method, path, body, token) => {
  const headers = { "content-type": "application/json", authorization: "Bearer " + token };
  const request = new Request("http://localhost/auth" + path, { method, headers, body: body && JSON.stringify(body) });
  const response = await auth.fetch(request);
  return { status: response.status, ...(await response.json()) };
};
const identifiers = [{ type: "username", value: "rizz" }];
const registered = await ask("POST", "/register", { identifiers, password: "correct horse" });
const loggedIn = await ask("POST", "/login", { identifier: "rizz", password: "correct horse" });
const me = await ask("GET", "/me", undefined, loggedIn.data.accessToken);
console.log([registered, loggedIn, me, await ask("GET", "/me", undefined, "x")].map(({ status }) => status).join(" "));
await auth.close();
`;
const WORKS = "201 200 200 401";

/** A folder with a project that depends on the tarballs, and what runs programs in it. */
function project(t) {
  const folder = mkdtempSync(join(tmpdir(), "sentri-manager-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (pattern) =>
    `file:${join(
      PACKED,
      readdirSync(PACKED).find((name) => pattern.test(name)),
    )}`;
  const [main, native] = [file(/^sentri-\d/), file(/^sentri-linux/)];
  // The native package is a dependency of `sentri`, at the version that is not published yet.
  const replaced = { [NATIVE]: native };
  const overrides = { overrides: replaced, resolutions: replaced, pnpm: { overrides: replaced } };
  const manifest = { name: "stranger", private: true, type: "module", dependencies: { sentri: main }, ...overrides };
  const write = (name, text) => writeFileSync(join(folder, name), text);
  write("package.json", JSON.stringify(manifest));
  write("program.mjs", PROGRAM);
  const run = (command, args, env = {}) => {
    const [program, ...first] = MANAGERS[command] ?? [command];
    // What the surrounding npm says of itself is none of a stranger's business.
    const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name));
    const { status, stdout, stderr } = spawnSync(program, [...first, ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...Object.fromEntries(own), HOME: folder, npm_config_registry: registry, ...env },
      timeout: 300_000,
    });
    return { status, said: stdout + stderr, out: stdout.trim() };
  };
  const install = (command, args, env) => {
    const { status, said } = run(command, args, env);
    assert.equal(status, 0, said);
  };
  return { folder, write, run, install };
}

const registry = spawnSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).stdout.trim();

function assertWorks({ status, said, out }) {
  assert.equal(status, 0, said);
  assert.equal(out, WORKS, said);
}

test("npm", (t) => {
  const { install, run } = project(t);
  install("npm", ["install", "--no-audit", "--no-fund"]);
  assertWorks(run(process.execPath, ["program.mjs"]));
});

test("npm without optional dependencies: the error says so, with the cure", (t) => {
  const { install, run } = project(t);
  install("npm", ["install", "--no-audit", "--no-fund", "--omit=optional"]);
  const { status, said } = run(process.execPath, ["program.mjs"]);
  assert.equal(status, 1);
  assert.match(said, /CONFIGURATION_ERROR/);
  assert.match(said, new RegExp(`npm install ${NATIVE}`));
});

test("npm with a lock file that was written on another system", (t) => {
  const { folder, install, run } = project(t);
  const native = join(folder, "node_modules", NATIVE);
  install("npm", ["install", "--no-audit", "--no-fund", "--os=darwin", "--cpu=arm64"]);
  assert.equal(existsSync(native), false);
  install("npm", ["ci", "--no-audit", "--no-fund"]);
  assertWorks(run(process.execPath, ["program.mjs"]));
});

test("npm with a lock file that has no package of this platform: npm names it, and npm install is the cure", (t) => {
  const { folder, install, run, write } = project(t);
  install("npm", ["install", "--no-audit", "--no-fund"]);
  rmSync(join(folder, "node_modules"), { recursive: true });
  // As old versions of npm wrote them (npm's issue 4828).
  const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  delete lock.packages[`node_modules/${NATIVE}`];
  write("package-lock.json", JSON.stringify(lock));
  const { status, said } = run("npm", ["ci", "--no-audit", "--no-fund"]);
  assert.equal(status, 1, said);
  assert.match(said, new RegExp(`Missing: ${NATIVE}@`));
  install("npm", ["install", "--no-audit", "--no-fund"]);
  assertWorks(run(process.execPath, ["program.mjs"]));
});

test("pnpm, strict", (t) => {
  const { install, run } = project(t);
  install("pnpm", ["install", "--config.node-linker=isolated", "--config.hoist=false"]);
  assertWorks(run(process.execPath, ["program.mjs"]));
});

for (const linker of ["node-modules", "pnp"]) {
  test(`Yarn, ${linker}`, (t) => {
    const { install, run, write } = project(t);
    write(".yarnrc.yml", `nodeLinker: ${linker}\nenableGlobalCache: false\nnpmRegistryServer: "${registry}"\n`);
    write("yarn.lock", "");
    install("yarn", ["install"], { YARN_ENABLE_IMMUTABLE_INSTALLS: "false", YARN_ENABLE_TELEMETRY: "0" });
    assertWorks(run("yarn", ["node", "program.mjs"]));
  });
}

test("Bun", (t) => {
  const { install, run } = project(t);
  install("bun", ["install"]);
  assertWorks(run("bun", ["program.mjs"]));
});

test("Deno", (t) => {
  const { install, run } = project(t);
  // Deno installs no tarballs; it runs what npm has installed.
  install("npm", ["install", "--no-audit", "--no-fund"]);
  assertWorks(run("deno", ["run", "--allow-all", "program.mjs"]));
});
