// The program of the guide to NestJS, word for word, over both platforms: refusals are answered as the endpoints answer
// them and are no crash in Nest's log; what an application throws itself stays Nest's.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./support/consumer.mjs";
import { Browser, PASSWORD, user } from "./support/server.mjs";

const ts = createRequire(join(root, "npm/package.json"))("typescript");
const guide = readFileSync(join(root, "docs/guide/hosts.md"), "utf8");
const files = [...guide.matchAll(/```ts\n\/\/ (\w+)\.ts\n([\s\S]*?)```/g)].map(([, name, code]) => [name, code]);

/** What the guide says of platform-fastify. */
const ON_FASTIFY = [
  ["sentri/express", "sentri/fastify"],
  ["createAuthExpress", "createAuthFastify"],
  ['app.use("/auth", auth.router());', 'await app.register(auth.plugin(), { prefix: "/auth" });'],
  ["NestFactory.create(App)", "NestFactory.create(App, new FastifyAdapter())"],
  ["import { NestFactory }", 'import { FastifyAdapter } from "@nestjs/platform-fastify";\nimport { NestFactory }'],
];
/** A route with a fault of the application's own. */
const BROKEN = [
  "  @Delete()",
  '  @Get("broken")\n  broken() {\n    throw new Error("the application\'s own");\n  }\n\n  @Delete()',
];

/** Starts the guide's program in this folder's node_modules; resolves to its address and its output. */
async function start(t, changes) {
  const folder = mkdtempSync(join(root, "tests/node/.nest-guide-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), "{}");
  const compilerOptions = { module: "CommonJS", target: "ES2022", experimentalDecorators: true };
  for (const [name, code] of files) {
    const changed = changes.reduce((text, [from, to]) => text.replaceAll(from, to), code);
    const { outputText } = ts.transpileModule(changed, { compilerOptions: { ...compilerOptions } });
    const built = join(root, "npm/dist/");
    writeFileSync(
      join(folder, `${name}.js`),
      outputText.replace(/"sentri\/(\w+)"/, (_, entry) => `"${built}${entry}.js"`),
    );
  }
  const port = await freePort();
  const env = { ...process.env, DATABASE_URL: "sqlite::memory:", PORT: String(port), NO_COLOR: "1" };
  const child = spawn(process.execPath, [join(folder, "main.js")], { env, stdio: ["ignore", "pipe", "pipe"] });
  const said = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said.text += chunk));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const base = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 300 && child.exitCode === null; tries++) {
    if (
      await fetch(base).then(
        () => true,
        () => false,
      )
    )
      return { base, said };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail(said.text);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

for (const [name, changes] of [
  ["platform-express", []],
  ["platform-fastify", ON_FASTIFY],
]) {
  test(`the guide's program on ${name} answers refusals and logs no stack (G20)`, async (t) => {
    const { base, said } = await start(t, [BROKEN, ...changes]);
    const browser = new Browser(base);
    assert.equal((await browser.post("/auth/register", user("rizz"))).status, 201);
    const { body } = await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD });
    const headers = { authorization: `Bearer ${body.data.accessToken}` };
    const ask = (path, init) => fetch(base + path, init);
    const known = await ask("/orders", { headers });
    assert.deepEqual([known.status, await known.json()], [200, { of: body.data.user.id }]);

    for (const [init, code] of [
      [{}, "UNAUTHORIZED"],
      [{ headers: { authorization: "Bearer x" } }, "TOKEN_INVALID"],
    ]) {
      const refused = await ask("/orders", init);
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get("www-authenticate"), /^Bearer/);
      assert.equal((await refused.json()).code, code);
    }
    const forbidden = await ask("/orders", { method: "DELETE", headers });
    assert.deepEqual([forbidden.status, (await forbidden.json()).code], [403, "FORBIDDEN"]);

    const broken = await ask("/orders/broken", { headers });
    assert.deepEqual([broken.status, (await broken.json()).message], [500, "Internal server error"]);
    assert.equal((await ask("/nowhere")).status, 404);
    // Output comes when it comes; of what was refused before, none may stand in front of it.
    for (let tries = 0; tries < 100 && !said.text.includes("the application's own"); tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(said.text.match(/ExceptionsHandler/g)?.length, 1, said.text);
    assert.match(said.text, /ExceptionsHandler\] Error: the application's own/);
  });
}
