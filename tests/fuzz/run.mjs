// P52, the long form: every target of tests/fuzz under libFuzzer, which looks for inputs that reach code that none has reached.
// `node tests/fuzz/run.mjs [NAME...]`; FUZZ_SECONDS says how long a target is run (60), `--keep` writes the inputs that matter,
// minimised, to the corpus. An input that breaks a property is left in target/fuzz/found, and said.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const place = join(root, "target/fuzz");
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 60);
/** What the corpus keeps of a target at most, so that the short form stays short and the repository small. */
const [MOST_BYTES, MOST_INPUTS] = [2_048, 250];
/** The flags of a stable compiler that count the edges of the code. Only the code for the target gets them, no build script. */
const COVERAGE = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "--cfg fuzzing",
  "-Ccodegen-units=16",
];
const LIMITS = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=16384"];

const run = (program, args, env = {}) =>
  execFileSync(program, args, { cwd: root, env: { ...process.env, ...env }, encoding: "utf8", stdio: "pipe" });

function build() {
  const triple = /host: (\S+)/.exec(run("rustc", ["-vV"]))[1];
  const build = ["build", "--quiet", "-p", "sentri-fuzz"];
  const guided = ["--bin", "fuzz", "--features", "coverage", "--profile", "fuzz", "--target", triple];
  console.log("building the targets; the first time takes some minutes");
  run("cargo", [...build, ...guided, "--target-dir", "target/fuzz-build"], { RUSTFLAGS: COVERAGE.join(" ") });
  // Without coverage, which needs libFuzzer to be counted.
  run("cargo", [...build, "--bin", "corpus"]);
  const plain = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  return { fuzz: join(root, "target/fuzz-build", triple, "fuzz/fuzz"), corpus: join(plain, "debug/corpus") };
}

/** Runs a target, and says every now and then how far it has come. */
async function fuzz(programs, name, work) {
  const args = [`-max_total_time=${SECONDS}`, ...LIMITS, `-artifact_prefix=${join(place, "found")}/${name}-`, work];
  const child = spawn(programs.fuzz, args, {
    env: { ...process.env, SENTRI_FUZZ_TARGET: name },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let [last, said, tail] = ["", Date.now(), []];
  createInterface(child.stderr).on("line", (line) => {
    tail = [...tail.slice(-40), line];
    if (/^#\d+/.test(line)) last = line.replace(/\s+/g, " ").replace(/ L: .*/, "");
    if (Date.now() - said < 15_000) return;
    said = Date.now();
    console.log(`  ${name}: ${last}`);
  });
  const code = await new Promise((done) => child.once("close", done));
  console.log(`${name}: ${last}`);
  if (code !== 0) console.error(tail.join("\n"));
  return code === 0;
}

/** Puts the smallest inputs that together reach what all of them reach into the corpus. */
function keep(programs, name, work) {
  const least = join(place, "least", name);
  rmSync(least, { recursive: true, force: true });
  mkdirSync(least, { recursive: true });
  run(programs.fuzz, ["-merge=1", ...LIMITS, least, work], { SENTRI_FUZZ_TARGET: name });
  const all = readdirSync(least).map((file) => join(least, file));
  const files = all
    .filter((file) => statSync(file).size <= MOST_BYTES)
    .sort((a, b) => statSync(a).size - statSync(b).size);
  // Of too many, short and long ones alike.
  const stride = Math.max(1, files.length / MOST_INPUTS);
  const kept = new Set(files.filter((_, at) => Math.floor(at / stride) !== Math.floor((at - 1) / stride)));
  for (const file of all) if (!kept.has(file)) rmSync(file);
  run(programs.corpus, ["pack", name, least]);
  console.log(`${name}: ${kept.size} of ${readdirSync(work).length} inputs kept`);
}

const options = process.argv.slice(2);
const programs = build();
const known = run(programs.corpus, ["names"]).trim().split("\n");
const named = options.filter((one) => one !== "--keep");
mkdirSync(join(place, "found"), { recursive: true });
const broken = [];
for (const name of named.length > 0 ? named : known) {
  const work = join(place, "work", name);
  if (!existsSync(work)) run(programs.corpus, ["unpack", name, work]);
  if (!(await fuzz(programs, name, work))) broken.push(name);
  else if (options.includes("--keep")) keep(programs, name, work);
}
if (broken.length > 0) {
  console.error(`broken: ${broken.join(", ")}; the inputs are in target/fuzz/found`);
  process.exit(1);
}
