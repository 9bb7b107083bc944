// Tests the packages that `make platforms` left. Each must have the right files and require no more than its floor, and
// works in a runtime of its platform, if this machine can have one. `make test-platforms` runs it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { GLIBC_FLOOR, MACOS_FLOOR, PLATFORMS } from "../npm/scripts/platform.mjs";
import { conversation, EXPECTED } from "./conversation.mjs";
import { arm64, debian11, musl, windows } from "./runtimes.mjs";
import { HERE, ROOT } from "./toolchain.mjs";

const MACHINES = {
  ELF: { x64: "X86_64", arm64: "AARCH64" },
  "Mach-O": { x64: "X86_64", arm64: "ARM64" },
  PE: { x64: "AMD64", arm64: "ARM64" },
};
const FORMATS = { linux: "ELF", darwin: "Mach-O", win32: "PE" };
/** Libraries that every system of a kind has. */
const SYSTEM = {
  glibc: /^(libc|libm|libdl|libpthread|librt|libgcc_s)\.so\.\d$|^ld-linux-.*\.so\.\d$/,
  musl: /^libc\.so$|^libgcc_s\.so\.1$/,
  darwin: /^\/usr\/lib\/|^\/System\/Library\/Frameworks\//,
  win32: /^(api-ms-win-|kernel32|ntdll|userenv|ws2_32|bcrypt|ncrypt|advapi32|crypt32|secur32|iphlpapi)/i,
};
/** The runtimes in which packages are used, as in the table of docs/reference/platforms.md. */
const RUNTIMES = {
  "linux-x64-gnu": debian11,
  "linux-arm64-gnu": arm64,
  "linux-x64-musl": () => musl("x64"),
  "linux-arm64-musl": () => musl("arm64"),
  "win32-x64-gnullvm": windows,
};
const cores = join(HERE, "cores");
const built = Object.keys(PLATFORMS).filter((name) => existsSync(join(cores, `sentri.${name}.node`)));
let folder;
let servers = 0;

before(() => {
  folder = mkdtempSync(join(HERE, "use-"));
  for (const file of readdirSync(join(HERE, "npm"))) {
    const name = file.replace(/-\d.*/, "");
    const place = join(folder, "node_modules", name);
    execFileSync("mkdir", ["-p", place]);
    execFileSync("tar", ["-xzf", join(HERE, "npm", file), "--strip-components=1", "-C", place]);
  }
});

after(() => rmSync(folder, { recursive: true }));

/** The files of a platform: its addon and its Python library. */
const files = (name) => [join(cores, `sentri.${name}.node`), join(cores, `sentri.${name}${PLATFORMS[name].suffix}`)];

const wheelOf = (name) =>
  readdirSync(join(HERE, "wheels")).find((file) => file.endsWith(`-${PLATFORMS[name].wheel}.whl`));

const isAbove = (version, floor) => version.localeCompare(floor, "en", { numeric: true }) > 0;

test("there are packages to look at", () => assert.notEqual(built.length, 0));

for (const name of built) {
  const { os, cpu, libc, target } = PLATFORMS[name];

  test(`${name} asks for what its systems have, from the floor on (P73)`, () => {
    const read = execFileSync(join(HERE, "python/bin/python"), [join(ROOT, "platforms/binaries.py"), ...files(name)]);
    for (const [file, binary] of Object.entries(JSON.parse(read))) {
      assert.equal(binary.format, FORMATS[os], file);
      assert.equal(binary.machine, MACHINES[FORMATS[os]][cpu], file);
      for (const library of binary.libraries) assert.match(library, SYSTEM[libc ?? os], file);
      const versions = Object.values(binary.versions ?? {}).flat();
      const glibc = versions.filter((version) => version.startsWith("GLIBC_")).map((version) => version.slice(6));
      assert.equal(glibc.length > 0, libc === "glibc", file);
      assert.deepEqual(
        glibc.filter((version) => isAbove(version, GLIBC_FLOOR)),
        [],
        file,
      );
      if (os !== "darwin") continue;
      assert.ok(binary.signed || cpu === "x64", `${file} has no signature`);
      assert.equal(binary.oldest.slice(0, 2).join("."), MACOS_FLOOR[target.split("-")[0]], file);
    }
  });

  test(`${name} has a tarball and a wheel (P73)`, () => {
    const tarball = readdirSync(join(HERE, "npm")).find((file) => file.startsWith(`sentri-${name}-`));
    assert.ok(tarball, name);
    const listed = execFileSync("tar", ["-tzf", join(HERE, "npm", tarball)], { encoding: "utf8" });
    assert.deepEqual(
      listed.trim().split("\n").sort(),
      ["LICENSE", "NOTICE.md", "README.md", "index.js", "package.json", "sentri.node"].map((file) => `package/${file}`),
    );
    const wheel = wheelOf(name);
    assert.ok(wheel?.includes("-py3-none-"), name);
    const { prefix, suffix } = PLATFORMS[name];
    const inside = python(["-m", "zipfile", "-l", join(HERE, "wheels", wheel)]);
    const natives = [...inside.matchAll(/sentri\/_native\/\S+\.(so|dylib|dll)\b/g)].map(([found]) => found);
    assert.deepEqual(natives, [`sentri/_native/${prefix}sentri_native${suffix}`]);
    console.log(`${name}: tarball ${megabytes("npm", tarball)}, wheel ${megabytes("wheels", wheel)}`);
  });
}

for (const name of built.filter((name) => RUNTIMES[name])) {
  test(`${name} is used by Node of its platform (P73)`, { timeout: 300_000 }, async (t) => {
    const { node, env } = RUNTIMES[name]();
    const base = await serve(t, [...node, "node_modules/sentri/dist/cli/main.js"], env);
    assert.deepEqual(await conversation(base), EXPECTED);
  });
}

for (const name of built.filter((name) => name.endsWith("-gnu"))) {
  test(`${name} is used by Python of its platform (P73)`, { timeout: 300_000 }, () => {
    const { python: command, env } = RUNTIMES[name]();
    const unpacked = join(folder, `wheel-${name}`);
    python(["-m", "zipfile", "-e", join(HERE, "wheels", wheelOf(name)), unpacked]);
    const [program, ...args] = [...command, join(ROOT, "platforms/use.py")];
    const said = execFileSync(program, args, {
      env: { ...process.env, ...env, PYTHONPATH: unpacked },
      encoding: "utf8",
    });
    const { machine, statuses } = JSON.parse(said);
    assert.equal(machine, { x64: "x86_64", arm64: "aarch64" }[PLATFORMS[name].cpu]);
    assert.deepEqual(statuses, EXPECTED);
  });
}

for (const name of built.filter((name) => RUNTIMES[name] && !name.endsWith("-gnu"))) {
  test(`${name} has a library that a program of its platform loads for Python (P73)`, { timeout: 300_000 }, () => {
    const { load, env } = RUNTIMES[name]();
    const [program, ...args] = [...load, join(cores, `sentri.${name}${PLATFORMS[name].suffix}`)];
    const contract = execFileSync(program, args, { env: { ...process.env, ...env }, encoding: "utf8" });
    assert.match(contract, /^\d+\s*$/);
  });
}

function python(args) {
  return execFileSync(join(HERE, "python/bin/python"), args, { encoding: "utf8" });
}

function megabytes(kind, file) {
  return `${(statSync(join(HERE, kind, file)).size / 1e6).toFixed(1)} MB`;
}

/**
 * Starts `sentri serve` of the tarballs in a runtime. Resolves to the server's address once the server has printed it.
 * The server writes to a file, since Node under wine can't open a pipe.
 */
async function serve(t, [program, ...args], env) {
  const options = ["serve", "--port", "0", "--db", "sqlite::memory:"];
  const log = join(folder, `serve-${(servers += 1)}.log`);
  const output = openSync(log, "w");
  const stdio = ["ignore", output, output];
  const server = spawn(program, [...args, ...options], { cwd: folder, env: { ...process.env, ...env }, stdio });
  closeSync(output);
  t.after(() => server.kill("SIGKILL"));
  for (;;) {
    const written = readFileSync(log, "utf8");
    const address = /http:\/\/[\d.]+:\d+[^\s.,]*/.exec(written);
    if (address) return address[0];
    const end = server.exitCode ?? server.signalCode;
    if (end !== null) throw new Error(`The server ended with ${end}: ${written}`);
    await setTimeout(100);
  }
}
