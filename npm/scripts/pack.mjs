// Leaves installable tarballs in target/npm: sentri-<version>.tgz and the package of this platform.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { triple } from "./platform.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const npm = join(root, "npm");
const out = join(root, "target/npm");
const manifest = JSON.parse(readFileSync(join(npm, "package.json"), "utf8"));
const platform = triple();
const platformName = `sentri-${platform}`;
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const pack = (folder) => execFileSync("npm", ["pack", "--silent", "--pack-destination", out], { cwd: folder, stdio: "inherit" });

const [os, cpu, libc] = platform.split("-");
const native = join(out, "stage", platformName);
mkdirSync(native, { recursive: true });
copyFileSync(join(npm, `native/sentri.${platform}.node`), join(native, "sentri.node"));
copyFileSync(join(root, "LICENSE"), join(native, "LICENSE"));
writeFileSync(join(native, "README.md"), `# ${platformName}\n\nThe native core of sentri for ${platform}.\n`);
// A bundler takes this file in and leaves the core where it is; a tracer of files finds the core by its path.
writeFileSync(
  join(native, "index.js"),
  `"use strict";
const { createRequire } = require("node:module");
const { join } = require("node:path");
module.exports = createRequire(__filename)(join(__dirname, "sentri.node"));
`,
);
writeFileSync(
  join(native, "package.json"),
  JSON.stringify(
    {
      name: platformName,
      version: manifest.version,
      description: `The native core of sentri for ${platform}`,
      license: manifest.license,
      main: "index.js",
      // Bun takes the core itself into a bundle or an executable.
      exports: { ".": { bun: "./sentri.node", default: "./index.js" }, "./sentri.node": "./sentri.node", "./package.json": "./package.json" },
      files: ["index.js", "sentri.node", "LICENSE", "README.md"],
      preferUnplugged: true,
      os: [os],
      cpu: [cpu],
      ...(os === "linux" ? { libc: [libc === "musl" ? "musl" : "glibc"] } : {}),
      engines: manifest.engines,
    },
    null,
    2,
  ),
);
pack(native);

const main = join(out, "stage", "sentri");
mkdirSync(main, { recursive: true });
cpSync(join(npm, "dist"), join(main, "dist"), { recursive: true });
copyFileSync(join(root, "README.md"), join(main, "README.md"));
copyFileSync(join(root, "LICENSE"), join(main, "LICENSE"));
const { scripts, devDependencies, ...published } = manifest;
published.optionalDependencies = { ...manifest.optionalDependencies, [platformName]: manifest.version };
writeFileSync(join(main, "package.json"), JSON.stringify(published, null, 2));
pack(main);
rmSync(join(out, "stage"), { recursive: true });
