// `make release-check` over the tarballs of `make pack`, and over tarballs with something wrong in them.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./support/consumer.mjs";

const PACKED = process.env.SENTRI_TARBALLS ?? join(root, "target/npm");

function check(folder, ...flags) {
  const script = join(root, "npm/scripts/release-check.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, "--out", folder, ...flags], {
    encoding: "utf8",
  });
  return { status, said: stdout + stderr };
}

/** Packs the main package or a native one anew after `change` had its folder; gives the folder of the tarballs. */
function tamper(t, name, change) {
  const folder = mkdtempSync(join(tmpdir(), "sentri-tampered-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(PACKED, folder, { recursive: true });
  const tarball = join(
    folder,
    readdirSync(folder).find((file) => name.test(file)),
  );
  execFileSync("tar", ["-xzf", tarball, "-C", folder]);
  change(join(folder, "package"));
  execFileSync("tar", ["-czf", tarball, "-C", folder, "package"]);
  rmSync(join(folder, "package"), { recursive: true });
  return folder;
}

function edit(folder, change) {
  const file = join(folder, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  change(manifest);
  writeFileSync(file, JSON.stringify(manifest));
}

const MAIN = /^sentri-[0-9]/;
const NATIVE = /^sentri-[a-z]/;

test("the packages of this tree may be released, but for the heading of the changelog", () => {
  const { status, said } = check(PACKED, "--unreleased");
  assert.equal(status, 0, said);
});

for (const [what, name, change, fault] of [
  ["a file too many", MAIN, (own) => writeFileSync(join(own, "dist/.env"), "SECRET=a"), /dist\/\.env is no file of a/],
  ["a file too few", MAIN, (own) => rmSync(join(own, "LICENSE")), /sentri: LICENSE is missing/],
  ["types that are not there", MAIN, (own) => rmSync(join(own, "dist/koa.d.ts")), /(publint|attw) refuses/],
  [
    "scripts",
    MAIN,
    (own) => edit(own, (manifest) => (manifest.scripts = { postinstall: "true" })),
    /scripts is published/,
  ],
  [
    "a platform that is not beside it",
    MAIN,
    (own) => edit(own, (manifest) => (manifest.optionalDependencies["sentri-aix-ppc64"] = manifest.version)),
    /optional dependencies are .*sentri-aix-ppc64/,
  ],
  ...[MAIN, NATIVE].map((name) => [
    "a notice file of other dependencies",
    name,
    (own) => writeFileSync(join(own, "NOTICE.md"), "# Third-party software in this package\n"),
    /NOTICE\.md is not of the dependencies of this tree/,
  ]),
  ["another version", NATIVE, (own) => edit(own, (manifest) => (manifest.version = "5.9.9")), /version is not that of/],
  [
    "a core for a newer glibc",
    NATIVE,
    (own) => appendFileSync(join(own, "sentri.node"), "\0GLIBC_2.34\0"),
    /asks for glibc 2\.34, the floor is 2\.17/,
  ],
  ["a native package with more", NATIVE, (own) => writeFileSync(join(own, "a.log"), ""), /has LICENSE,.*a\.log/],
]) {
  test(`a release with ${what} is refused`, (t) => {
    const { status, said } = check(tamper(t, name, change), "--unreleased");
    assert.equal(status, 1, said);
    assert.match(said, fault);
  });
}
