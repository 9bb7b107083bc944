// What an installation weighs and how long it takes to load, beside better-auth and bcrypt's two packages: each alone
// in a folder, installed by npm for this platform.
import { execFileSync } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const packed = fileURLToPath(new URL("../../target/npm/", import.meta.url));
const OWN = readdirSync(packed).map((file) => join(packed, file));
const PACKAGES = {
  sentri: OWN,
  "better-auth": ["better-auth@1.7.25"],
  bcrypt: ["bcrypt@6.0.0"],
  "@node-rs/bcrypt": ["@node-rs/bcrypt@2.0.0"],
};
/** What loads a package; of sentri's, the second loads its native core too, as the first server or hash does. */
const PROGRAMS = {
  sentri: 'await import("sentri")',
  "sentri with its core": 'await (await import("sentri")).needsRehash("")',
  "better-auth": 'await import("better-auth")',
  bcrypt: 'await import("bcrypt")',
  "@node-rs/bcrypt": 'await import("@node-rs/bcrypt")',
};
const ROUNDS = 15;

/** Adds rows: megabytes and packages of each installation, milliseconds of each import beyond an empty program. */
export function measureFootprint(row, median) {
  const folders = Object.fromEntries(Object.entries(PACKAGES).map(([name, wanted]) => [name, install(wanted)]));
  try {
    const sizes = Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, weigh(folder)]));
    for (const [name, { bytes, packages }] of Object.entries(sizes)) {
      const ratio = name === "sentri" ? "" : `${(bytes / sizes.sentri.bytes).toFixed(2)}x`;
      row(`installed: ${name}`, `${(bytes / 1e6).toFixed(1)} MB`, `${packages} packages`, ratio);
    }
    const times = importTimes(folders);
    const of = (name) => median(times[name]) - median(times.nothing);
    for (const name of Object.keys(PROGRAMS)) {
      const ratio = name.startsWith("sentri") ? "" : `${(of(name) / of("sentri with its core")).toFixed(2)}x`;
      row(`import: ${name}`, `${of(name).toFixed(0)} ms`, `node alone ${median(times.nothing).toFixed(0)} ms`, ratio);
    }
  } finally {
    for (const folder of Object.values(folders)) rmSync(folder, { recursive: true });
  }
}

function install(packages) {
  const folder = mkdtempSync(join(tmpdir(), "sentri-footprint-"));
  writeFileSync(join(folder, "package.json"), "{}");
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages], {
    cwd: folder,
    stdio: "pipe",
  });
  return folder;
}

/** The size of the files below node_modules, and the number of packages. */
function weigh(folder) {
  const modules = join(folder, "node_modules");
  const stats = readdirSync(modules, { recursive: true }).map((name) => lstatSync(join(modules, name)));
  const bytes = stats.filter((stat) => stat.isFile()).reduce((sum, { size }) => sum + size, 0);
  const listed = execFileSync("npm", ["ls", "--all", "--parseable"], { cwd: folder, encoding: "utf8" });
  return { bytes, packages: listed.trim().split("\n").length - 1 };
}

/** Milliseconds of a process for each program and for an empty one, interleaved. */
function importTimes(folders) {
  const programs = { nothing: "", ...PROGRAMS };
  const times = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, program] of Object.entries(programs)) {
      const started = process.hrtime.bigint();
      const cwd = folders[name.split(" ")[0]] ?? folders.sentri;
      execFileSync(process.execPath, ["--input-type=module", "--eval", program], { cwd });
      times[name].push(Number(process.hrtime.bigint() - started) / 1e6);
    }
  }
  return times;
}
