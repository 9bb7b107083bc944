import { fs } from "./builtins.js";
import type { NativeModule } from "./generated/native.js";

/** The platforms that can have a native core, in a package `sentri-<platform>` that {@link requirePackage} names. */
export const PLATFORMS = [
  "linux-x64-gnu",
  "linux-arm64-gnu",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64-gnullvm",
  "win32-arm64-gnullvm",
];

/** The platforms of this release: the packages that its own `package.json` names. */
export function releasedPlatforms(): string[] {
  try {
    const { optionalDependencies = {} } = require("../package.json") as { optionalDependencies?: object };
    const released = PLATFORMS.filter((platform) => `sentri-${platform}` in optionalDependencies);
    return released.length > 0 ? released : PLATFORMS;
  } catch {
    return PLATFORMS;
  }
}

/** The name of Webpack's loader, which is defined only in its bundles. */
declare const __webpack_require__: unknown;

/**
 * Loads the package of a platform. `failed` gets the cause of a failure. The names are written in full, so that tracers
 * of files (@vercel/nft) include the native core, and inside of `try`, so that bundlers continue without it. Webpack
 * drops this branch, since it would warn at every build of each package that is not installed. There the loader uses a
 * `require` from outside of the bundle.
 */
export function requirePackage(platform: string, failed: (cause: unknown) => void): NativeModule | undefined {
  try {
    if (typeof __webpack_require__ === "undefined") {
      if (platform === "linux-x64-gnu") return require("sentri-linux-x64-gnu") as NativeModule;
      if (platform === "linux-arm64-gnu") return require("sentri-linux-arm64-gnu") as NativeModule;
      if (platform === "linux-x64-musl") return require("sentri-linux-x64-musl") as NativeModule;
      if (platform === "linux-arm64-musl") return require("sentri-linux-arm64-musl") as NativeModule;
      if (platform === "darwin-x64") return require("sentri-darwin-x64") as NativeModule;
      if (platform === "darwin-arm64") return require("sentri-darwin-arm64") as NativeModule;
      if (platform === "win32-x64-gnullvm") return require("sentri-win32-x64-gnullvm") as NativeModule;
      if (platform === "win32-arm64-gnullvm") return require("sentri-win32-arm64-gnullvm") as NativeModule;
    }
  } catch (cause) {
    failed(cause);
  }
  return undefined;
}

/** This machine's platform: operating system, processor, C library. */
export function platformName(): string {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  if (platform === "win32") return `win32-${arch}-gnullvm`;
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
