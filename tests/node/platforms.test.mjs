// Machines without a native core: client mode runs all the same, and what needs the core says which platforms have it.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { PLATFORMS as BUILT, triple } from "../../npm/scripts/platform.mjs";
import { makeConsumer } from "./support/consumer.mjs";
import { Browser } from "./support/server.mjs";

const require = createRequire(import.meta.url);
const { createTokenFactory, startKeyServer } = require("../../npm/dist/testing.js");
const { PLATFORMS, platformName } = require("../../npm/dist/platform.js");

/** As on another machine, before anything is loaded. */
const ELSEWHERE = `
Object.defineProperty(process, "platform", { value: "darwin" });
Object.defineProperty(process, "arch", { value: "arm64" });
`;
const CLIENT = `
const express = require("express");
const { createAuth } = require("sentri");
const make = () => createAuth({ mode: "client", keyUri: process.env.KEY_URI });
const [auth, other] = [make(), make()];
const app = express();
app.get("/me", auth.protect(), other.protect(), (req, res) => res.json(req.user));
app.get("/admin", auth.protect(), auth.authorize("admin"), (req, res) => res.json({}));
app.use(auth.errorHandler());
app.listen(0);
`;
const TELL = `
const told = (run) => {
  try {
    return run();
  } catch (error) {
    return error.code + ": " + error.message;
  }
};
const { createAuth, createIdempotencyMiddleware } = require("sentri");
const server = told(() => createAuth({ mode: "server", validRoles: ["user"], db: "sqlite::memory:" }));
console.log(JSON.stringify([server, told(() => createIdempotencyMiddleware())]));
`;
let bare;

before(() => {
  bare = makeConsumer(["express@5"], { native: false });
  bare.write("elsewhere.cjs", ELSEWHERE);
  bare.write("client.cjs", CLIENT);
  bare.write("tell.cjs", TELL);
});

after(() => bare.remove());

for (const [where, env] of [
  ["where the package is missing", {}],
  ["on a platform that has none", { NODE_OPTIONS: "--require ./elsewhere.cjs" }],
]) {
  test(`client mode runs ${where}, with one warning (G1)`, async (t) => {
    const tokens = createTokenFactory();
    const keys = await startKeyServer(tokens);
    t.after(() => keys.close());
    const { base, stop, said } = await bare.start("client.cjs", { KEY_URI: keys.keyUri, ...env });
    t.after(stop);
    const ask = (path, token) =>
      new Browser(base).fetch(path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    const token = tokens.sign({ id: "rizz", roles: ["user"] });
    assert.deepEqual((await ask("/me", token)).body, { id: "rizz", roles: ["user"] });
    assert.deepEqual(
      [(await ask("/me")).status, (await ask("/me", `${token}x`)).body.code, (await ask("/admin", token)).status],
      [401, "TOKEN_INVALID", 403],
    );
    assert.equal(said.errors.match(/SentriWarning: Client mode runs on JavaScript/g)?.length, 1, said.errors);
  });
}

test("server mode names the platforms that exist, and no package that does not (G1)", () => {
  const [server, idempotency] = JSON.parse(bare.run("tell.cjs", { args: ["--require", bare.path("elsewhere.cjs")] }));
  for (const told of [server, idempotency]) {
    assert.match(
      told,
      /^CONFIGURATION_ERROR: .*not built for this platform, darwin-arm64: this release has it for linux-x64-gnu\. .*client mode works without it/,
    );
    assert.doesNotMatch(told, /sentri-darwin|npm install/);
  }
});

test("the platforms that are named are those of this release (G1)", () => {
  const { optionalDependencies, version } = bare.json("node_modules/sentri/package.json");
  const released = PLATFORMS.filter((name) => optionalDependencies[`sentri-${name}`] === version);
  assert.deepEqual(
    Object.keys(optionalDependencies),
    released.map((name) => `sentri-${name}`),
  );
  assert.ok(released.includes(platformName()), String(released));
  const text = bare.read("node_modules/sentri/dist/platform.js");
  for (const name of PLATFORMS) assert.ok(text.includes(`require("sentri-${name}")`), name);
});

test("the loader and the build know the same platforms (P73)", () => {
  assert.deepEqual(PLATFORMS, Object.keys(BUILT));
  assert.equal(platformName(), triple());
});

test("a core that is there and can't be loaded is no missing one (G1)", () => {
  const full = makeConsumer(["express@5"]);
  try {
    full.write("tell.cjs", TELL);
    writeFileSync(full.path("node_modules/sentri-linux-x64-gnu/sentri.node"), "not a library");
    const [server] = JSON.parse(full.run("tell.cjs"));
    assert.match(
      server,
      /^CONFIGURATION_ERROR: The native core of sentri is there and can't be loaded: .*sentri\.node.*doctor/,
    );
  } finally {
    full.remove();
  }
});
