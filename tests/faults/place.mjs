// Version 6.0.0 in a folder of its own, with the tests of this tree where its own were.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The commit of version 6.0.0. */
const COMMIT = "b363b8b1425eceaf74e6f88491a50a9ea4f5e15b";
export const root = fileURLToPath(new URL("../..", import.meta.url));
export const old = process.env.SENTRI_6_0_0 ?? join(root, "target/6.0.0");
/** Python with the wheel of 6.0.0 in front of the packages of this tree's tests. */
export const python = join(old, "venv/bin/python");
const VENV = join(root, "target/venv");

const run = (program, args, cwd, env = process.env) => execFileSync(program, args, { cwd, env, stdio: "inherit" });

/** Builds, once and without optimisation, what is not there: the packages for Node, their tarballs, and the wheel. */
export function build() {
  const env = buildForNode(old, ["--dev"]);
  if (!existsSync(join(old, "target/npm"))) run("node", ["npm/scripts/pack.mjs"], old);
  if (!existsSync(join(old, "target/wheels"))) {
    const manifest = ["--manifest-path", "bindings-python/Cargo.toml"];
    run(join(VENV, "bin/maturin"), ["build", "--quiet", ...manifest, "--out", "target/wheels"], old, env);
  }
  if (!existsSync(python)) makeVenv();
}

/** Builds, once and as it was released, the package for Node in a folder of its own, which is returned. */
export function buildOptimised() {
  const folder = process.env.SENTRI_6_0_0_OPTIMISED ?? join(root, "target/6.0.0-optimised");
  buildForNode(folder, []);
  return folder;
}

/** Builds what is not there of the package for Node in a folder, and returns the environment of further builds. */
function buildForNode(folder, flags) {
  if (!existsSync(folder)) {
    execFileSync("git", ["worktree", "prune"], { cwd: root });
    run("git", ["worktree", "add", "--detach", folder, COMMIT], root);
  }
  const modules = join(folder, "npm/node_modules");
  if (!existsSync(modules)) symlinkSync(join(root, "npm/node_modules"), modules);
  const env = { ...process.env, CARGO_TARGET_DIR: join(folder, "target") };
  if (!existsSync(join(folder, "npm/dist"))) run("npm", ["run", "build"], join(folder, "npm"));
  if (!existsSync(join(folder, "npm/native"))) run("node", ["npm/scripts/build-native.mjs", ...flags], folder, env);
  return env;
}

/** The folder where an interpreter has its packages. */
function packages(interpreter) {
  const code = "import sysconfig; print(sysconfig.get_path('purelib'))";
  return execFileSync(interpreter, ["-c", code], { encoding: "utf8" }).trim();
}

function makeVenv() {
  run(join(VENV, "bin/python"), ["-m", "venv", "--without-pip", join(old, "venv")], root);
  writeFileSync(join(packages(python), "packages.pth"), `${packages(join(VENV, "bin/python"))}\n`);
  const [wheel] = readdirSync(join(old, "target/wheels"));
  const install = ["--python", python, "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
  run(join(VENV, "bin/pip"), [...install, join(old, "target/wheels", wheel)], root);
}

/** Puts the tests of this tree where those of 6.0.0 were; their packages stay here. */
export function placeTests() {
  const place = join(old, "tests");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  cpSync(join(root, "tests"), place, { recursive: true, filter: (path) => !/node_modules|__pycache__/.test(path) });
  for (const folder of ["node", "runtimes"]) {
    const packages = join(root, "tests", folder, "node_modules");
    if (existsSync(packages)) symlinkSync(packages, join(place, folder, "node_modules"));
  }
}

/**
 * Writes modules that 6.0.0 has not, in Python names too: what they export is there to be imported, and throws when it is
 * called.
 */
export async function placeModules() {
  const missing = join(root, "tests/faults/missing.py");
  run(python, [missing, join(root, "bindings-python/python/sentri"), join(packages(python), "sentri")], root);
  for (const file of readdirSync(join(root, "npm/dist/esm")).filter((name) => name.endsWith(".mjs"))) {
    const place = join(old, "npm/dist/esm", file);
    if (existsSync(place)) continue;
    const names = Object.keys(await import(pathToFileURL(join(root, "npm/dist/esm", file))));
    const stub = `() => { throw new Error("6.0.0 has no ${file}"); }`;
    writeFileSync(place, names.map((name) => `export const ${name} = ${stub};\n`).join(""));
  }
}

/** The rows of the table: `{id, verdict, tests: [[file, name]]}`. */
export function rows() {
  const table = readFileSync(join(root, "tests/README.md"), "utf8").split("## Faults of 6.0.0")[1].split("\n## ")[0];
  return table
    .split("\n")
    .filter((line) => /^\| [A-G]\d+ \|/.test(line))
    .map((line) => {
      const [id, , verdict, shown] = line.slice(2, -2).split(" | ");
      const tests = shown.split("; ").flatMap((cell) => {
        const [file, ...names] = [...cell.matchAll(/`([^`]*)`/g)].map(([, quoted]) => quoted);
        return names.map((name) => [file, name]);
      });
      return { id, verdict, tests };
    });
}
