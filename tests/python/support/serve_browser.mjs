// Pages of two origins and an auth server on a third, in a real browser:
// node serve_browser.mjs <folder with cert.pem and key.pem> <port of the auth server> <cookies or bodies> <password>
// Prints the page's origin first and waits for a line, since the auth server is told of it when it starts.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBrowser } from "../../node/support/chromium.mjs";

const [folder, authPort, mode, password] = process.argv.slice(2);
const script = readFileSync(fileURLToPath(new URL("../../../npm/dist/esm/browser.mjs", import.meta.url)));
const auth = `https://auth.example.test:${authPort}/auth`;
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
import { createAuthFetch } from "/sentri.mjs";
window.authFetch = createAuthFetch({ baseUrl: "${auth}" });
window.ask = async (path, body, more = {}) => {
  const response = await fetch("${auth}" + path, {
    method: body === undefined ? "GET" : "POST",
    credentials: "include",
    body: body === undefined ? undefined : JSON.stringify(body),
    ...more,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...more.headers },
  });
  const told = ["x-access-token", "retry-after", "ratelimit"].map((name) => [name, response.headers.get(name)]);
  return { status: response.status, headers: Object.fromEntries(told), data: (await response.json()).data };
};
window.ready = true;
</script>`;

const pages = createServer(
  { cert: readFileSync(join(folder, "cert.pem")), key: readFileSync(join(folder, "key.pem")) },
  (req, res) => {
    const isScript = req.url === "/sentri.mjs";
    res.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
    res.end(isScript ? script : PAGE);
  },
);
pages.listen(0, "127.0.0.1");
await once(pages, "listening");
const { port } = pages.address();
console.log(`https://app.example.test:${port}`);
await once(process.stdin, "data");

const endings = [];
const browser = await openBrowser(
  { after: (end) => endings.push(end) },
  { args: ["--host-resolver-rules=MAP *.example.test 127.0.0.1"], ignoreHTTPSErrors: true },
);
const credentials = { identifier: "rizz", password };
const registration = { identifiers: [{ type: "username", value: "rizz" }], password };

async function openTab(host) {
  const tab = await browser.newPage();
  await tab.goto(`https://${host}.example.test:${port}/`);
  await tab.waitForFunction("window.ready");
  return tab;
}
/** The answer as a page's script sees it, or the name of the error that it sees instead. */
const ask = (tab, path, body, more) =>
  tab.evaluate(
    ([at, what, how]) => window.ask(at, what ?? undefined, how).catch(({ name }) => name),
    [path, body ?? null, more ?? {}],
  );
const status = (tab, path, how) =>
  tab.evaluate(([at, init]) => window.authFetch(at, init).then((answer) => answer.status), [`${auth}${path}`, how]);

async function withCookies() {
  const [first, second] = [await openTab("app"), await openTab("app")];
  await first.evaluate((what) => window.authFetch.register(what), registration);
  await first.evaluate((what) => window.authFetch.login(what), credentials);
  await second.waitForFunction("window.authFetch.accessToken !== undefined");
  assert.deepEqual([await status(first, "/me"), await status(second, "/me")], [200, 200]);
  console.log("signed in");

  // The access token lives for two seconds: both tabs find theirs expired at once, and one refreshes for both.
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    const answers = [first, second, first, second].map((tab) => status(tab, "/me"));
    assert.deepEqual(await Promise.all(answers), [200, 200, 200, 200]);
  }
  const token = await first.evaluate("window.authFetch.accessToken");
  await second.waitForFunction((known) => window.authFetch.accessToken === known, token);
  console.log("refreshed");

  // Without a token protect() mints one by the cookie, and the page reads it.
  const silent = await ask(first, "/me");
  assert.equal(silent.status, 200);
  assert.equal(silent.headers["x-access-token"].split(".").length, 3);

  // A page of an origin that is not listed reads nothing, and its browser sends nothing that has to be asked for.
  const foreign = await openTab("evil");
  assert.equal(await ask(foreign, "/me"), "TypeError");
  assert.equal(await ask(foreign, "/keys", undefined, { credentials: "omit" }), "TypeError");
  assert.equal(await ask(foreign, "/login", credentials), "TypeError");
  assert.equal(await ask(foreign, "/logout", {}, { headers: { "content-type": "text/plain" } }), "TypeError");
  // So does a page whose origin is "null".
  await foreign.evaluate((at) => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.srcdoc = `<script>fetch("${at}/keys").then(() => "read", () => "nothing").then((found) => parent.postMessage(found, "*"))<${""}/script>`;
    window.framed = new Promise((resolve) => window.addEventListener("message", ({ data }) => resolve(data)));
    document.body.append(frame);
  }, auth);
  assert.equal(await foreign.evaluate("window.framed"), "nothing");
  assert.equal(await status(first, "/me"), 200, "and the session lives");

  await first.evaluate(() => window.authFetch.logout());
  await second.waitForFunction("window.authFetch.accessToken === undefined");
  assert.equal((await ask(first, "/me")).status, 401);
  assert.equal((await ask(second, "/refresh", {})).status, 401);
}

async function withBodies() {
  const tab = await openTab("app");
  assert.equal((await ask(tab, "/register", registration)).status, 201);
  const { data } = await ask(tab, "/login", credentials);
  const bearer = { headers: { authorization: `Bearer ${data.accessToken}` } };
  assert.equal((await ask(tab, "/me", undefined, bearer)).status, 200);
  console.log("signed in");
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  assert.equal((await ask(tab, "/me", undefined, bearer)).status, 401);
  const tokens = { refreshToken: data.refreshToken };
  const answers = await Promise.all(Array.from({ length: 4 }, () => ask(tab, "/refresh", tokens)));
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
  const renewed = answers[0].data;
  const anew = { headers: { authorization: `Bearer ${renewed.accessToken}` } };
  assert.equal((await ask(tab, "/me", undefined, anew)).status, 200);
  console.log("refreshed");
  const foreign = await openTab("evil");
  assert.equal(await ask(foreign, "/refresh", { refreshToken: renewed.refreshToken }), "TypeError");
  assert.equal((await ask(tab, "/logout", { refreshToken: renewed.refreshToken })).status, 200);
  assert.equal((await ask(tab, "/refresh", { refreshToken: renewed.refreshToken })).status, 401);
  // The page learns how long to wait.
  let last;
  for (let guess = 0; guess < 6; guess++) last = await ask(tab, "/login", { ...credentials, password: "wrong horse" });
  assert.equal(last.status, 429);
  assert.ok(Number(last.headers["retry-after"]) > 0 && last.headers.ratelimit !== null, JSON.stringify(last));
  assert.deepEqual(await browser.cookies(), []);
}

try {
  await (mode === "cookies" ? withCookies() : withBodies());
  console.log("done");
} finally {
  for (const end of endings) await end();
  pages.close();
  pages.closeAllConnections();
  process.stdin.destroy();
}
