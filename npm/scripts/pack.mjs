// Packs installable tarballs into target/npm: sentri-<version>.tgz and the native package of this platform.
// --out and --from name other folders for the tarballs and the native cores. Platforms that are named as arguments are
// packed instead of this one.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NOTICE, mainNotice, nativeNotice } from "./notices.mjs";
import { PLATFORMS, triple } from "./platform.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const npm = join(root, "npm");
const { values, positionals } = parseArgs({
  options: { out: { type: "string" }, from: { type: "string" } },
  allowPositionals: true,
});
const out = values.out ?? join(root, "target/npm");
const from = values.from ?? join(npm, "native");
const platforms = positionals.length > 0 ? positionals : [triple()];
const manifest = JSON.parse(readFileSync(join(npm, "package.json"), "utf8"));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const pack = (folder) =>
  execFileSync("npm", ["pack", "--silent", "--pack-destination", out], {
    cwd: folder,
    stdio: "inherit",
    shell: process.platform === "win32",
  });

for (const platform of platforms) packPlatform(platform);
packMain();
rmSync(join(out, "stage"), { recursive: true });

/** Packs the package of one platform: the native core, and the files by which it is found and loaded. */
function packPlatform(platform) {
  const name = `sentri-${platform}`;
  const native = join(out, "stage", name);
  mkdirSync(native, { recursive: true });
  copyFileSync(join(from, `sentri.${platform}.node`), join(native, "sentri.node"));
  copyFileSync(join(root, "LICENSE"), join(native, "LICENSE"));
  writeFileSync(join(native, NOTICE), nativeNotice(platform));
  writeFileSync(join(native, "README.md"), `# ${name}\n\nThe native core of sentri for ${platform}.\n`);
  // A bundler takes this file in and leaves the core where it is; a tracer of files finds the core by its path.
  writeFileSync(
    join(native, "index.js"),
    `"use strict";
const { createRequire } = require("node:module");
const { join } = require("node:path");
module.exports = createRequire(__filename)(join(__dirname, "sentri.node"));
`,
  );
  const { os, cpu, libc } = PLATFORMS[platform];
  writeFileSync(
    join(native, "package.json"),
    JSON.stringify(
      {
        name,
        version: manifest.version,
        description: `The native core of sentri for ${platform}`,
        license: manifest.license,
        homepage: manifest.homepage,
        bugs: manifest.bugs,
        repository: manifest.repository,
        publishConfig: manifest.publishConfig,
        type: "commonjs",
        main: "index.js",
        // Bun takes the core itself into a bundle or an executable.
        exports: {
          ".": { bun: "./sentri.node", default: "./index.js" },
          "./sentri.node": "./sentri.node",
          "./package.json": "./package.json",
        },
        files: ["index.js", "sentri.node", "LICENSE", NOTICE, "README.md"],
        preferUnplugged: true,
        os: [os],
        cpu: [cpu],
        ...(libc ? { libc: [libc] } : {}),
        engines: manifest.engines,
      },
      null,
      2,
    ),
  );
  pack(native);
}

/** Packs the package `sentri`; the platform packages that are packed with it are its optional dependencies. */
function packMain() {
  const main = join(out, "stage", "sentri");
  mkdirSync(main, { recursive: true });
  cpSync(join(npm, "dist"), join(main, "dist"), { recursive: true });
  copyFileSync(join(root, "README.md"), join(main, "README.md"));
  copyFileSync(join(root, "LICENSE"), join(main, "LICENSE"));
  writeFileSync(join(main, NOTICE), mainNotice());
  const { scripts, devDependencies, ...published } = manifest;
  const natives = platforms.map((platform) => [`sentri-${platform}`, manifest.version]);
  published.optionalDependencies = { ...manifest.optionalDependencies, ...Object.fromEntries(natives) };
  writeFileSync(join(main, "package.json"), JSON.stringify(published, null, 2));
  pack(main);
}
