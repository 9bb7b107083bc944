// Single sign-on: an auth server in one process, client-mode applications in five others and in workerd. Log in once, be
// known everywhere; keys rotate without a failed request; what is known stays known when the auth server is gone.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeConsumer } from "./support/consumer.mjs";
import { bundle, start, startWorkerd } from "./support/runtimes.mjs";

const script = (name) => fileURLToPath(new URL(`sso/${name}.mjs`, import.meta.url));
const FRAMEWORKS = ["express", "fastify", "hono", "koa", "elysia"];

const WORKER = `
import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { createAuthHono } from "sentri/hono";
const auth = createAuthHono({ mode: "client", keyUri: env.KEY_URI, validRoles: ["user", "admin"], issuer: "https://auth.example" });
const app = new Hono();
app.get("/protected", auth.protect(), (c) => c.json(c.get("user")));
app.get("/admin", auth.protect(), auth.authorize("admin"), (c) => c.json(c.get("user")));
app.onError(auth.errorHandler());
export default app;
`;

async function startAll(t) {
  const server = await start(t, process.execPath, [script("server")]);
  const keyUri = `${server.base}/auth/keys`;
  const consumer = makeConsumer(["hono@4"], { native: false });
  t.after(() => consumer.remove());
  consumer.setType("module");
  const { folder } = consumer;
  await bundle(folder, WORKER, ["workerd", "worker", "browser"], "worker.js");
  const apps = await Promise.all([
    ...FRAMEWORKS.map(async (name) => ({ name, ...(await start(t, process.execPath, [script("app"), name, keyUri])) })),
    startWorkerd(t, folder, "worker.js", { KEY_URI: keyUri }).then((worker) => ({ name: "workerd", ...worker })),
  ]);
  return { server, apps };
}

async function login({ base }, identifier) {
  const response = await fetch(`${base}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ identifier, password: "correct horse 1" }),
  });
  assert.equal(response.status, 200);
  return (await response.json()).data;
}

const kidOf = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).kid;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function ask({ base }, path, token) {
  const response = await fetch(base + path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: await response.json() };
}

/** What each application answers to a token, by name. */
async function askAll(apps, path, token) {
  return Object.fromEntries(
    await Promise.all(apps.map(async (app) => [app.name, (await ask(app, path, token)).status])),
  );
}

const all = (apps, status) => Object.fromEntries(apps.map(({ name }) => [name, status]));

test("one login for six applications, over a rotation and the end of the auth server", {
  timeout: 180_000,
}, async (t) => {
  const { server, apps } = await startAll(t);
  const [user, admin] = [await login(server, "user"), await login(server, "admin")];
  for (const app of apps) {
    assert.deepEqual((await ask(app, "/protected", user.accessToken)).body, user.user, app.name);
    assert.equal((await ask(app, "/admin", user.accessToken)).body.code, "FORBIDDEN", app.name);
    assert.equal((await ask(app, "/protected", `${user.accessToken}x`)).body.code, "TOKEN_INVALID", app.name);
  }
  assert.deepEqual(await askAll(apps, "/admin", admin.accessToken), all(apps, 200));

  const before = kidOf(user.accessToken);
  const { kid: after } = await fetch(`${server.base}/rotate`, { method: "POST" }).then((response) => response.json());
  assert.notEqual(after, before);
  let newest = user.accessToken;
  const end = Date.now() + 60_000;
  // Some requests with each key after the change, so that both are seen to work side by side.
  for (let seen = 0; seen < 5; ) {
    assert.ok(Date.now() < end, "the new key signs within a minute");
    newest = (await login(server, "user")).accessToken;
    assert.deepEqual(await askAll(apps, "/protected", newest), all(apps, 200));
    assert.deepEqual(await askAll(apps, "/protected", user.accessToken), all(apps, 200));
    if (kidOf(newest) === after) seen += 1;
    else await pause(500);
  }

  server.child.kill("SIGKILL");
  await once(server.child, "exit");
  for (let round = 0; round < 3; round++) {
    for (const token of [newest, user.accessToken])
      assert.deepEqual(await askAll(apps, "/protected", token), all(apps, 200));
    assert.deepEqual(await askAll(apps, "/admin", user.accessToken), all(apps, 403));
    await pause(200);
  }
});
