// An application behind nginx, with the configuration of the guide and with those that the guide warns of.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./support/consumer.mjs";
import { Browser, PASSWORD, listen, options, sentri, user } from "./support/server.mjs";

const [, GUIDE] = /```nginx\n([^]*?)```/.exec(readFileSync(join(root, "docs/guide/proxies.md"), "utf8"));
const HOST = "    proxy_set_header Host $http_host;\n";

/** nginx in front of an application, as `server` says; answers its address. */
async function startProxy(t, application, server) {
  const folder = mkdtempSync(join(tmpdir(), "sentri-nginx-"));
  const port = await freePort();
  assert.ok(server.includes("listen 8080;") && server.includes("http://127.0.0.1:3000"));
  const placed = server
    .replace("listen 8080;", `listen 127.0.0.1:${port};`)
    .replace("http://127.0.0.1:3000", application);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n");
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off;\npid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temporary}\n${placed}\n}\n`,
  );
  const path = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
  const child = spawn(process.env.NGINX ?? "nginx", ["-p", folder, "-c", join(folder, "nginx.conf")], {
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  const ended = new Promise((resolve, reject) => child.once("exit", resolve).once("error", reject));
  t.after(async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const base = `http://127.0.0.1:${port}`;
  const end = Date.now() + 10_000;
  while (
    !(await fetch(`${base}/auth/keys`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    assert.ok(Date.now() < end && child.exitCode === null, said);
    await new Promise((resolve) => setTimeout(resolve, 50));
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

async function start(t) {
  const auth = sentri.createAuth(options({ secret: undefined }));
  await auth.migrate();
  await auth.register(user("rizz"));
  return listen(t, auth, { before: (app) => app.set("trust proxy", 1) });
}

/** Logs in and refreshes as a page of the site does, over plain http. */
async function refresh(base) {
  const browser = new Browser(base);
  const headers = { origin: base };
  assert.equal((await browser.post("/auth/login", { identifier: "rizz", password: PASSWORD }, headers)).status, 200);
  return browser.fetch("/auth/refresh", { method: "POST", headers });
}

test("the guide's configuration passes on what pages of the site need (G12)", async (t) => {
  const base = await startProxy(t, await start(t), GUIDE);
  assert.equal((await refresh(base)).status, 200);
  const { status, body } = await new Browser(base).fetch("/auth/refresh", {
    method: "POST",
    headers: { origin: "http://evil.example", cookie: "refresh_token=a.b.c" },
  });
  assert.deepEqual([status, body.code], [403, "FORBIDDEN"], "and nobody else's");
});

for (const [what, host] of [
  ["$host, which has no port", HOST.replace("$http_host", "$host")],
  ["no Host at all", ""],
]) {
  test(`with ${what}, the 403 names the Host header (G12)`, async (t) => {
    assert.ok(GUIDE.includes(HOST));
    const { status, body } = await refresh(await startProxy(t, await start(t), GUIDE.replace(HOST, host)));
    assert.equal(status, 403);
    assert.match(
      body.message,
      /trustedOrigins; if it is this site's own, let the proxy in front pass on the Host header as it came, with its port/,
    );
  });
}
