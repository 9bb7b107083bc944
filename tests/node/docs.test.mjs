// The documentation hangs together: links lead to pages and headings that exist, no page is left out of the front page's
// reach, and the front page is short.
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { root } from "./support/consumer.mjs";
import { page, pages } from "./support/docs.mjs";

const prose = (text) => text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");

/** The anchors of a page's headings, as GitHub and VitePress spell them. */
function anchors(text) {
  const headings = [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#{1,6} (.+)$/gm)];
  return new Set(
    headings.map(([, title]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}

/** `[{from, target, path, anchor}]` of links inside the repository. */
const links = pages().flatMap(({ path: from, text }) =>
  [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path, anchor] = target.split("#");
      return { from, target, path: path === "" ? from : normalize(join(dirname(from), path)), anchor };
    }),
);

test("every link leads somewhere", () => {
  const lost = links.filter(
    ({ path, anchor }) =>
      !existsSync(join(root, path)) || (anchor && path.endsWith(".md") && !anchors(page(path)).has(anchor)),
  );
  assert.deepEqual(
    lost.map(({ from, target }) => `${from}: ${target}`),
    [],
  );
});

test("every page of docs/ is reached from the front page", () => {
  const reached = new Set(["README.md"]);
  for (const path of reached) for (const link of links) if (link.from === path) reached.add(link.path);
  assert.deepEqual(
    pages()
      .map(({ path }) => path)
      .filter((path) => path.startsWith("docs/") && !reached.has(path)),
    [],
  );
});

test("the front page leads to every guide and every page of the reference itself", () => {
  const own = new Set(links.filter(({ from }) => from === "README.md").map(({ path }) => path));
  const missing = pages().filter(({ path }) => /^docs\/(guide|reference)\//.test(path) && !own.has(path));
  assert.deepEqual(
    missing.map(({ path }) => path),
    [],
  );
});

test("the front page is at most 10 KB", () => {
  assert.ok(statSync(join(root, "README.md")).size <= 10_240);
});

test("the side bar of the site has every guide and every page of the reference", () => {
  const config = page("docs/.vitepress/config.mjs");
  const missing = pages()
    .map(({ path }) => /^docs\/(guide|reference)\/([\w-]+)\.md$/.exec(path))
    .filter((found) => found && !config.includes(`, "${found[2]}"),`))
    .map(([path]) => path);
  assert.deepEqual(missing, []);
});
