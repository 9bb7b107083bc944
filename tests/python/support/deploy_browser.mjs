// A person at the page of docs/deploy, in a real browser: node deploy_browser.mjs <page> <name> <password>.
import assert from "node:assert/strict";
import { openBrowser } from "../../node/support/chromium.mjs";

const [page, name, password] = process.argv.slice(2);
const endings = [];
const browser = await openBrowser({ after: (end) => endings.push(end) });
try {
  const tab = await browser.newPage();
  const errors = [];
  tab.on("pageerror", (error) => errors.push(error.message));
  tab.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await tab.goto(page);
  await tab.fill("[name=identifier]", name);
  await tab.fill("[name=password]", "wrong horse 1");
  await tab.click("#login button");
  await tab.waitForFunction(() => document.getElementById("message").textContent !== "");
  // A browser tells of every answer that is an error; who was not signed in hears of it twice.
  assert.ok(
    errors.every((text) => text.includes("401")),
    errors.join("\n"),
  );
  errors.length = 0;
  await tab.fill("[name=password]", password);
  await tab.click("#login button");
  await tab.waitForFunction(() => document.getElementById("invoices").textContent.includes("owner"));
  assert.match(await tab.textContent("#orders"), /"item":"tea"/);
  await tab.reload();
  await tab.waitForFunction(() => document.getElementById("invoices").textContent.includes("owner"));
  await tab.click("#logout");
  await tab.waitForSelector("#login", { state: "visible" });
  await tab.reload();
  await tab.waitForSelector("#login", { state: "visible" });
  assert.ok(
    errors.every((text) => text.includes("401")),
    errors.join("\n"),
  );
} finally {
  for (const end of endings) await end();
}
