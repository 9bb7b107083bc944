// The documentation as a site: `make docs`. Pages are the Markdown files where they lie in the repository, so that links work there too.
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const REPOSITORY = "https://github.com/sentri/sentri/blob/main/";
const PAGES =
  /^(README\.md|CHANGELOG\.md|core\/ARCHITECTURE\.md|tests\/README\.md|docs\/(guide|reference|internals)\/([\w-]+\/)?[\w-]+\.md)$/;

const packageFile = (path) => join(root, "docs/node_modules", path);
const guide = (text, name) => ({ text, link: `/docs/guide/${name}` });
const reference = (text, name) => ({ text, link: `/docs/reference/${name}` });

/** Pages of wide tables, which take the room of the outline. */
const WIDE = /^(docs\/reference\/(options|settings|endpoints|metrics|platforms)|tests\/README)\.md$/;

/** The anchor of a heading, as GitHub spells it. */
const slugify = (title) =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- _]/gu, "")
    .trim()
    .replaceAll(" ", "-");

/** Leads to what is no page of the site in the repository instead. */
function linkToRepository(markdown) {
  const render =
    markdown.renderer.rules.link_open ??
    ((tokens, index, options, _env, self) => self.renderToken(tokens, index, options));
  markdown.renderer.rules.link_open = (tokens, index, options, env, self) => {
    const href = tokens[index].attrGet("href");
    if (!/^([a-z]+:|#|\/)/.test(href)) {
      const path = relative(root, join(root, dirname(env.relativePath), decodeURI(href.split("#")[0])));
      if (path === "README.md") tokens[index].attrSet("href", "/");
      else if (existsSync(join(root, path)) && !PAGES.test(path)) tokens[index].attrSet("href", REPOSITORY + path);
    }
    return render(tokens, index, options, env, self);
  };
}

/** Lets long names break between their parts, as in `SENTRI_` `PUBLIC_` `URL` and `accessExpires` `In`. */
function breakNames(markdown) {
  const render = markdown.renderer.rules.code_inline;
  markdown.renderer.rules.code_inline = (...args) =>
    render(...args).replace(
      />([^<]*)</,
      (_, name) => `>${name.replace(/(?<=\w)[./_,(-](?=["'(]?\w{3})|[a-z](?=[A-Z])/g, "$&<wbr>")}<`,
    );
}

export default defineConfig({
  title: "sentri",
  description: "Auth for services: registration, login, tokens, sessions, roles, single sign-on",
  srcDir: "..",
  srcExclude: ["**/node_modules/**", "bindings-*/**", "core/src/**", "npm/**", "target/**"],
  outDir: "../target/docs",
  cacheDir: "../target/vitepress",
  rewrites: { "README.md": "index.md" },
  cleanUrls: true,
  head: [["link", { rel: "icon", href: "data:," }]],
  markdown: {
    config(markdown) {
      linkToRepository(markdown);
      breakNames(markdown);
    },
    anchor: { slugify },
    languageAlias: { cjs: "js", mjs: "js" },
  },
  transformPageData: ({ relativePath }) => (WIDE.test(relativePath) ? { frontmatter: { aside: false } } : {}),
  // Pages lie outside docs/, from where its packages can't be found.
  vite: {
    resolve: {
      alias: [
        { find: /^vue\/server-renderer$/, replacement: packageFile("vue/server-renderer/index.mjs") },
        { find: /^vue$/, replacement: packageFile("vue/dist/vue.runtime.esm-bundler.js") },
      ],
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/docs/guide/frameworks" },
      { text: "Reference", link: "/docs/reference/options" },
      { text: "Changelog", link: "/CHANGELOG" },
    ],
    sidebar: [
      {
        text: "Start",
        items: [
          { text: "Quick start", link: "/" },
          guide("Frameworks", "frameworks"),
          guide("Request and Response", "fetch"),
          guide("Python", "python"),
          guide("Client mode", "client-mode"),
          guide("In the browser", "browser"),
          guide("Testing", "testing"),
          guide("Other languages", "languages"),
        ],
      },
      {
        text: "Build",
        items: [
          guide("Middleware", "middleware"),
          guide("Idempotency", "idempotency"),
          guide("Forgotten passwords", "password-reset"),
          guide("Login by a code", "login-code"),
          guide("Verified addresses", "verification"),
          guide("Step-up", "step-up"),
          guide("Second factor", "second-factor"),
          guide("Audit", "audit"),
          guide("Deletion and export", "account"),
          guide("Administration", "administration"),
          guide("Disabled users", "disabling"),
          guide("Cookies and security", "security"),
        ],
      },
      {
        text: "Run",
        items: [
          guide("In production", "production"),
          guide("Databases", "databases"),
          guide("Several processes", "processes"),
          guide("Redis", "redis"),
          guide("Hosts", "hosts"),
          guide("Proxies", "proxies"),
          guide("Bundlers", "bundlers"),
          guide("Metrics", "metrics"),
          guide("Command line", "command-line"),
          guide("Configuration", "configuration"),
          guide("Moving in", "import"),
          guide("Coming from sentri 5", "sentri-5"),
          guide("Upgrading", "upgrading"),
        ],
      },
      {
        text: "Reference",
        items: [
          reference("Options", "options"),
          reference("Endpoints", "endpoints"),
          reference("Programmatic API", "api"),
          reference("Errors", "errors"),
          reference("Events", "events"),
          reference("Metrics", "metrics"),
          reference("Command line", "cli"),
          reference("Evidence", "evidence"),
          reference("Figures", "figures"),
          reference("OWASP ASVS 5", "asvs"),
          reference("Platforms", "platforms"),
          reference("Settings of serve", "settings"),
        ],
      },
      {
        text: "Inside",
        items: [
          { text: "Architecture", link: "/docs/internals/architecture" },
          { text: "Adding", link: "/docs/internals/adding" },
          { text: "Modules", link: "/core/ARCHITECTURE" },
          { text: "Decisions", link: "/docs/internals/decisions/" },
          { text: "Testing", link: "/docs/internals/testing" },
          { text: "Tests", link: "/tests/README" },
          { text: "Threat model", link: "/docs/internals/threat-model" },
          { text: "Glossary", link: "/docs/internals/glossary" },
        ],
      },
    ],
  },
});
