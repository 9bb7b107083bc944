// Lists the third-party code in the packages: crates in the native core, and npm packages in the JavaScript.
// The wheel contains crates only, since its Python code has no dependencies.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PLATFORMS } from "./platform.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(import.meta.url);
const BINDINGS = { node: "sentri-node", python: "sentri-python" };
/** npm packages that build-edge.mjs bundles. */
const BUNDLED = ["jose"];
const LICENCE_FILE = /^(licen[cs]e|copying|notice|copyright|unlicense)/i;

/**
 * Lists the crates of a binding on a platform, or on all platforms, sorted by name:
 * `{name, version, licence, authors, source, folder, uses}`, where `uses` are crates as `name version`. Crates that
 * run only while the core is built are left out.
 */
export function crates(binding, platform) {
  const targets = platform ? [PLATFORMS[platform].target] : Object.values(PLATFORMS).map(({ target }) => target);
  const args = ["tree", "--locked", "--edges", "normal,no-proc-macro", "--package", BINDINGS[binding]];
  const lines = cargo([...args, ...targets.flatMap((target) => ["--target", target]), "--prefix", "depth"]);
  const known = manifests();
  const found = new Map();
  const above = [];
  for (const line of lines.trim().split("\n")) {
    const parsed = /^(\d+)(\S+) v(\S+)/.exec(line);
    if (!parsed) continue;
    const [depth, id] = [Number(parsed[1]), `${parsed[2]} ${parsed[3]}`];
    above[depth] = id;
    if (!found.has(id)) found.set(id, { ...known.get(id), uses: new Set() });
    if (depth > 0) found.get(above[depth - 1]).uses.add(id);
  }
  return sorted([...found.values()].map((crate) => ({ ...crate, uses: [...crate.uses].sort() })));
}

/** The npm packages whose code is in `sentri`, in the same form. */
export function bundled() {
  return sorted(
    BUNDLED.map((name) => {
      const file = require.resolve(`${name}/package.json`);
      const { version, license, author, repository } = JSON.parse(readFileSync(file, "utf8"));
      const source = typeof repository === "string" ? repository : repository.url.replace(/^git\+/, "");
      const authors = [typeof author === "string" ? author : author.name];
      return { name, version, licence: license, authors, source, folder: dirname(file), uses: [] };
    }),
  );
}

/** Reads the licence texts in the folder of a dependency. Of a choice of licences, takes MIT's text and the notices. */
export function licenceTexts({ folder, licence }) {
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map(({ name }) => name);
  const chosen = / OR |\//.test(licence) ? files.filter((name) => /mit/i.test(name)) : [];
  const notices = files.filter((name) => /^notice/i.test(name));
  const taken = chosen.length > 0 ? [...new Set([...chosen, ...notices])] : files;
  return taken.sort().map((name) => readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n").trim());
}

/** Returns whether a crate belongs to this repository. */
export const isOwn = ({ name }) => name.startsWith("sentri");

function manifests() {
  const { packages } = JSON.parse(cargo(["metadata", "--locked", "--format-version", "1"]));
  return new Map(
    packages.map(({ name, version, license, authors, repository, manifest_path: manifest, checksum }) => [
      `${name} ${version}`,
      {
        name,
        version,
        licence: license,
        authors,
        source: repository ?? `https://crates.io/crates/${name}`,
        folder: dirname(manifest),
        checksum,
      },
    ]),
  );
}

function cargo(args) {
  // Cargo's messages while it waits are of no use here, and the error holds its messages about a failure.
  return execFileSync("cargo", args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28, stdio: "pipe" });
}

function sorted(dependencies) {
  return dependencies.sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
}

/** The checksums of crates in Cargo.lock, by `name version`. */
export function checksums() {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  const found = lock.matchAll(/name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "([0-9a-f]{64})"/g);
  return new Map([...found].map(([, name, version, checksum]) => [`${name} ${version}`, checksum]));
}

/** The version of the package. */
export const version = JSON.parse(readFileSync(join(root, "npm/package.json"), "utf8")).version;
