// sentri/web in the hosts of docs/guide/fetch.md: each of its programs as it stands, in a project with the tarballs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { makeConsumer, root } from "./support/consumer.mjs";
import { binary, start } from "./support/runtimes.mjs";
import { Browser, PASSWORD, user } from "./support/server.mjs";

const GUIDE = readFileSync(join(root, "docs/guide/fetch.md"), "utf8");
let consumer;

before(() => {
  consumer = makeConsumer(["h3@1", "next@16", "react@19", "react-dom@19"]);
  consumer.setType("module");
});
after(() => consumer.remove());

/** Writes the files of a section of the guide, each named by its first line; answers their folder. */
function write(heading, folder) {
  const section = GUIDE.split(/^## /m).find((part) => part.startsWith(heading));
  const files = [...section.matchAll(/```js\n\/\/ (\S+)\n([\s\S]*?)```/g)];
  assert.ok(files.length > 0, heading);
  for (const [, name, text] of files) {
    mkdirSync(dirname(consumer.path(folder, name)), { recursive: true });
    consumer.write(join(folder, name), text);
  }
  return consumer.path(folder);
}

/** Registers, logs in and asks who that is, by cookies and by a token; `auth` is where the endpoints are. */
async function lives(base, { auth = "/auth", me = "/me", admin } = {}) {
  const browser = new Browser(base);
  assert.equal((await browser.post(`${auth}/register`, user("rizz"))).status, 201);
  const login = await browser.post(`${auth}/login`, { identifier: "rizz", password: PASSWORD });
  assert.equal(login.status, 200, login.text);
  const { data } = login.body;
  const headers = { authorization: `Bearer ${data.accessToken}` };
  const nobody = new Browser(base);
  assert.deepEqual((await nobody.fetch(me, { headers })).body, data.user);
  const refused = await nobody.fetch(me);
  assert.deepEqual([refused.status, refused.body.code], [401, "UNAUTHORIZED"]);
  if (admin) assert.equal((await nobody.fetch(admin, { headers })).body.code, "FORBIDDEN");
  assert.equal((await browser.post(`${auth}/refresh`, {})).status, 200);
  const unknown = await nobody.fetch(`${auth}/nothing`);
  assert.deepEqual([unknown.status, unknown.body.code], [404, "NOT_FOUND"]);
}

const env = { DATABASE_URL: "sqlite::memory:", PORT: "0" };

test("Bun.serve", { timeout: 60_000 }, async (t) => {
  const cwd = write("Bun", "bun");
  await lives((await start(t, binary("bun"), ["server.js"], { cwd, env })).base, { admin: "/admin/x" });
});

test("Deno.serve", { timeout: 60_000 }, async (t) => {
  const cwd = write("Deno", "deno");
  await lives((await start(t, binary("deno"), ["run", "-A", "server.js"], { cwd, env })).base, { admin: "/admin/x" });
});

test("h3, as Nitro has it", { timeout: 60_000 }, async (t) => {
  const cwd = write("Nitro", "h3");
  await lives((await start(t, process.execPath, ["server.js"], { cwd, env })).base);
});

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("Next.js: route files", { timeout: 400_000 }, async (t) => {
  const cwd = write("Next.js", ".");
  consumer.write("next.config.mjs", 'export default { serverExternalPackages: ["sentri"] };\n');
  const layout = "export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n";
  consumer.write("app/layout.js", layout);
  const next = consumer.path("node_modules/next/dist/bin/next");
  const own = { ...process.env, ...env, NEXT_TELEMETRY_DISABLED: "1" };
  const built = spawnSync(process.execPath, [next, "build"], { cwd, encoding: "utf8", env: own });
  assert.equal(built.status, 0, built.stdout + built.stderr);
  const port = await freePort();
  const script = `import { spawn } from "node:child_process";
const child = spawn(process.execPath, ${JSON.stringify([next, "start", "-p", String(port), "-H", "127.0.0.1"])}, { stdio: ["ignore", "pipe", "inherit"] });
child.stdout.on("data", (text) => /Ready/.test(text) && console.log("listening ${port}"));
process.on("SIGTERM", () => { child.once("exit", () => process.exit()); child.kill(); });
`;
  consumer.write("start.mjs", script);
  await lives((await start(t, process.execPath, ["start.mjs"], { cwd, env: own })).base, {
    auth: "/api/auth",
    me: "/api/me",
  });
});

test("SvelteKit: route files", { timeout: 400_000 }, async (t) => {
  consumer.install(
    "@sveltejs/kit@2",
    "@sveltejs/adapter-node@5",
    "svelte@5",
    "vite@7",
    "@sveltejs/vite-plugin-svelte@6",
  );
  const cwd = write("SvelteKit", "svelte");
  consumer.write("svelte/package.json", '{ "name": "app", "private": true, "type": "module" }');
  consumer.write(
    "svelte/svelte.config.js",
    'import node from "@sveltejs/adapter-node";\nexport default { kit: { adapter: node() } };\n',
  );
  consumer.write(
    "svelte/vite.config.js",
    'import { sveltekit } from "@sveltejs/kit/vite";\nexport default { plugins: [sveltekit()] };\n',
  );
  consumer.write(
    "svelte/src/app.html",
    "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>",
  );
  const vite = consumer.path("node_modules/vite/bin/vite.js");
  const built = spawnSync(process.execPath, [vite, "build"], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  assert.equal(built.status, 0, built.stdout + built.stderr);
  const port = String(await freePort());
  const base = `http://127.0.0.1:${port}`;
  consumer.write(
    "svelte/start.js",
    `await import("./build/index.js");
while (!(await fetch(process.env.ORIGIN).then(() => true, () => false))) await new Promise((next) => setTimeout(next, 50));
console.log("listening " + process.env.PORT);
`,
  );
  await start(t, process.execPath, ["start.js"], { cwd, env: { ...env, PORT: port, HOST: "127.0.0.1", ORIGIN: base } });
  await lives(base);
});
