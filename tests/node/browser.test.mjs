// A real browser: a page of an Express application that uses sentri/browser, in two tabs, and a page of somebody else's.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openBrowser } from "./support/chromium.mjs";
import { PASSWORD, listen, options, sentri, testClock, user } from "./support/server.mjs";

const dist = fileURLToPath(new URL("../../npm/dist", import.meta.url));
const ACCESS_LIFE = 15 * 60_000;

const PAGE = `<!doctype html><title>app</title><script type="module">
import { createAuthFetch } from "/sentri.mjs";
window.signedOut = 0;
window.authFetch = createAuthFetch({ token: document.cookie.includes("mode=cookie") ? "cookie" : "memory", onSignedOut: () => (window.signedOut += 1) });
window.ready = true;
</script>`;

/** The application at http://localhost, a browser with two tabs of it, and what the application was asked. */
async function setUp(t, more = {}) {
  const clock = testClock(Date.now());
  const auth = sentri.createAuth(options({ clock, ...more }));
  await auth.migrate();
  await auth.register(user("rizz", { roles: ["user"] }));
  const log = [];
  const holders = new Map();
  /** Holds back the next request for a path; resolves to what lets it go on once it has come. */
  const hold = (path) => new Promise((resolve) => holders.set(path, resolve));
  const base = await listen(t, auth, {
    before: (app) => {
      app.use(async (req, res, next) => {
        res.on("finish", () => log.push(`${req.method} ${req.originalUrl} ${res.statusCode}`));
        const holder = holders.get(req.originalUrl);
        holders.delete(req.originalUrl);
        if (holder) await new Promise(holder);
        next();
      });
      app.get("/", (_req, res) => res.type("html").send(PAGE));
      app.get("/sentri.mjs", (_req, res) => res.sendFile(join(dist, "esm/browser.mjs")));
      app.get("/favicon.ico", (_req, res) => res.status(204).end());
    },
    extend: (app) => app.post("/orders", auth.protect(), (req, res) => res.json({ user: req.user.id })),
  });
  const origin = base.replace("127.0.0.1", "localhost");
  const browser = await openBrowser(t);
  const openTab = async () => {
    const tab = await browser.newPage();
    await tab.goto(origin);
    await tab.waitForFunction("window.ready");
    return tab;
  };
  return { auth, base, origin, clock, hold, log, browser, openTab };
}

const login = (tab) =>
  tab.evaluate(
    (password) => window.authFetch.login({ identifier: "rizz", password }).then((data) => data.user.roles),
    PASSWORD,
  );
const ask = (tab, path = "/protected", method = "GET") =>
  tab.evaluate(
    ([at, how]) => window.authFetch(at, { method: how }).then((response) => response.status),
    [path, method],
  );
const count = (log, line) => log.filter((one) => one === line).length;

test("two tabs at once survive expiry with one refresh between them", async (t) => {
  const { clock, log, openTab } = await setUp(t, { silentRefresh: false });
  const [first, second] = [await openTab(), await openTab()];
  assert.deepEqual(await login(first), ["user"]);
  await second.waitForFunction("window.authFetch.accessToken !== undefined");
  assert.deepEqual(await Promise.all([ask(first), ask(second)]), [200, 200]);
  for (let round = 1; round <= 5; round++) {
    clock.advance(ACCESS_LIFE);
    const answers = await Promise.all([
      ask(first),
      ask(second),
      ask(first),
      ask(second),
      ask(first, "/orders", "POST"),
    ]);
    assert.deepEqual(answers, [200, 200, 200, 200, 200]);
    assert.equal(count(log, "POST /auth/refresh 200"), round);
  }
  const token = () => window.authFetch.accessToken;
  await second.waitForFunction((known) => window.authFetch.accessToken === known, await first.evaluate(token));
});

const MFA = { mfa: { totp: { issuer: "Example" } }, encryptionKey: "a-key-of-32-bytes-for-the-tests--" };

test("whoever authenticates again while both tabs want to refresh holds up neither", { timeout: 60_000 }, async (t) => {
  const { clock, hold, log, openTab } = await setUp(t, { ...MFA, silentRefresh: false });
  const [first, second] = [await openTab(), await openTab()];
  await login(first);
  await second.waitForFunction("window.authFetch.accessToken !== undefined");
  clock.advance(ACCESS_LIFE);
  const held = hold("/auth/refresh");
  const refreshed = first.evaluate("window.authFetch.refresh()");
  const release = await held;
  const queue = (length) =>
    second.waitForFunction(
      (expected) => navigator.locks.query().then(({ pending }) => pending.length === expected),
      length,
    );
  const confirmed = second.evaluate(
    (password) => window.authFetch.reauthenticate({ password }).then((data) => data.accessToken),
    PASSWORD,
  );
  await queue(1);
  const polled = ask(second);
  await queue(2);
  release();
  assert.deepEqual([await refreshed, await polled], [true, 200]);
  const token = await confirmed;
  for (const tab of [first, second])
    await tab.waitForFunction((expected) => window.authFetch.accessToken === expected, token);
  assert.equal(count(log, "POST /auth/me/reauthenticate 200"), 1);
  assert.equal(count(log, "POST /auth/refresh 200"), 1, "the poll waits for the token of the password");
  assert.deepEqual([await ask(first), await ask(second)], [200, 200]);
});

test("silent refresh on the server keeps two tabs signed in by their cookies", async (t) => {
  const { clock, log, openTab, browser, origin } = await setUp(t, { accessCookie: true });
  await browser.addCookies([{ name: "mode", value: "cookie", url: origin }]);
  const [first, second] = [await openTab(), await openTab()];
  await login(first);
  assert.equal(await first.evaluate("window.authFetch.accessToken"), undefined);
  for (let round = 0; round < 3; round++) {
    clock.advance(ACCESS_LIFE);
    assert.deepEqual(
      await Promise.all([ask(first), ask(second), ask(first, "/orders", "POST"), ask(second, "/orders", "POST")]),
      [200, 200, 200, 200],
    );
  }
  assert.equal(
    log.some((line) => line.startsWith("POST /auth/refresh")),
    false,
  );
  assert.ok((await browser.cookies(origin)).find(({ name }) => name === "refresh_token").httpOnly);
});

test("a tab that is opened later finds the session; logging out ends it in all tabs", async (t) => {
  const { openTab, browser, origin, log } = await setUp(t, { silentRefresh: false });
  const first = await openTab();
  await login(first);
  const second = await openTab();
  assert.equal(await ask(second), 200);
  await second.evaluate("window.authFetch.logout()");
  assert.equal(
    (await browser.cookies(origin)).some(({ name }) => name === "refresh_token"),
    false,
  );
  await first.waitForFunction("window.signedOut === 1");
  assert.deepEqual([await ask(first), await ask(second)], [401, 401]);
  assert.equal(count(log, "POST /auth/refresh 401"), 0);
  const third = await openTab();
  assert.equal(await ask(third), 401);
});

test("logging out takes both cookies from all tabs, where the access token is one of them", async (t) => {
  const { openTab, browser, origin, clock, log } = await setUp(t, { accessCookie: true });
  await browser.addCookies([{ name: "mode", value: "cookie", url: origin }]);
  const [first, second] = [await openTab(), await openTab()];
  const cookies = async () => (await browser.cookies(origin)).map(({ name }) => name).sort();
  await login(first);
  assert.deepEqual(await cookies(), ["access_token", "mode", "refresh_token"]);
  assert.deepEqual([await ask(first), await ask(second, "/orders", "POST")], [200, 200]);
  const kept = (await browser.cookies(origin)).filter(({ name }) => name !== "mode");
  await second.evaluate("window.authFetch.logout()");
  assert.deepEqual(await cookies(), ["mode"]);
  await first.waitForFunction("window.signedOut === 1");
  assert.deepEqual([await ask(first), await ask(second), await ask(first, "/orders", "POST")], [401, 401, 401]);
  assert.equal(count(log, "POST /auth/logout 200"), 1);
  // Cookies that somebody has kept are worth nothing, now and when the access token has expired.
  await browser.addCookies(kept);
  assert.deepEqual([await ask(first), await ask(second, "/orders", "POST")], [401, 401]);
  clock.advance(ACCESS_LIFE);
  assert.deepEqual([await ask(first), await ask(second, "/orders", "POST")], [401, 401]);
});

test("a logout ends the session though the page is left at once", async (t) => {
  const { openTab, browser, origin, log } = await setUp(t, { silentRefresh: false });
  const tab = await openTab();
  await login(tab);
  const left = tab.waitForURL(`${origin}/?left`);
  await tab.evaluate("void window.authFetch.logout(); location.assign('/?left')");
  await left;
  await tab.waitForFunction("window.ready");
  const end = Date.now() + 10_000;
  while (count(log, "POST /auth/logout 200") === 0 && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(count(log, "POST /auth/logout 200"), 1);
  assert.equal(
    (await browser.cookies(origin)).some(({ name }) => name === "refresh_token"),
    false,
  );
  assert.equal(await ask(tab), 401);
});

/** A page of somebody else's at http://127.0.0.1, another site than localhost. */
async function openEvilPage(t, browser) {
  const server = createServer((_, response) =>
    response.setHeader("content-type", "text/html").end("<!doctype html><title>evil</title>"),
  );
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  return tab;
}

/** What a hidden form does, in place of the page. */
async function submitForm(tab, action) {
  await tab.evaluate((target) => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: target });
    document.body.append(form);
    form.submit();
  }, action);
  await tab.waitForURL(action);
}

const EVERYWHERE = { sameSite: "none", secure: true };

for (const [name, cookies, statuses] of [
  ["with cookies that the browser keeps back", { accessCookie: true }, [401, 200, 403]],
  ["with cookies that every site's requests carry", { cookie: EVERYWHERE, accessCookie: EVERYWHERE }, [403, 403, 403]],
]) {
  test(`a form of another site changes nothing, ${name}`, async (t) => {
    const { browser, openTab, origin, log } = await setUp(t, cookies);
    const tab = await openTab();
    await login(tab);
    log.length = 0;
    const paths = ["/orders", "/auth/logout", "/auth/refresh"];
    for (const path of paths) await submitForm(await openEvilPage(t, browser), origin + path);
    const posts = log.filter((line) => line.startsWith("POST"));
    assert.deepEqual(
      posts,
      paths.map((path, at) => `POST ${path} ${statuses[at]}`),
    );
    assert.equal(await ask(tab, "/orders", "POST"), 200);
    assert.equal(await tab.evaluate("window.authFetch.refresh()"), true);
  });
}
