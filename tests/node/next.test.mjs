// A whole application of Next.js, built and started in another folder as `output: "standalone"` is deployed.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { makeConsumer } from "./support/consumer.mjs";
import { Browser, PASSWORD, user } from "./support/server.mjs";

const FILES = {
  "app/layout.js": "export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n",
  "app/page.js": "export default function Page() { return <p>hello</p>; }\n",
  "app/auth.js": `import { Hono } from "hono";
import { createAuthHono } from "sentri/hono";
const auth = createAuthHono({ mode: "server", validRoles: ["user"], db: "sqlite::memory:", saltRounds: 10, trustProxy: 1 });
export const app = new Hono().basePath("/api");
app.route("/auth", auth.router());
app.get("/me", auth.protect(), (c) => c.json(c.get("user")));
app.onError(auth.errorHandler());
export const ready = auth.migrate();
`,
  "app/api/[[...path]]/route.js": `export const dynamic = "force-dynamic";
const handle = async (request) => {
  try {
    const { app, ready } = await import("../../auth.js");
    await ready;
    return await app.fetch(request);
  } catch (error) {
    return Response.json({ failed: error.message }, { status: 500 });
  }
};
export { handle as GET, handle as POST };
`,
  "app/forward/route.js": `import { cookies } from "next/headers";
import { forwardCookies } from "sentri/browser";
export const dynamic = "force-dynamic";
export async function POST(request) {
  const headers = { cookie: request.headers.get("cookie") ?? "" };
  const answer = await fetch(new URL("/api/auth/refresh", request.url), { method: "POST", headers });
  return Response.json({ forwarded: forwardCookies(answer, await cookies()) });
}
`,
};
const STANDALONE =
  'output: "standalone", outputFileTracingRoot: import.meta.dirname, turbopack: { root: import.meta.dirname }';
let consumer;

before(() => {
  consumer = makeConsumer(["next@16", "react@19", "react-dom@19", "hono@4"]);
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(consumer.path(name)), { recursive: true });
    consumer.write(name, text);
  }
});

after(() => consumer.remove());

/** Builds the application and starts it where nothing else is; answers its address. */
async function deploy(t, config, ...flags) {
  consumer.write("next.config.mjs", `export default { ${config} };\n`);
  rmSync(consumer.path(".next"), { recursive: true, force: true });
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [consumer.path("node_modules/next/dist/bin/next"), "build", ...flags],
    { cwd: consumer.folder, encoding: "utf8", env },
  );
  assert.equal(status, 0, stdout + stderr);
  const folder = mkdtempSync(join(tmpdir(), "sentri-standalone-"));
  cpSync(consumer.path(".next/standalone"), folder, { recursive: true });
  const port = await freePort();
  const child = spawn(process.execPath, ["server.js"], {
    cwd: folder,
    env: { ...env, PORT: String(port), HOSTNAME: "127.0.0.1" },
    stdio: "ignore",
  });
  t.after(async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const base = `http://127.0.0.1:${port}`;
  const end = Date.now() + 30_000;
  while (
    !(await fetch(base).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    assert.ok(Date.now() < end && child.exitCode === null, "it does not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return base;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Registers, logs in, asks who that is, and refreshes by a route of the application's. */
async function lives(base) {
  const browser = new Browser(base);
  const registered = await browser.post("/api/auth/register", user("rizz"));
  assert.equal(registered.status, 201, registered.text);
  const { data } = (await browser.post("/api/auth/login", { identifier: "rizz", password: PASSWORD })).body;
  const headers = { authorization: `Bearer ${data.accessToken}` };
  assert.deepEqual((await new Browser(base).fetch("/api/me", { headers })).body, data.user);
  const before = browser.jar.get("refresh_token");
  assert.deepEqual((await browser.post("/forward", {})).body, { forwarded: 1 });
  assert.notEqual(browser.jar.get("refresh_token"), before);
  assert.equal((await browser.post("/api/auth/refresh", {})).status, 200, "the browser holds the token that counts");
}

const EXTERNAL = 'serverExternalPackages: ["sentri"]';

test("Turbopack, standalone, with serverExternalPackages (G18)", { timeout: 400_000 }, async (t) => {
  await lives(await deploy(t, `${EXTERNAL}, ${STANDALONE}`));
});

test("Turbopack, standalone, with nothing set (G18)", { timeout: 400_000 }, async (t) => {
  await lives(await deploy(t, STANDALONE));
});

// Next's own bundler is the one above; this build takes a minute more, and `make soak` makes it.
if (process.env.SENTRI_SOAK) {
  test("webpack, standalone, with serverExternalPackages (G18)", { timeout: 400_000 }, async (t) => {
    await lives(await deploy(t, `${EXTERNAL}, ${STANDALONE}`, "--webpack"));
  });
}

test("webpack, standalone, with nothing set: the error says what to set (G2)", { timeout: 400_000 }, async (t) => {
  const { body } = await new Browser(await deploy(t, STANDALONE, "--webpack")).post("/api/auth/register", user("rizz"));
  assert.match(body.failed, /serverExternalPackages: \["sentri"\]/);
});
