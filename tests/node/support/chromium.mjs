// Debian's Chromium through playwright-core, with a profile of its own.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { chromium } = createRequire(new URL("../../runtimes/package.json", import.meta.url))("playwright-core");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser that ends with the test. Its pages share cookies, as tabs do. `options` are those of playwright. */
export async function openBrowser(t, { args: more = [], ...options } = {}) {
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing: install Debian's package chromium, or name a browser in CHROMIUM`);
  }
  const profile = mkdtempSync(join(tmpdir(), "sentri-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: [...args, ...more],
    headless: true,
    ...options,
  });
  t.after(async () => {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  });
  return browser;
}
