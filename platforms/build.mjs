// Builds the native cores of all platforms that this system can link, or of the platforms that are named. Packs them,
// together with cores that were built before, as npm tarballs in target/platforms/npm and Python wheels in
// target/platforms/wheels. --dev builds without optimisation.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GLIBC_FLOOR, PLATFORMS } from "../npm/scripts/platform.mjs";
import { HERE, ROOT, fail, toolchain } from "./toolchain.mjs";
import { makeWheel } from "./wheel.mjs";

const { values, positionals } = parseArgs({ options: { dev: { type: "boolean" } }, allowPositionals: true });
const names = positionals.length > 0 ? positionals : Object.keys(PLATFORMS);
const cores = join(HERE, "cores");
const profile = values.dev ? "debug" : "release";

for (const name of names) {
  if (!PLATFORMS[name]) fail(`There is no platform ${name}. There are: ${Object.keys(PLATFORMS).join(", ")}`);
}
mkdirSync(cores, { recursive: true });
const built = names.filter(isBuilt);
const packed = Object.keys(PLATFORMS).filter((name) => existsSync(join(cores, `sentri.${name}.node`)));
if (packed.length > 0) {
  execFileSync(process.execPath, ["npm/scripts/pack.mjs", "--from", cores, "--out", join(HERE, "npm"), ...packed], {
    cwd: ROOT,
    stdio: "inherit",
  });
  rmSync(join(HERE, "wheels"), { recursive: true, force: true });
  for (const name of packed) makeWheel(name);
}
const missing = names.filter((name) => !built.includes(name));
if (missing.length > 0) fail(`not built: ${missing.join(", ")}. Their errors stand above; the others are packed.`);

/** Builds a platform. Returns whether that succeeded; a failure does not keep others from being built and packed. */
function isBuilt(name) {
  try {
    build(name);
    return true;
  } catch (error) {
    console.error(`==> ${name}: ${error.message}`);
    return false;
  }
}

/** Compiles both bindings for a platform, and puts its Node addon and its Python library into the folder of cores. */
function build(name) {
  const { target, prefix, suffix } = PLATFORMS[name];
  const { env, args } = toolchain(target);
  const triple = target.endsWith("-linux-gnu") ? `${target}.${GLIBC_FLOOR}` : target;
  const packages = ["-p", "sentri-node", "-p", "sentri-python"];
  for (const end of ["node", suffix.slice(1)]) rmSync(join(cores, `sentri.${name}.${end}`), { force: true });
  console.log(`==> ${name}: cargo zigbuild --target ${triple}`);
  execFileSync(
    "cargo",
    ["zigbuild", "--locked", ...(values.dev ? [] : ["--release"]), ...packages, ...args, "--target", triple],
    { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } },
  );
  const built = join(env.CARGO_TARGET_DIR, target, profile);
  copyFileSync(join(built, `${prefix}sentri_node${suffix}`), join(cores, `sentri.${name}.node`));
  copyFileSync(join(built, `${prefix}sentri_native${suffix}`), join(cores, `sentri.${name}${suffix}`));
}
