// Makes Python wheels for other platforms from the wheel of `make wheel`.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PLATFORMS } from "../npm/scripts/platform.mjs";
import { HERE, ROOT, fail } from "./toolchain.mjs";

/** Writes this machine's wheel with another platform's library and tag. Its Python code is the same everywhere. */
export function makeWheel(name) {
  const { wheel, prefix, suffix } = PLATFORMS[name];
  const made = join(ROOT, "target/wheels");
  const base = existsSync(made) ? readdirSync(made).find((file) => file.endsWith(".whl")) : undefined;
  if (!base) fail("There is no wheel to start from: make wheel");
  const stage = join(HERE, "stage");
  rmSync(stage, { recursive: true, force: true });
  const run = (...args) => execFileSync(join(HERE, "python/bin/wheel"), args, { cwd: ROOT, stdio: "pipe" });
  run("unpack", join(made, base), "--dest", stage);
  const [folder] = readdirSync(stage);
  const native = join(stage, folder, "sentri/_native");
  for (const file of readdirSync(native)) if (/\.(so|dylib|dll)$/.test(file)) rmSync(join(native, file));
  copyFileSync(join(HERE, "cores", `sentri.${name}${suffix}`), join(native, `${prefix}sentri_native${suffix}`));
  run("pack", join(stage, folder), "--dest-dir", stage);
  const packed = readdirSync(stage).find((file) => file.endsWith(".whl"));
  run("tags", "--remove", "--platform-tag", wheel, join(stage, packed));
  mkdirSync(join(HERE, "wheels"), { recursive: true });
  const tagged = readdirSync(stage).find((file) => file.endsWith(".whl"));
  copyFileSync(join(stage, tagged), join(HERE, "wheels", tagged));
  rmSync(stage, { recursive: true });
  console.log(tagged);
}
