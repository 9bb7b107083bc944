// Bundles the parts that run without Node: client mode for edge runtimes, with jose inside it, and the browser helper.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const require = createRequire(import.meta.url);
const shared = { bundle: true, target: "es2022", platform: "neutral", logLevel: "warning" };

mkdirSync(join(dist, "esm"), { recursive: true });
buildSync({
  ...shared,
  entryPoints: [join(root, "src/edge/engine.ts")],
  format: "cjs",
  outfile: join(dist, "edge/engine.js"),
});
copyFileSync(join(dirname(require.resolve("jose/package.json")), "LICENSE.md"), join(dist, "edge/LICENSE-jose.md"));

for (const [format, outfile] of [
  ["cjs", "browser.js"],
  ["esm", "esm/browser.mjs"],
]) {
  buildSync({ ...shared, entryPoints: [join(root, "src/browser/index.ts")], format, outfile: join(dist, outfile) });
}
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", join(root, "tsconfig.browser.json")], {
  stdio: "inherit",
});
writeFileSync(join(dist, "browser.d.ts"), 'export * from "./browser/index.js";\n');
writeFileSync(join(dist, "esm/browser.d.mts"), 'export * from "../browser/index.js";\n');
