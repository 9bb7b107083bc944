// A user's life in a real browser: a page with forms over sentri/browser, the mails that it leads to, and an authenticator app.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openBrowser } from "./support/chromium.mjs";
import { totp } from "./support/pattern.mjs";
import { PASSWORD, listen, options, sentri, testClock, testMailbox } from "./support/server.mjs";

const PAGE = readFileSync(new URL("support/life.html", import.meta.url), "utf8");
const SENTRI = readFileSync(new URL("../../npm/dist/esm/browser.mjs", import.meta.url), "utf8");
const ANNA = "anna@example.com";

/** The application at http://localhost, and a tab of it in which somebody fills in forms. */
async function setUp(t) {
  const clock = testClock(Date.now());
  const messages = testMailbox({ links: { verify: "https://app.example.com/" } });
  const auth = sentri.createAuth(
    options({
      clock,
      messages,
      verification: { required: true },
      mfa: { totp: { issuer: "Example" } },
      encryptionKey: "a-key-of-32-bytes-for-this-test--",
      defaultRoles: ["user"],
    }),
  );
  await auth.migrate();
  const base = await listen(t, auth, {
    before(app) {
      app.get("/", (_req, res) => res.type("html").send(PAGE));
      app.get("/sentri.mjs", (_req, res) => res.type("js").send(SENTRI));
      app.get("/favicon.ico", (_req, res) => res.status(204).end());
    },
    extend(app) {
      app.post("/payouts", auth.protect({ acr: "aal2", maxAge: "10m" }), (req, res) => res.json({ acr: req.auth.acr }));
    },
  });
  const tab = await (await openBrowser(t)).newPage();
  const faults = [];
  tab.on("pageerror", (error) => faults.push(error.message));
  const says = (text) => tab.waitForFunction((wanted) => document.getElementById("said").textContent === wanted, text);
  const open = async (query = "") => {
    await tab.goto(`${base.replace("127.0.0.1", "localhost")}/${query}`);
    await says("ready");
  };
  /** Fills a form in, sends it, and waits for what the page says. */
  const fill = async (form, fields, said) => {
    for (const [name, value] of Object.entries(fields)) {
      const field = tab.locator(`#${form} [name=${name}]`);
      await (name === "method" ? field.selectOption(value) : field.fill(value));
    }
    await tab.click(`#${form} button`);
    await says(said);
  };
  const press = async (button, said) => {
    await tab.click(`#${button}`);
    await says(said);
  };
  /** The mails that have come since the last look. */
  let seen = 0;
  const mails = async (kinds) => {
    for (let i = 0; messages.all().length < seen + kinds.length && i < 200; i++)
      await new Promise((resolve) => setTimeout(resolve, 25));
    const come = messages.all().slice(seen);
    seen += come.length;
    assert.deepEqual(
      come.map(({ kind, to }) => [kind, to]),
      kinds.map((kind) => [kind, ANNA]),
    );
    return come;
  };
  return { auth, clock, faults, fill, mails, open, press, says, tab };
}

test("a user's life: an address, an app, a second step, a payment, a phone that is lost", async (t) => {
  const { auth, clock, faults, fill, mails, open, press, says, tab } = await setUp(t);
  const who = () => tab.textContent("#who");
  const account = { email: ANNA, password: PASSWORD };

  // The address is verified before there is a user.
  await open();
  await fill("register", account, "look into your mail");
  await fill("login", account, "INVALID_CREDENTIALS");
  const [mail] = await mails(["verify"]);
  await open(new URL(mail.url).search);
  assert.doesNotMatch(tab.url(), /token/);
  await fill("confirm", { password: PASSWORD }, "confirmed");
  await fill("login", { email: "Anna@Example.com", password: PASSWORD }, "signed in");
  assert.equal(await who(), "in as user");

  // The app reads the QR code, or the user types the secret; the recovery codes go into a drawer.
  await press("enrol", "code wanted");
  assert.ok((await tab.locator("#qr svg").boundingBox()).width > 100);
  const secret = await tab.textContent("#secret");
  const app = () => totp(secret, 0, clock.now());
  await fill("app", { code: app() }, "enrolled");
  const drawer = await tab.locator("#recovery li").allTextContents();
  assert.equal(drawer.length, 10);
  await mails(["factor-added"]);

  // The password alone opens no session any more, and a code counts once.
  await press("logout", "signed out");
  assert.equal(await who(), "out");
  clock.advance(60_000);
  await fill("login", account, "code wanted");
  assert.equal(await who(), "out");
  await fill("mfa", { method: "totp", code: "000000" === app() ? "000001" : "000000" }, "CODE_INVALID");
  const code = app();
  await fill("mfa", { method: "totp", code }, "signed in");
  await press("pay", "paid at aal2");

  // After a while a payment wants the code again, in the session, and is then made.
  clock.advance(11 * 60_000);
  await press("pay", "code wanted for aal2");
  await fill("step-up", { code }, "CODE_INVALID");
  await tab.fill("#step-up [name=code]", app());
  await tab.click("#step-up button");
  await says("paid at aal2");
  // Access tokens have expired meanwhile, and nobody noticed.
  clock.advance(5 * 60_000);
  await press("pay", "paid at aal2");

  // The phone is lost: a code from the drawer is a second factor too, once.
  await press("logout", "signed out");
  await fill("login", account, "code wanted");
  await fill("mfa", { method: "recovery", code: drawer[3].toLowerCase().replaceAll("-", " ") }, "signed in");
  await mails(["recovery-used"]);
  await press("lost", "1 removed");
  await mails(["factor-removed"]);
  await press("logout", "signed out");
  await fill("login", account, "signed in");

  // Nothing of it is left, and nothing went wrong in the page.
  const [{ id }] = (await auth.listUsers()).users;
  assert.deepEqual((await auth.exportUser(id)).factors, []);
  assert.equal((await auth.listSessions(id)).length, 1);
  assert.deepEqual(faults, []);
});
