// Finds or fetches the tools that compile for other platforms: zig (from PyPI) as linker and C compiler, and Rust's
// standard library, compiled from rustup or as source from Debian. All of it stays in target/platforms.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { GLIBC_FLOOR, MACOS_FLOOR, PLATFORMS, triple } from "../npm/scripts/platform.mjs";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
/** The folder of the toolchains and of their output. */
export const HERE = join(ROOT, "target/platforms");

/** Debian's Rust with its source, the library that it needs, and LLVM's programs, one of which strips for macOS. */
const DEBIAN = ["rustc-web", "libstd-rust-web-dev", "libstd-rust-web-1.96", "rust-web-src", "libllvm22", "llvm-22"];
const RUST = join(HERE, "rust/usr");
/** The folder of `rust-objcopy`, which rustup's Rust has within itself. */
const RUST_TOOLS = join(HERE, "rust/tools");
/** Text stubs for the linker, which name the symbols that the cores import from Apple's frameworks. */
const FRAMEWORKS = join(ROOT, "platforms/frameworks");

/** Ends the program with a message. */
export function fail(message) {
  console.error(message);
  process.exit(1);
}

/** The environment and the arguments by which `cargo zigbuild` compiles for a target. */
export function toolchain(target) {
  const python = zig();
  const env = {
    PATH: [join(python, "bin"), RUST_TOOLS, process.env.PATH].join(delimiter),
    CARGO_TARGET_DIR: join(HERE, "cargo"),
    CARGO_ZIGBUILD_CACHE_DIR: join(HERE, "zigbuild"),
    ZIG_GLOBAL_CACHE_DIR: join(HERE, "zig"),
    ZIG_LOCAL_CACHE_DIR: join(HERE, "zig"),
  };
  // By default Rust links statically for musl, and a static library can't be loaded as an addon.
  const flags = `CARGO_TARGET_${target.toUpperCase().replaceAll("-", "_")}_RUSTFLAGS`;
  if (target.includes("musl")) env[flags] = "-C target-feature=-crt-static";
  if (target.includes("apple")) {
    env.MACOSX_DEPLOYMENT_TARGET = MACOS_FLOOR[target.split("-")[0]];
    // For other systems zig strips all names that are not exported. Apple's format is stripped by rustc, by profile.
    env.CARGO_PROFILE_RELEASE_STRIP = "symbols";
    if (process.platform !== "darwin") env[flags] = `-C link-arg=-F${FRAMEWORKS}`;
  }
  if (target.includes("windows")) {
    env.LIBNODE_PATH = libnode();
    env[`CARGO_TARGET_${target.toUpperCase().replaceAll("-", "_")}_LINKER`] = windowsLinker(target);
  }
  if (existsSync(join(sysroot(), "lib/rustlib", target, "lib"))) return { env, args: [] };
  env.RUSTC = rustWithSource(target);
  env.RUSTC_BOOTSTRAP = "1";
  return { env, args: ["-Z", "build-std=std,panic_unwind"] };
}

/**
 * The environment and the arguments by which cargo and maturin compile for this machine, and the folder that they fill.
 * On Linux with glibc, zig links and compiles C, as for a release, so that no build needs this system's newer glibc.
 */
export function native() {
  const { target, libc } = PLATFORMS[triple()] ?? {};
  const folder = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  if (libc !== "glibc") return { env: {}, args: [], folder: join(folder, "release") };
  const python = zig();
  const name = target.replaceAll("-", "_");
  const compiler = join(HERE, `cc-${target}`);
  // The version is set, since otherwise the wrapper asks Python for it at every call. If zig is asked to strip debug
  // information, it strips all symbols; uniffi reads symbols of the core for Python, so binutils strips that core.
  writeProgram(
    compiler,
    `out= previous= asked=
for argument do
  shift
  if [ "$previous" = -o ]; then out=$argument; fi
  previous=$argument
  case $argument in -Wl,--strip-debug) asked=$argument ;; *) set -- "$@" "$argument" ;; esac
done
own=
case $out in *sentri_native.so) own=$asked asked= ;; esac
export CARGO_ZIGBUILD_ZIG_VERSION='${version("ziglang")}'
export CARGO_ZIGBUILD_ZIG_COMMAND='${join(python, "bin/python3")}'
export CARGO_ZIGBUILD_ZIG_COMMAND_ARGS='-m ziglang'
'${join(python, "bin/cargo-zigbuild")}' zig cc -- -g -fno-sanitize=all $asked \\
  -target ${target.split("-")[0]}-linux-gnu.${GLIBC_FLOOR} "$@" || exit
if [ "$own" ]; then strip --strip-debug "$out"; fi`,
  );
  const env = {
    [`CC_${name}`]: compiler,
    [`CARGO_TARGET_${name.toUpperCase()}_LINKER`]: compiler,
    ZIG_GLOBAL_CACHE_DIR: join(HERE, "zig"),
    ZIG_LOCAL_CACHE_DIR: join(HERE, "zig"),
  };
  return { env, args: ["--target", target], folder: join(folder, target, "release") };
}

/** A Python environment with zig and cargo-zigbuild. */
function zig() {
  const python = join(HERE, "python");
  const wanted = readFileSync(join(ROOT, "platforms/requirements.txt"), "utf8");
  const stamp = join(python, "requirements.txt");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  console.log("==> zig and cargo-zigbuild from PyPI");
  mkdirSync(HERE, { recursive: true });
  run(process.env.PYTHON ?? "python3", ["-m", "venv", "--clear", python]);
  const requirements = join(ROOT, "platforms/requirements.txt");
  run(join(python, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
  writeFileSync(stamp, wanted);
  return python;
}

/** The version of a package that requirements.txt names. */
function version(name) {
  const wanted = readFileSync(join(ROOT, "platforms/requirements.txt"), "utf8");
  return new RegExp(`^${name}==(.*)$`, "m").exec(wanted)[1];
}

/** Writes an executable shell script. */
function writeProgram(path, text) {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

function sysroot() {
  return execFileSync("rustc", ["--print", "sysroot"], { cwd: ROOT, encoding: "utf8" }).trim();
}

/** A rustc that has the source of its standard library beside it: rustup's, or Debian's in a folder of ours. */
function rustWithSource(target) {
  const source = "lib/rustlib/src/rust/library/Cargo.lock";
  if (existsSync(join(sysroot(), source))) return join(sysroot(), "bin/rustc");
  const wrapper = join(HERE, "rust/rustc");
  const objcopy = join(RUST_TOOLS, "rust-objcopy");
  if (existsSync(wrapper) && existsSync(objcopy)) return wrapper;
  if (!hasDebianRust()) {
    fail(
      `Rust's standard library for ${target} is missing: rustup target add ${target}, or rustup component add ` +
        "rust-src. " +
        "On Debian with the package index up to date (apt-get update), its packages are fetched by themselves.",
    );
  }
  console.log("==> Rust's standard library as source, from Debian");
  const packages = join(HERE, "debian");
  rmSync(join(HERE, "rust"), { recursive: true, force: true });
  mkdirSync(packages, { recursive: true });
  run("apt-get", ["download", "-qq", ...DEBIAN], packages);
  for (const file of readdirSync(packages)) run("dpkg", ["-x", join(packages, file), join(HERE, "rust")]);
  rmSync(packages, { recursive: true });
  const libraries = join(RUST, "lib/x86_64-linux-gnu");
  mkdirSync(RUST_TOOLS);
  const programs = { [wrapper]: "bin/rustc", [objcopy]: "lib/llvm-22/bin/llvm-objcopy" };
  for (const [path, program] of Object.entries(programs)) {
    writeProgram(path, `LD_LIBRARY_PATH='${libraries}' exec '${join(RUST, program)}' "$@"`);
  }
  return wrapper;
}

function hasDebianRust() {
  try {
    return /Candidate: \d/.test(execFileSync("apt-cache", ["policy", DEBIAN[0]], { encoding: "utf8" }));
  } catch {
    return false;
  }
}

/** A library without content: napi's build script wants one to link on Windows, and napi finds Node by itself there. */
function libnode() {
  const folder = join(HERE, "libnode");
  mkdirSync(folder, { recursive: true });
  for (const name of ["libnode.dll", "libnode.dll.a", "libnode.a"]) writeFileSync(join(folder, name), "!<arch>\n");
  return folder;
}

/**
 * Writes a linker that exports the symbols that rustc lists. cargo-zigbuild drops the list if `-Wl,` stands before it,
 * since it expects zig to export everything. But zig does not, because some symbols of aws-lc are marked for export.
 */
function windowsLinker(target) {
  const linker = join(HERE, `link-${target}`);
  writeProgram(
    linker,
    `for argument do
  shift
  case $argument in -Wl,*/list.def) argument=\${argument#-Wl,} ;; esac
  set -- "$@" "$argument"
done
exec cargo-zigbuild zig cc -- -fno-sanitize=all -target ${target.split("-")[0]}-windows-gnu "$@"`,
  );
  return linker;
}

function run(command, args, cwd = ROOT) {
  try {
    execFileSync(command, args, { cwd, stdio: "inherit" });
  } catch (error) {
    fail(`${command} ${args.join(" ")} failed: ${error.message.split("\n")[0]}`);
  }
}
