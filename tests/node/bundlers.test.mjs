// Programs that register, log in and ask who they are, as bundlers and tracers of files make them for production.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { builtinModules, createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { nodeFileTrace } from "@vercel/nft";
import { rollup } from "rollup";
import webpack from "webpack";
import { makeConsumer } from "./support/consumer.mjs";
import { binary } from "./support/runtimes.mjs";

const { build } = createRequire(new URL("../../npm/package.json", import.meta.url))("esbuild");

const EXPRESS = `
import express from "express";
import { createAuthExpress } from "sentri/express";
const auth = createAuthExpress({ mode: "server", validRoles: ["user"], db: "sqlite::memory:", saltRounds: 10 });
const app = express();
app.use("/auth", auth.router());
app.get("/me", auth.protect(), (req, res) => res.json(req.user));
app.use(auth.errorHandler());
auth.migrate().then(() => {
  const server = app.listen(0, "127.0.0.1", async () => {
    const base = "http://127.0.0.1:" + server.address().port;
    const post = async (path, body) => (await fetch(base + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();
    const { statusCode } = await post("/auth/register", { identifiers: [{ type: "username", value: "rizz" }], password: "correct horse 1" });
    const { data } = await post("/auth/login", { identifier: "rizz", password: "correct horse 1" });
    const me = await fetch(base + "/me", { headers: { authorization: "Bearer " + data.accessToken } });
    console.log(statusCode, me.status, (await me.json()).id === data.user.id);
    process.exit(0);
  });
});
`;

const HONO = `
import { Hono } from "hono";
import { createAuthHono } from "sentri/hono";
const auth = createAuthHono({ mode: "server", validRoles: ["user"], db: "sqlite::memory:", saltRounds: 10, trustProxy: 1 });
await auth.migrate();
const app = new Hono();
app.route("/auth", auth.router());
app.get("/me", auth.protect(), (c) => c.json(c.get("user")));
app.onError(auth.errorHandler());
const post = async (path, body) => (await app.request(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();
const { statusCode } = await post("/auth/register", { identifiers: [{ type: "username", value: "rizz" }], password: "correct horse 1" });
const { data } = await post("/auth/login", { identifier: "rizz", password: "correct horse 1" });
const me = await app.request("/me", { headers: { authorization: "Bearer " + data.accessToken } });
console.log(statusCode, me.status, (await me.json()).id === data.user.id);
process.exit(0);
`;
const LIVED = "201 200 true";

let consumer, elsewhere;

before(() => {
  consumer = makeConsumer(["express@5", "hono@4"]);
  consumer.write("express.mjs", EXPRESS);
  consumer.write("hono.mjs", HONO);
  elsewhere = mkdtempSync(join(tmpdir(), "sentri-elsewhere-"));
});

after(() => {
  consumer.remove();
  rmSync(elsewhere, { recursive: true, force: true });
});

// What an ES module of esbuild needs where a package of CommonJS, such as Express, asks for a module of Node's.
const REQUIRE = {
  js: 'import { createRequire as makeRequire } from "node:module";\nconst require = makeRequire(import.meta.url);',
};

const byEsbuild =
  (format, more = {}) =>
  (entry, outfile) =>
    build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: "node",
      format,
      absWorkingDir: consumer.folder,
      logLevel: "silent",
      ...more,
    });

const byRollup =
  (format, external = []) =>
  async (entry, outfile) => {
    const plugins = [nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs(), json()];
    const made = await rollup({
      input: entry,
      external: [/^node:/, ...builtinModules, ...external],
      plugins,
      onwarn() {},
    });
    await made.write({ file: outfile, format, inlineDynamicImports: true });
  };

const byWebpack =
  (format, externals = []) =>
  async (entry, outfile) => {
    const module = {
      experiments: { outputModule: true },
      output: { library: { type: "module" }, chunkFormat: "module" },
      externalsType: "module",
    };
    const { output, ...rest } = format === "esm" ? module : { output: {}, externalsType: "commonjs" };
    const options = {
      mode: "production",
      target: "node20",
      entry,
      context: consumer.folder,
      externals,
      optimization: { minimize: false },
      ...rest,
    };
    const compiler = webpack({
      ...options,
      output: { path: dirname(outfile), filename: outfile.slice(dirname(outfile).length + 1), ...output },
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, done) => (error ? reject(error) : resolve(done))),
    );
    assert.deepEqual(stats.compilation.errors.map(String), []);
    // A warning is one more line that everybody reads at every build.
    assert.deepEqual(
      stats.compilation.warnings.map(String).filter((text) => /node_modules.sentri|'sentri/.test(text)),
      [],
    );
  };

const SENTRI = /^sentri(\/.+)?$/;
/** How each is bundled: which program, into which kind of file, by what. */
const BUNDLES = {
  "esbuild, CommonJS": ["express", "cjs", byEsbuild("cjs")],
  "esbuild, ES modules": ["hono", "mjs", byEsbuild("esm")],
  "esbuild, ES modules with a require": ["express", "mjs", byEsbuild("esm", { banner: REQUIRE })],
  "esbuild, sentri external": ["hono", "mjs", byEsbuild("esm", { external: ["sentri"] })],
  "Rollup, CommonJS": ["express", "cjs", byRollup("cjs")],
  "Rollup, ES modules": ["hono", "mjs", byRollup("es")],
  "Rollup, sentri external": ["hono", "mjs", byRollup("es", [SENTRI])],
  "webpack, CommonJS": ["express", "cjs", byWebpack("cjs")],
  "webpack, ES modules": ["hono", "mjs", byWebpack("esm")],
  "webpack, sentri external": ["hono", "mjs", byWebpack("esm", [SENTRI])],
};

const run = (file) =>
  execFileSync(process.execPath, [file], { cwd: dirname(file), encoding: "utf8", timeout: 60_000 }).trim();

for (const [name, [program, extension, bundle]] of Object.entries(BUNDLES)) {
  test(`${name}: a bundle beside node_modules lives, and one without says the cure (G2)`, {
    timeout: 120_000,
  }, async () => {
    // Hono's program waits at its top, which CommonJS can't.
    const file = consumer.path(`out/${name.replace(/\W+/g, "-")}.${extension}`);
    await bundle(consumer.path(`${program}.mjs`), file);
    assert.equal(run(file), LIVED);
    if (name.includes("external")) return;
    const folder = join(elsewhere, name.replace(/\W+/g, "-"));
    mkdirSync(folder);
    copyFileSync(file, join(folder, `bundle.${extension}`));
    const { status, stderr } = spawnSync(process.execPath, [join(folder, `bundle.${extension}`)], { encoding: "utf8" });
    assert.notEqual(status, 0);
    assert.match(
      stderr,
      /SentriError: The native core of sentri can't be found from inside a bundle\. .*serverExternalPackages: \["sentri"\].*external/,
    );
    // The core beside the bundle is all that it needs.
    copyFileSync(consumer.path("node_modules/sentri-linux-x64-gnu/sentri.node"), join(folder, "sentri.node"));
    assert.equal(run(join(folder, `bundle.${extension}`)), LIVED);
  });
}

for (const program of ["express", "hono"]) {
  test(`@vercel/nft takes the native core along: ${program} (G18)`, async () => {
    const { fileList } = await nodeFileTrace([consumer.path(`${program}.mjs`)], {
      base: consumer.folder,
      processCwd: consumer.folder,
      conditions: ["node", "module-sync"],
    });
    assert.ok(fileList.has("node_modules/sentri-linux-x64-gnu/sentri.node"), [...fileList].join("\n"));
    const folder = join(elsewhere, `traced-${program}`);
    for (const name of fileList) cpSync(consumer.path(name), join(folder, name));
    assert.equal(run(join(folder, `${program}.mjs`)), LIVED);
  });
}

test("Bun takes the native core into a bundle and into an executable (G2)", { timeout: 120_000 }, () => {
  const bun = (...args) =>
    execFileSync(binary("bun"), args, { cwd: consumer.folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const lived = (command, args) =>
    execFileSync(command, args, { cwd: elsewhere, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  bun("build", "hono.mjs", "--target=bun", `--outdir=${join(elsewhere, "bun")}`);
  assert.equal(lived(binary("bun"), [join(elsewhere, "bun/hono.js")]), LIVED);
  bun("build", "hono.mjs", "--compile", `--outfile=${join(elsewhere, "alone")}`);
  assert.ok(existsSync(join(elsewhere, "alone")));
  assert.equal(lived(join(elsewhere, "alone"), []), LIVED);
});
