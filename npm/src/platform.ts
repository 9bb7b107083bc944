import { fs } from "./builtins.js";
import type { NativeModule } from "./native.js";

/** The platforms of this release. Each has a package, `sentri-<platform>`, which {@link requirePackage} names. */
export const PLATFORMS = ["linux-x64-gnu"];

/**
 * The package of a platform, if it can be loaded; `failed` is told why not. The names stand here in full, so that what
 * traces files (@vercel/nft) takes the native core along, and inside of `try`, so that bundlers go on without it.
 */
export function requirePackage(platform: string, failed: (cause: unknown) => void): NativeModule | undefined {
  try {
    if (platform === "linux-x64-gnu") return require("sentri-linux-x64-gnu") as NativeModule;
  } catch (cause) {
    failed(cause);
  }
  return undefined;
}

/** This machine's platform: operating system, processor, C library. */
export function platformName(): string {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  if (platform === "win32") return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

/** The name of this machine's platform package. */
export function platformPackage(): string {
  return `sentri-${platformName()}`;
}

function isMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  if (report?.header) return !report.header.glibcVersionRuntime;
  try {
    return fs.readFileSync("/usr/bin/ldd", "utf8").includes("musl");
  } catch {
    return false;
  }
}
