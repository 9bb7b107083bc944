// The name of this machine's platform package, as the loader looks for it.
import { readFileSync } from "node:fs";

export function triple() {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  if (platform === "win32") return `win32-${arch}-msvc`;
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
