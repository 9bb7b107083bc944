// FastAPI's own /docs in a real browser, used as a person does: node docs_browser.mjs <base> <password>
// Its Swagger UI comes from a package instead of the network that the page names. Prints JSON: what the page showed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { openBrowser } from "../../node/support/chromium.mjs";

const [base, password] = process.argv.slice(2);
const require = createRequire(new URL("../../runtimes/package.json", import.meta.url));
const assets = dirname(require.resolve("swagger-ui-dist/package.json"));
const endings = [];
const browser = await openBrowser({ after: (end) => endings.push(end) });

/** Opens an operation, fills its body in if there is one, and sends it; answers what the page shows. */
async function execute(page, method, path, body) {
  const block = page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path="${path}"]`) });
  if (!(await block.locator(".opblock-body").count())) {
    await block.locator(".opblock-summary-control").first().click();
    await block.locator(".try-out__btn").click();
  }
  if (body) await block.locator("textarea.body-param__text").fill(JSON.stringify(body));
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === path);
  await block.locator(".execute").click();
  const status = (await answered).status();
  const live = block.locator(".live-responses-table .response").filter({ hasText: String(status) });
  await live.locator(".response-col_status").waitFor();
  return { status, data: await (await answered).json() };
}

/** In the dialog behind the button Authorize. */
async function authorize(page, token) {
  await page.locator(".auth-wrapper .btn.authorize").first().click();
  const form = page.locator(".auth-container").filter({ hasText: "accessToken" });
  if (token) await form.locator("input").fill(token);
  await form.getByRole("button", { name: token ? "Apply credentials" : "Remove authorization" }).click();
  const shown = await page.locator(".modal-ux .auth-container h4").allInnerTexts();
  await page.locator(".modal-ux .btn-done").first().click();
  return shown.map((text) => text.split(/\s/)[0]);
}

try {
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  await page.route(/cdn\.jsdelivr\.net/, (route) => {
    const file = new URL(route.request().url()).pathname.split("/").at(-1);
    const contentType = file.endsWith(".css") ? "text/css" : "text/javascript";
    return route.fulfill({ contentType, body: readFileSync(join(assets, file)) });
  });
  await page.route(/fastapi\.tiangolo\.com/, (route) => route.abort());
  await page.goto(`${base}/docs`);
  await page.locator(".opblock").first().waitFor();
  const login = await execute(page, "post", "/auth/login", { identifier: "rizz", password });
  // The cookie of the login would be enough for a page of the same origin: silent refresh.
  await browser.clearCookies();
  const before = await execute(page, "get", "/orders");
  const schemes = await authorize(page, login.data.data.accessToken);
  const after = await execute(page, "get", "/orders");
  const me = await execute(page, "get", "/auth/me");
  await authorize(page);
  const removed = await execute(page, "get", "/orders");
  console.log(
    JSON.stringify({ login: login.status, before: before.status, schemes, after, me, removed: removed.status }),
  );
} finally {
  for (const end of endings) await end();
}
