// Mutants of the modules that decide: makes crates of some modules of the core with their own tests, which compile in
// seconds, and has cargo-mutants change one decision after another in them. Prints a table of the modules, and every
// mutant that no test notices; fails on one that tests/mutants.json does not explain.
// `make mutants` (ONLY="session.rs limit" judges files with one of these in their paths alone).
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const place = join(root, "target/mutants");
const text = (...parts) => readFileSync(join(root, ...parts), "utf8");
const { groups, explained } = JSON.parse(text("tests/mutants.json"));
const only = process.argv.slice(2);

/** The folder of cargo-mutants, which is compiled the first time. */
function tools() {
  const folder = join(place, "tools");
  if (!existsSync(join(folder, "bin/cargo-mutants"))) {
    console.log("==> cargo-mutants; minutes the first time");
    const args = ["install", "--quiet", "--locked", "cargo-mutants", "--version", "27.1.0", "--root", folder];
    execFileSync("cargo", args, { stdio: ["ignore", "inherit", "inherit"] });
  }
  return join(folder, "bin");
}

const rustFiles = (folder) => readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".rs"));

/** The files of a module, by its path below core/src: itself, and all below it but for the folder of a `mod`. */
function filesOf(module) {
  const path = join(root, "core/src", module);
  const below = existsSync(path) ? rustFiles(path).map((file) => join(module, file)) : [];
  return existsSync(`${path}.rs`) ? [`${module}.rs`, ...below] : below;
}

/** A source without the declarations of modules that are not there; of a mere parent, what declares its modules. */
function sourceOf(file, files, isParent) {
  const folder = file.replace(/(\/?(mod|lib)|)\.rs$/, "");
  const isThere = (child) => [".rs", "/mod.rs"].some((end) => files.has(join(folder, child + end)));
  const source = text("core/src", file);
  if (!isParent)
    return source.replace(/^(?:pub(?:\(.*\))? )?mod (\w+);\n/gm, (line, child) => (isThere(child) ? line : ""));
  const declarations = source.matchAll(/^(?:pub(?:\(.*\))? mod|mod|pub(?:\(.*\))? use) (\w+)[^;]*;\n/gm);
  return Array.from(declarations, ([line, child]) => (isThere(child) ? line : "")).join("");
}

/** Writes the sources of modules, without unit tests of those beside, and of their parents what declares them. */
function writeSources(crate, judged, beside) {
  const files = new Set([...judged, ...beside].flatMap(filesOf));
  const others = new Set(beside.flatMap(filesOf));
  const parents = new Set(["lib.rs"]);
  for (const file of files)
    for (let folder = dirname(file); folder !== "."; folder = dirname(folder)) {
      const names = [`${folder}.rs`, `${folder}/mod.rs`];
      if (!names.some((name) => files.has(name)))
        parents.add(names.find((name) => existsSync(join(root, "core/src", name))));
    }
  const all = new Set([...files, ...parents]);
  for (const file of all) {
    mkdirSync(dirname(join(crate, "src", file)), { recursive: true });
    const source = sourceOf(file, all, parents.has(file));
    const kept = others.has(file) ? source.replace(/^#\[cfg\(test\)\]\nmod tests[^]*/m, "") : source;
    writeFileSync(join(crate, "src", file), kept);
  }
}

/** The core's manifest with those dependencies alone that the sources or the tests of a crate name. */
function manifest(crate, suites) {
  const sources = rustFiles(join(crate, "src")).map((file) => readFileSync(join(crate, "src", file), "utf8"));
  const code = [...sources, ...suites.map((file) => text(file))].join("\n").replace(/\/\/.*/g, "");
  const isUsed = (line) => new RegExp(`\\b${/^[\w-]*/.exec(line)[0].replaceAll("-", "_")}::`).test(code);
  const kept = text("core/Cargo.toml")
    .split(/^(?=\[)/m)
    .map((section) => {
      if (/^\[(package|lints)\]/.test(section)) return section;
      const [head, ...lines] = section.split("\n");
      const used = lines.filter((line) => isUsed(line) && !line.includes("optional"));
      return /^\[(dev-)?dependencies\]/.test(head) ? `${[head, ...used].join("\n")}\n\n` : "";
    });
  return `${kept.join("")}[lib]\ndoctest = false\n`;
}

/** Makes a workspace of one crate under the name of the core, with some modules and their tests. */
function assemble(workspace, { judged, beside, tests }) {
  const crate = join(workspace, "core");
  for (const part of ["core", "tests"]) rmSync(join(workspace, part), { recursive: true, force: true });
  writeSources(crate, judged, beside);
  // Copies, so that nobody's edit of a test disturbs the judgement.
  for (const part of ["core", "vectors"])
    cpSync(join(root, "tests", part), join(workspace, "tests", part), { recursive: true });
  mkdirSync(join(crate, "tests"));
  const suites = [];
  for (const [suite, modules] of Object.entries(tests)) {
    const declared = text("tests/core", `${suite}.rs`).matchAll(/#\[path = "(.*)"\]\nmod (\w+);\n/g);
    const kept = Array.from(declared).filter(([, , module]) => modules.includes(module));
    suites.push(...kept.map(([, path]) => `tests/core/${path}`));
    const lines = kept.map(([, path, module]) => `#[path = "../../tests/core/${path}"]\nmod ${module};\n`);
    writeFileSync(join(crate, "tests", `${suite}.rs`), `#![allow(warnings)]\n${lines.join("")}`);
  }
  cpSync(join(root, "Cargo.lock"), join(workspace, "Cargo.lock"));
  const settings = text("Cargo.toml").replace(/^members = .*/m, 'members = ["core"]');
  const fast = `${settings.replace(/^debug = .*/gm, "debug = false")}\n[profile.dev.package."*"]\nopt-level = 1\n`;
  writeFileSync(join(workspace, "Cargo.toml"), fast);
  writeFileSync(join(crate, "Cargo.toml"), manifest(crate, suites));
}

/** Judges the mutants of a group; returns what became of each. */
function judge([name, group]) {
  const isChosen = (file) => only.length === 0 || only.some((part) => file.includes(part));
  const files = group.judged.flatMap(filesOf).filter(isChosen);
  if (files.length === 0) return [];
  const workspace = join(place, name);
  assemble(workspace, group);
  const chosen = files.flatMap((file) => ["--file", join("core/src", file)]);
  const args = ["mutants", "--in-place", "--dir", workspace, "--output", workspace, "--timeout", "60", ...chosen];
  const path = `${tools()}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path, CARGO_TARGET_DIR: join(place, "build"), PROPTEST_CASES: "64" };
  // 2: some were missed; 3: some ran out of time. Whatever else is no judgement.
  const { status } = spawnSync("cargo", args, { cwd: workspace, env, stdio: "inherit" });
  if (![0, 2, 3].includes(status)) throw new Error(`cargo-mutants on ${name} ended with ${status}`);
  const { outcomes } = JSON.parse(readFileSync(join(workspace, "mutants.out/outcomes.json"), "utf8"));
  return outcomes
    .filter(({ scenario }) => scenario !== "Baseline")
    .map(({ scenario: { Mutant }, summary }) => ({ file: Mutant.file.slice(9), name: Mutant.name, summary }));
}

const isMissed = ({ summary }) => summary === "MissedMutant";
const isExplained = ({ file, name }) => explained.some((one) => one.file === file && name.endsWith(`: ${one.mutant}`));
const mutants = Object.entries(groups).flatMap(judge);
console.log(
  "\n| `core/src` | Mutants | Noticed | Don't compile | Explained | Not noticed |\n|---|---|---|---|---|---|",
);
for (const judged of [...new Set(mutants.map(({ file }) => file)), "all"]) {
  const all = mutants.filter(({ file }) => file === judged || judged === "all");
  const unviable = all.filter(({ summary }) => summary === "Unviable");
  const missed = all.filter(isMissed);
  const known = missed.filter(isExplained);
  const noticed = all.length - unviable.length - missed.length;
  const counts = [all.length, noticed, unviable.length, known.length, missed.length - known.length];
  console.log(`| \`${judged}\` | ${counts.join(" | ")} |`);
}
const left = mutants.filter((mutant) => isMissed(mutant) && !isExplained(mutant));
for (const { name } of left) console.log(`No test notices: ${name}`);
process.exitCode = left.length === 0 ? 0 : 1;
