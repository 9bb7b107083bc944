// Coverage of the core by lines and branches: runs the Rust tests on an instrumented build and prints a table of its
// folders, and of the modules that decide about security every line and branch that no test took.
// `make coverage` (ONLY="binary(pure)" runs those tests alone); the gaps are left in target/coverage/gaps.txt too.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const place = join(root, "target/coverage");
/** Verification, sessions, limits, the guard, flows and factors: a gap there is covered or explained in GAPS. */
const DECIDING = [
  "token/claims.rs",
  "token/jws.rs",
  "token/keyring.rs",
  "session.rs",
  "limit.rs",
  "limit/",
  "http/guard/",
  "http/credential",
  "flow.rs",
  "factor.rs",
  "factor/",
  "authentication.rs",
  "assurance.rs",
  "access.rs",
];
const filter = process.argv[2] ?? "not binary(load)";

const run = (program, args, options = {}) =>
  execFileSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options });
const output = (program, args) => execFileSync(program, args, { cwd: root, encoding: "utf8" });

/** The folder of cargo-llvm-cov, which is compiled the first time. */
function cargoLlvmCov() {
  const tools = join(place, "tools");
  if (!existsSync(join(tools, "bin/cargo-llvm-cov"))) {
    console.log("==> cargo-llvm-cov; a minute the first time");
    run("cargo", ["install", "--quiet", "--locked", "cargo-llvm-cov", "--version", "0.9.1", "--root", tools]);
  }
  return join(tools, "bin");
}

/** The folder of llvm-cov and llvm-profdata of rustc's own LLVM: rustup's, or Debian's. */
function llvm() {
  const [, host] = /host: (\S+)/.exec(output("rustc", ["-vV"]));
  const [, major] = /LLVM version: (\d+)/.exec(output("rustc", ["-vV"]));
  const rustup = join(output("rustc", ["--print", "sysroot"]).trim(), "lib/rustlib", host, "bin");
  if (existsSync(join(rustup, "llvm-cov"))) return rustup;
  const debian = `/usr/lib/llvm-${major}/bin`;
  if (!existsSync(join(debian, "llvm-cov"))) {
    const mayInstall = process.getuid?.() === 0 && spawnSync("apt-get", ["--version"]).status === 0;
    if (!mayInstall)
      throw new Error(
        `llvm-cov ${major} is missing: rustup component add llvm-tools, or apt-get install llvm-${major}`,
      );
    console.log(`==> installing the Debian package llvm-${major}`);
    run("apt-get", ["update", "-qq"]);
    run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", `llvm-${major}`]);
  }
  return debian;
}

function measure() {
  const programs = llvm();
  const build = join(place, "build");
  const env = {
    ...process.env,
    PATH: `${cargoLlvmCov()}:${process.env.PATH}`,
    CARGO_TARGET_DIR: build,
    LLVM_COV: join(programs, "llvm-cov"),
    LLVM_PROFDATA: join(programs, "llvm-profdata"),
    // Counting branches is asked of a stable compiler by an option that it does not promise to keep.
    RUSTC_BOOTSTRAP: "1",
  };
  const tests = ["--branch", "--workspace", "--no-report", "-E", filter, "--no-fail-fast", "--status-level", "fail"];
  const ended = spawnSync("cargo", ["llvm-cov", "nextest", ...tests], { cwd: root, env, stdio: "inherit" });
  if (ended.status !== 0) console.error("Some tests failed on the instrumented build; what they cover is counted.");
  const made = join(build, "llvm-cov-target");
  const profiles = readdirSync(made).filter((file) => file.endsWith(".profraw"));
  const profile = join(place, "tests.profdata");
  execFileSync(env.LLVM_PROFDATA, ["merge", "-sparse", "-o", profile, ...profiles], { cwd: made });
  const deps = join(made, "debug/deps");
  const binaries = readdirSync(deps).filter((file) => !file.includes(".") && !file.startsWith("lib"));
  const objects = binaries.flatMap((file) => ["-object", join(deps, file)]);
  const sources = readdirSync(join(root, "core/src"), { recursive: true }).filter((file) => file.endsWith(".rs"));
  return read(sources.sort(), [env.LLVM_COV, "export", "-skip-functions", `-instr-profile=${profile}`, ...objects]);
}

/** Files that llvm-cov can't read. */
const unread = [];

/** Reads the coverage of files. llvm-cov 22 crashes on some files, and with them on all: these are found by halves. */
function read(sources, [program, ...args]) {
  const named = sources.map((file) => join(root, "core/src", file));
  const { status, stdout } = spawnSync(program, [...args, "-sources", ...named], { maxBuffer: 2 ** 30 });
  if (status === 0) {
    const [{ files }] = JSON.parse(stdout).data;
    return files.map((file) => ({ ...file, name: relative(join(root, "core/src"), file.filename) }));
  }
  if (sources.length === 1) {
    unread.push(...sources);
    return [];
  }
  const middle = sources.length >> 1;
  return [sources.slice(0, middle), sources.slice(middle)].flatMap((half) => read(half, [program, ...args]));
}

const percent = ({ count, covered }) => (count === 0 ? "-" : `${((100 * covered) / count).toFixed(1)} %`);

/** Sums of lines and branches, by the first part of the path below core/src. */
function table(files) {
  const rows = new Map();
  for (const { name, summary } of files) {
    const [first] = name.split("/");
    for (const key of [first, "all"]) {
      const row = rows.get(key) ?? { lines: { count: 0, covered: 0 }, branches: { count: 0, covered: 0 } };
      for (const kind of ["lines", "branches"]) {
        row[kind].count += summary[kind].count;
        row[kind].covered += summary[kind].covered;
      }
      rows.set(key, row);
    }
  }
  const lines = Array.from(rows, ([name, row]) => [name, row.lines, row.branches]).sort(([a], [b]) => (a < b ? -1 : 1));
  console.log("| `core/src` | Lines | Covered | Branches | Covered |\n|---|---|---|---|---|");
  for (const [name, lined, branched] of lines)
    console.log(`| \`${name}\` | ${lined.count} | ${percent(lined)} | ${branched.count} | ${percent(branched)} |`);
}

/** The sides of branches that were never taken, and lines that were never run, with the source. */
function gaps({ name, branches, segments }) {
  const source = readFileSync(join(root, "core/src", name), "utf8").split("\n");
  const found = new Map();
  const seen = new Map();
  // A generic function is there once for each of its types: a side counts as taken when one of them took it.
  for (const [line, column, , , taken, notTaken] of branches) {
    const at = `${line}:${column}`;
    const [yes, no] = seen.get(at) ?? [0, 0];
    seen.set(at, [yes + taken, no + notTaken]);
  }
  for (const [at, [yes, no]] of seen) {
    const side =
      yes === 0 && no === 0 ? "never reached" : yes === 0 ? "never true" : no === 0 ? "never false" : undefined;
    if (side) found.set(at, side);
  }
  for (const [line, column, count, hasCount, isEntry] of segments)
    if (hasCount && isEntry && count === 0) found.set(`${line}:${column}`, "never run");
  return Array.from(found, ([at, what]) => ({ at, what, code: source[Number(at.split(":")[0]) - 1].trim() }));
}

mkdirSync(place, { recursive: true });
const files = measure();
table(files);
let total = 0;
const text = [];
for (const file of files.filter(({ name }) => DECIDING.some((part) => name.startsWith(part)))) {
  const found = gaps(file);
  total += found.length;
  const { lines, branches } = file.summary;
  text.push(`${file.name}: lines ${percent(lines)}, branches ${percent(branches)}`);
  for (const { at, what, code } of found) text.push(`  ${at} ${what}: ${code}`);
}
console.log(`\nIn the modules that decide, ${total} gaps:\n${text.join("\n")}`);
if (unread.length > 0) console.log(`\nllvm-cov could not read ${unread.length} files: ${unread.join(", ")}`);
writeFileSync(join(place, "gaps.txt"), `${text.join("\n")}\n`);
