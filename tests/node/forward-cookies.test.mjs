// forwardCookies() with what Next's `cookies()` and SvelteKit's `cookies` are, from their own packages.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { makeConsumer } from "./support/consumer.mjs";

const { build } = createRequire(new URL("../../npm/package.json", import.meta.url))("esbuild");
const { forwardCookies } = createRequire(import.meta.url)("../../npm/dist/browser.js");
const LOGIN = [
  "refresh_token=a.b-c_d; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax",
  "__Host-access=x.y.z; Max-Age=900; Path=/; Secure; SameSite=Strict; Partitioned",
  "other=; Max-Age=0; Domain=example.com; Path=/auth; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
  "escaped=a%20b%2Bc; Path=/",
  "raw=a+b=; Path=/",
];
const answer = () => new Response("", { headers: LOGIN.map((line) => ["set-cookie", line]) });
let consumer;

before(() => {
  // Without what a whole application of SvelteKit needs, such as a bundler.
  consumer = makeConsumer(["@sveltejs/kit@3", "@edge-runtime/cookies@6", "typescript@5"], {
    flags: ["--legacy-peer-deps"],
  });
});

after(() => consumer.remove());

/** A line with its attributes in order, so that two of them can be compared. */
function sorted(line) {
  const [pair, ...attributes] = line.split("; ");
  return [pair, ...attributes.map((one) => one.toLowerCase()).sort()].join("; ");
}

/** SvelteKit's module of cookies, as its bundler hands it to an application: what is made for an application is empty here. */
async function loadSvelteKit() {
  const generated = {
    name: "generated",
    setup(bundler) {
      bundler.onResolve({ filter: /^<sveltekit:/ }, ({ path }) => ({ path, namespace: "generated" }));
      bundler.onLoad({ filter: /.*/, namespace: "generated" }, () => ({ contents: "module.exports = {};" }));
    },
  };
  const define = {
    __SVELTEKIT_DEV__: "false",
    __SVELTEKIT_PATHS_BASE__: '""',
    __SVELTEKIT_PATHS_ASSETS__: '""',
    __SVELTEKIT_PATHS_RELATIVE__: "true",
    __SVELTEKIT_APP_DIR__: '"_app"',
  };
  await build({
    entryPoints: [consumer.path("node_modules/@sveltejs/kit/src/runtime/server/cookie.js")],
    outfile: consumer.path("kit.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    define,
    plugins: [generated],
    logLevel: "silent",
    banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
  });
  return import(pathToFileURL(consumer.path("kit.mjs")).href);
}

test("Next's cookies() keep name, value and every attribute (G8)", async () => {
  const { RequestCookies, ResponseCookies } = createRequire(consumer.path("x.js"))("@edge-runtime/cookies");
  const headers = new Headers();
  const cookies = new ResponseCookies(headers);
  assert.equal(forwardCookies(answer(), cookies), LOGIN.length);
  // Next escapes values; `raw` holds characters that it writes escaped and reads as they were.
  const [refresh, access, other, escaped, raw] = headers.getSetCookie();
  const withoutExpires = (line) => line.replace(/; Expires=[^;]+/i, "");
  assert.deepEqual(
    [refresh, access, other].map(withoutExpires).map(sorted),
    LOGIN.slice(0, 3).map(withoutExpires).map(sorted),
  );
  assert.match(other, /Expires=Thu, 01 Jan 1970/);
  assert.deepEqual(
    [escaped, raw].map((line) => line.split(";")[0]),
    ["escaped=a%20b%2Bc", "raw=a%2Bb%3D"],
  );
  assert.equal(new RequestCookies(new Headers({ cookie: raw.split(";")[0] })).get("raw").value, "a+b=");
});

test("SvelteKit's cookies keep name, value and every attribute (G8)", async () => {
  const kit = await loadSvelteKit();
  const url = new URL("http://app.example/page");
  const { cookies, new_cookies: made, set_trailing_slash: known } = kit.get_cookies(new Request(url), url);
  known("never");
  assert.equal(forwardCookies(answer(), cookies), LOGIN.length);
  const headers = new Headers();
  kit.add_cookies_to_headers(headers, made.values());
  // SvelteKit is told what it would set by itself: no flag is added, and SameSite=Lax where nothing is said.
  const expected = LOGIN.map((line) => (/SameSite/.test(line) ? line : `${line}; SameSite=Lax`));
  assert.deepEqual(headers.getSetCookie().map(sorted), expected.map(sorted));
});

test("their types are taken (G8)", () => {
  consumer.setType("module");
  consumer.write(
    "cookies.ts",
    `import { forwardCookies } from "sentri/browser";
import { ResponseCookies } from "@edge-runtime/cookies";
import type { Cookies } from "@sveltejs/kit";
export const next = (answer: Response, cookies: ResponseCookies) => forwardCookies(answer, cookies);
export const svelte = (answer: Response, event: { cookies: Cookies }) => forwardCookies(answer, event.cookies);
// @ts-expect-error the cookies of Next are a promise
export const late = (answer: Response, cookies: Promise<ResponseCookies>) => forwardCookies(answer, cookies);
`,
  );
  consumer.compile(["cookies.ts"], { module: "ESNext", moduleResolution: "Bundler", skipLibCheck: true });
});
