// The platforms that packages are made for, and the name of this machine's platform as the loader spells it.
import { readFileSync } from "node:fs";

const linux = (cpu, libc, target, wheel) => ({ os: "linux", cpu, libc, target, wheel, prefix: "lib", suffix: ".so" });
const darwin = (cpu, target, wheel) => ({ os: "darwin", cpu, target, wheel, prefix: "lib", suffix: ".dylib" });
const windows = (cpu, target, wheel) => ({ os: "win32", cpu, target, wheel, prefix: "", suffix: ".dll" });
const glibc = (arch) => `manylinux2014_${arch}.manylinux_2_17_${arch}`;

/** The oldest glibc that packages for `gnu` run on. */
export const GLIBC_FLOOR = "2.17";

/** Returns whether a release of glibc, such as `2.34`, is newer than `GLIBC_FLOOR`. */
export const isAboveFloor = (release) => release.localeCompare(GLIBC_FLOOR, "en", { numeric: true }) > 0;

/** The oldest macOS that packages for macOS run on, by processor; the wheels' tags name the same versions. */
export const MACOS_FLOOR = { x86_64: "10.12", aarch64: "11.0" };

/**
 * The names that npm, cargo and pip have for each platform, by the end of the package's name, `sentri-<platform>`. The
 * machines that test it in a release are in RUNNERS.
 */
export const PLATFORMS = {
  "linux-x64-gnu": linux("x64", "glibc", "x86_64-unknown-linux-gnu", glibc("x86_64")),
  "linux-arm64-gnu": linux("arm64", "glibc", "aarch64-unknown-linux-gnu", glibc("aarch64")),
  "linux-x64-musl": linux("x64", "musl", "x86_64-unknown-linux-musl", "musllinux_1_2_x86_64"),
  "linux-arm64-musl": linux("arm64", "musl", "aarch64-unknown-linux-musl", "musllinux_1_2_aarch64"),
  "darwin-x64": darwin("x64", "x86_64-apple-darwin", "macosx_10_12_x86_64"),
  "darwin-arm64": darwin("arm64", "aarch64-apple-darwin", "macosx_11_0_arm64"),
  "win32-x64-gnullvm": windows("x64", "x86_64-pc-windows-gnullvm", "win_amd64"),
  "win32-arm64-gnullvm": windows("arm64", "aarch64-pc-windows-gnullvm", "win_arm64"),
};

/** The machines of GitHub Actions that can run a platform's programs. For musl, `matrix()` adds a container image. */
const RUNNERS = {
  "linux-x64": "ubuntu-latest",
  "linux-arm64": "ubuntu-24.04-arm",
  "darwin-x64": "macos-15-intel",
  "darwin-arm64": "macos-latest",
  "win32-x64": "windows-latest",
  "win32-arm64": "windows-11-arm",
};

/** The matrix of the release: a job for each platform, with the machines that build it and try it. */
export function matrix() {
  return Object.entries(PLATFORMS).map(([platform, { os, cpu, libc, target }]) => ({
    platform,
    target,
    // A release for macOS is linked by Apple's own linker and frameworks.
    builder: os === "darwin" ? "macos-latest" : "ubuntu-latest",
    runner: RUNNERS[`${os}-${cpu}`],
    image: libc === "musl" ? "node:24-alpine" : "",
  }));
}

/** This machine's platform. */
export function triple() {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  if (platform === "win32") return `win32-${arch}-gnullvm`;
  return `${platform}-${arch}`;
}

function isMusl() {
  const report = process.report?.getReport();
  if (report?.header) return !report.header.glibcVersionRuntime;
  try {
    return readFileSync("/usr/bin/ldd", "utf8").includes("musl");
  } catch {
    return false;
  }
}
