// Builds the package: CommonJS by tsc, and for ESM thin modules that re-export it, so that both share one SentriError.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
/**
 * Entries that make objects of a framework's own classes. In ESM they use the classes of the application's copy of it.
 */
const frameworks = { hono: "Hono", elysia: "Elysia" };
/** All other entries that package.json exports, except those that build-edge.mjs bundles. */
const entries = Object.values(require("../package.json").exports)
  .map((entry) => /^\.\/dist\/esm\/(\w+)\.mjs$/.exec(entry.import?.default ?? "")?.[1])
  .filter((entry) => existsSync(join(root, `src/${entry}.ts`)) && !(entry in frameworks));

const namesOf = (entry) => Object.keys(require(join(root, `dist/${entry}.js`))).filter((name) => name !== "__esModule");
const write = (entry, code) => {
  writeFileSync(join(root, `dist/esm/${entry}.mjs`), code);
  writeFileSync(join(root, `dist/esm/${entry}.d.mts`), `export * from "../${entry}.js";\n`);
};

rmSync(join(root, "dist"), { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", root], { stdio: "inherit" });
mkdirSync(join(root, "dist/esm"), { recursive: true });
for (const entry of entries) {
  write(entry, `import cjs from "../${entry}.js";\nexport const { ${namesOf(entry).join(", ")} } = cjs;\n`);
}
const shared = namesOf("core");
for (const [entry, name] of Object.entries(frameworks)) {
  const own = namesOf(entry).filter((exported) => !shared.includes(exported));
  write(
    entry,
    `import { ${name} } from "${entry}";
import core from "../core.js";
import adapter from "../adapters/${entry}.js";
export const { ${shared.join(", ")} } = core;
export const { ${own.join(", ")} } = adapter.with${name}(${name});
`,
  );
}
execFileSync(process.execPath, [join(root, "scripts/build-edge.mjs")], { stdio: "inherit" });
