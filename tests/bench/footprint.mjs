// What an installation weighs, how long it takes to load and to answer its first request, and what memory it has then,
// beside better-auth and bcrypt's two packages: each alone in a folder, installed by npm for this platform.
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
/** A cold start: a server over tables in memory, and its first answer. Each prints its memory and ends. */
const STARTS = {
  sentri: `
    const { createAuthWeb } = await import("sentri/web");
    const secret = "a secret of at least thirty-two bytes, for benchmarks";
    const auth = createAuthWeb({ mode: "server", db: "sqlite::memory:", validRoles: ["user"], secret });
    await auth.migrate();
    const answer = await auth.fetch(new Request("http://localhost/auth/me"));
    if (answer.status !== 401) throw new Error(String(answer.status));`,
  "better-auth": `
    const { betterAuth } = await import("better-auth");
    const { memoryAdapter } = await import("better-auth/adapters/memory");
    const tables = { user: [], session: [], account: [], verification: [] };
    const secret = "a secret of at least thirty-two bytes, for benchmarks";
    const options = { database: memoryAdapter(tables), secret, baseURL: "http://localhost" };
    const auth = betterAuth({ ...options, emailAndPassword: { enabled: true } });
    const answer = await auth.handler(new Request("http://localhost/api/auth/get-session"));
    if (answer.status !== 200) throw new Error(String(answer.status));`,
};
const END = "\nconsole.log(process.memoryUsage.rss()); process.exit();";
const ROUNDS = 11;

/** Adds rows: megabytes and packages of each installation, milliseconds of each import beyond an empty program. */
export function measureFootprint(row, median) {
  const folders = Object.fromEntries(Object.entries(PACKAGES).map(([name, wanted]) => [name, install(wanted)]));
  try {
    const sizes = Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, weigh(folder)]));
    for (const [name, { bytes, packages }] of Object.entries(sizes)) {
      const ratio = name === "sentri" ? "" : `${(bytes / sizes.sentri.bytes).toFixed(2)}x`;
      row(`installed: ${name}`, `${(bytes / 1e6).toFixed(1)} MB`, `${packages} packages`, ratio);
    }
    imports(folders, row, median);
    starts(folders, row, median);
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

/** Rows of the imports: milliseconds of a process for each program beyond those of an empty one. */
function imports(folders, row, median) {
  const runs = interleaved({ nothing: "", ...PROGRAMS }, folders);
  const of = (name) => median(runs[name].map(({ milliseconds }) => milliseconds));
  const nothing = of("nothing");
  for (const name of Object.keys(PROGRAMS)) {
    const time = of(name) - nothing;
    const ratio = name.startsWith("sentri") ? "" : `${(time / (of("sentri with its core") - nothing)).toFixed(2)}x`;
    row(`import: ${name}`, `${time.toFixed(0)} ms`, `node alone ${nothing.toFixed(0)} ms`, ratio);
  }
}

/** Rows of the cold starts: milliseconds of the whole process, and its memory behind the first answer. */
function starts(folders, row, median) {
  const programs = { nothing: "", ...STARTS };
  const runs = interleaved(
    Object.fromEntries(Object.entries(programs).map(([name, program]) => [name, program + END])),
    folders,
  );
  const ms = (name) => median(runs[name].map(({ milliseconds }) => milliseconds));
  const mib = (name) => median(runs[name].map(({ output }) => Number(output) / 2 ** 20));
  for (const [what, of, unit] of [
    ["cold start to its first answer", ms, "ms"],
    ["memory behind its first answer", mib, "MiB"],
  ]) {
    const [ours, theirs, nothing] = ["sentri", "better-auth", "nothing"].map(of);
    const peer = `better-auth ${theirs.toFixed(0)} ${unit}, node alone ${nothing.toFixed(0)} ${unit}`;
    row(`${what}: sentri`, `${ours.toFixed(0)} ${unit}`, peer, `${(theirs / ours).toFixed(2)}x`);
  }
}

/** A process for each program, again and again by turns: how long it ran, and what it printed. */
function interleaved(programs, folders) {
  const runs = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, program] of Object.entries(programs)) {
      const started = process.hrtime.bigint();
      const cwd = folders[name.split(" ")[0]] ?? folders.sentri;
      const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { cwd });
      runs[name].push({ milliseconds: Number(process.hrtime.bigint() - started) / 1e6, output });
    }
  }
  return runs;
}
