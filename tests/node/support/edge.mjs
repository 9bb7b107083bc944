// The edge runtimes' code in this process: its parts, bundled from their source as the build does.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const npm = fileURLToPath(new URL("../../../npm", import.meta.url));
const { buildSync } = createRequire(join(npm, "package.json"))("esbuild");
const parts = [
  "jwks",
  "jws",
  "claims",
  "json",
  "cookie",
  "credential",
  "origin",
  "preflight",
  "duration",
  "weak",
  "remote-set",
  "assurance",
  "../assurance",
  "engine",
  "../adapters/checks",
  "../browser/index",
  "../errors",
];

/** Bundles everything that the modules of `npm/src/edge` export, and `SentriError`. */
export function buildEdge(outfile, conditions) {
  const contents = parts.map((part) => `export * from "./${part}.ts";`).join("\n");
  buildSync({
    stdin: { contents, resolveDir: join(npm, "src/edge"), loader: "ts" },
    bundle: true,
    format: "esm",
    target: "es2022",
    outfile,
    conditions,
  });
}

/** The same, loaded. */
export async function loadEdge() {
  const folder = mkdtempSync(join(tmpdir(), "sentri-edge-"));
  try {
    const outfile = join(folder, "edge.mjs");
    buildEdge(outfile);
    return await import(pathToFileURL(outfile));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
