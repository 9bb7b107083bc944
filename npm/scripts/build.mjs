// Builds the package: CommonJS by tsc, and for ESM thin modules that re-export it, so that both share one SentriError.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const entries = ["index", "core", "express", "testing"];

rmSync(join(root, "dist"), { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", root], { stdio: "inherit" });
mkdirSync(join(root, "dist/esm"), { recursive: true });
for (const entry of entries) {
  const names = Object.keys(require(join(root, `dist/${entry}.js`))).filter((name) => name !== "__esModule");
  writeFileSync(
    join(root, `dist/esm/${entry}.mjs`),
    `import cjs from "../${entry}.js";\nexport const { ${names.join(", ")} } = cjs;\n`,
  );
  writeFileSync(join(root, `dist/esm/${entry}.d.mts`), `export * from "../${entry}.js";\n`);
}
execFileSync(process.execPath, [join(root, "scripts/build-edge.mjs")], { stdio: "inherit" });
