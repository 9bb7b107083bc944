// Checks the tarballs that `make pack` left in target/npm for a release: versions, changelog, files, sizes, entry
// points, types. --out names another folder of tarballs; with --unreleased the changelog may still call the version
// "Unreleased"; with --complete no platform may be missing; --wheels names a folder of wheels to check too.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NOTICE, mainNotice, nativeNotice } from "./notices.mjs";
import { GLIBC_FLOOR, isAboveFloor, PLATFORMS } from "./platform.mjs";
import { faultsOfWheels } from "./release-wheels.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const { values } = parseArgs({
  options: {
    out: { type: "string" },
    unreleased: { type: "boolean" },
    complete: { type: "boolean" },
    wheels: { type: "string" },
  },
});
const out = values.out ?? join(root, "target/npm");
const bin = join(root, "tests/release/node_modules/.bin");
const NATIVE_LIMIT = 8_000_000;
const NATIVE_FILES = ["LICENSE", NOTICE, "README.md", "index.js", "package.json", "sentri.node"];
const MAIN_FILES =
  /^(LICENSE|NOTICE\.md|README\.md|package\.json|dist\/edge\/LICENSE-jose\.md|dist\/.+\.(js|mjs|d\.ts|d\.mts))$/;
const SAME_FIELDS = ["version", "license", "homepage", "bugs", "repository", "publishConfig", "engines", "type"];

const text = (...path) => readFileSync(join(root, ...path), "utf8");
const manifest = JSON.parse(text("npm/package.json"));
const faults = [];
const expect = (holds, fault) => {
  if (!holds) faults.push(fault);
};

checkVersions();
checkPackages();
if (values.wheels) faults.push(...faultsOfWheels(values.wheels, { complete: values.complete }));
for (const fault of faults) console.error(`release-check: ${fault}`);
if (faults.length === 0) console.log(`release-check: ${manifest.version} may be released`);
process.exitCode = faults.length === 0 ? 0 : 1;

/** Compares the version of npm with Cargo's, which the wheel takes over, and looks for it in the changelog. */
function checkVersions() {
  const cargo = /^\[workspace\.package\]\nversion = "([^"]+)"/m.exec(text("Cargo.toml"))?.[1];
  expect(cargo === manifest.version, `Cargo.toml has version ${cargo}, npm/package.json ${manifest.version}`);
  const python = text("bindings-python/pyproject.toml");
  expect(/^dynamic = \["version"\]$/m.test(python), "bindings-python/pyproject.toml has a version of its own");
  expect(
    /^version\.workspace = true$/m.test(text("bindings-python/Cargo.toml")),
    "bindings-python/Cargo.toml has a version of its own",
  );
  const sections = [...text("CHANGELOG.md").matchAll(/^## (\S+)/gm)].map((found) => found[1]);
  const newest = sections[0];
  expect(
    newest === manifest.version || (values.unreleased && newest === "Unreleased"),
    `CHANGELOG.md opens with ${newest}, not with ${manifest.version}`,
  );
}

/** Checks every tarball, and that the package names the native packages beside it and no others. */
function checkPackages() {
  const tarballs = readdirSync(out).filter((name) => name.endsWith(".tgz"));
  const names = tarballs.map((name) => name.replace(`-${manifest.version}.tgz`, ""));
  const natives = names.filter((name) => name !== "sentri").map((name) => name.replace(/^sentri-/, ""));
  expect(names.includes("sentri"), `${out} has no sentri-${manifest.version}.tgz`);
  expect(natives.length > 0, `${out} has no native package`);
  for (const name of natives) expect(name in PLATFORMS, `${name} is no platform that packages are made for`);
  const missing = values.complete ? Object.keys(PLATFORMS).filter((name) => !natives.includes(name)) : [];
  expect(missing.length === 0, `${out} has no package for ${missing.join(", ")}`);
  for (const tarball of tarballs) checkTarball(join(out, tarball), natives);
}

function checkTarball(tarball, natives) {
  const folder = mkdtempSync(join(tmpdir(), "sentri-release-"));
  try {
    execFileSync("tar", ["-xzf", tarball, "-C", folder]);
    const own = join(folder, "package");
    const packed = JSON.parse(readFileSync(join(own, "package.json"), "utf8"));
    const files = filesOf(own);
    for (const field of SAME_FIELDS) {
      const same = JSON.stringify(packed[field]) === JSON.stringify(manifest[field]);
      expect(same && packed[field] !== undefined, `${packed.name}: ${field} is not that of npm/package.json`);
    }
    if (packed.name === "sentri") checkMain(tarball, packed, files, natives);
    else checkNative(tarball, packed, files, own);
    if (files.includes(NOTICE)) checkNotice(packed.name, readFileSync(join(own, NOTICE), "utf8"));
    judge("publint", ["run", tarball, "--strict"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function checkMain(tarball, packed, files, natives) {
  for (const file of files) expect(MAIN_FILES.test(file), `sentri: ${file} is no file of a release`);
  for (const file of ["LICENSE", NOTICE, "README.md", "dist/index.js", "dist/index.d.ts"]) {
    expect(files.includes(file), `sentri: ${file} is missing`);
  }
  const named = Object.entries(packed.optionalDependencies ?? {}).map((entry) => entry.join("@"));
  const beside = natives.map((name) => `sentri-${name}@${manifest.version}`);
  expect(
    named.sort().join() === beside.sort().join(),
    `sentri: optional dependencies are ${named}, the packages beside it ${beside}`,
  );
  for (const field of ["scripts", "devDependencies", "dependencies"]) {
    expect(packed[field] === undefined, `sentri: ${field} is published`);
  }
  judge("attw", [tarball, "--no-emoji", "--format", "ascii"]);
}

function checkNative(tarball, packed, files, own) {
  expect(files.join() === NATIVE_FILES.join(), `${packed.name}: has ${files}, not ${NATIVE_FILES}`);
  const { size } = statSync(tarball);
  expect(size < NATIVE_LIMIT, `${packed.name}: ${(size / 1e6).toFixed(1)} MB packed, the limit is 8`);
  const core = files.includes("sentri.node") ? readFileSync(join(own, "sentri.node"), "latin1") : "";
  const newer = new Set([...core.matchAll(/\bGLIBC_([\d.]+)/g)].map((found) => found[1]).filter(isAboveFloor));
  expect(newer.size === 0, `${packed.name}: asks for glibc ${[...newer]}, the floor is ${GLIBC_FLOOR}`);
}

/** Compares the notice file with the present dependencies, which may have changed since it was written. */
function checkNotice(name, notice) {
  const platform = name.replace(/^sentri-?/, "");
  const wanted = platform === "" ? mainNotice() : platform in PLATFORMS ? nativeNotice(platform) : notice;
  expect(notice === wanted, `${name}: ${NOTICE} is not of the dependencies of this tree`);
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();
}

/** Runs a tool of tests/release on a package, unless faults were found already, since the tools take their time. */
function judge(tool, args) {
  if (faults.length > 0) return;
  const { status, stdout, stderr, error } = spawnSync(join(bin, tool), args, { encoding: "utf8" });
  expect(
    !error && status === 0,
    `${tool} refuses ${args.find((arg) => arg.endsWith(".tgz"))}:\n${error ?? ""}${stdout}${stderr}`,
  );
}
