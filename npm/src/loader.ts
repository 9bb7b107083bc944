import { fs, modules, path } from "./builtins.js";
import { SentriError } from "./errors.js";
import type { NativeModule } from "./generated/native.js";
import { platformName, platformPackage, releasedPlatforms, requirePackage } from "./platform.js";

/** The path of this file. In a bundle it is the path of the bundle, or `undefined`. */
const HERE = typeof __filename === "string" ? __filename : undefined;

/** A place that was tried, and the cause of its failure. */
interface Attempt {
  what: string;
  cause: unknown;
}

let loaded: NativeModule | undefined;

/**
 * Loads the native core: a local build first, then the platform package.
 *
 * @throws SentriError `CONFIGURATION_ERROR` that explains why it can't be loaded, with the cure
 */
export function loadNative(): NativeModule {
  if (loaded) return loaded;
  const attempts: Attempt[] = [];
  for (const [what, load] of ways()) {
    const failed = (cause: unknown) => attempts.push({ what, cause });
    try {
      loaded = load(failed);
    } catch (cause) {
      failed(cause);
    }
    if (loaded) return loaded;
  }
  const causes = attempts.map(({ what, cause }) => `${what}: ${firstLine(cause)}`);
  const message = `The native core of sentri ${problem(attempts)}${forDeno()}`;
  throw new SentriError("CONFIGURATION_ERROR", message, 500, { attempts: causes });
}

function firstLine(cause: unknown): string {
  return cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
}

type Way = readonly [what: string, load: (failed: (cause: unknown) => void) => NativeModule | undefined];

function* ways(): Generator<Way> {
  const [platform, name] = [platformName(), platformPackage()];
  if (!isBundled()) yield localBuild(platform);
  yield [name, (failed) => requirePackage(platform, failed)];
  for (const place of places()) {
    yield [`${name} from ${place}`, () => requireFrom(place, name)];
    yield besides(place);
  }
}

function localBuild(platform: string): Way {
  const file = path.join(path.dirname(HERE!), `../native/sentri.${platform}.node`);
  return [file, () => (fs.existsSync(file) ? realRequire(file)(file) : undefined)];
}

/** Loads a copy of the native core that lies beside a bundle. */
function besides(place: string): Way {
  const file = path.join(path.dirname(place), "sentri.node");
  return [file, () => (fs.existsSync(file) ? realRequire(file)(file) : undefined)];
}

/** The files from which the package is looked up by its name: this file, and the program that was started. */
function places(): string[] {
  return [...new Set([HERE, process.argv[1]].flatMap(realPath))];
}

/** Returns the real path of a file, if it has one: files inside a single executable (Bun, Node) have none. */
function realPath(file: string | undefined): string[] {
  try {
    return file !== undefined && path.isAbsolute(file) ? [fs.realpathSync(file)] : [];
  } catch {
    return [];
  }
}

/**
 * Loads the package as seen from a file. With pnpm, packages see only their own dependencies, so only sentri sees the
 * native core. A tracer of files may have copied the core without the rest of its package.
 */
function requireFrom(place: string, name: string): NativeModule {
  const load = realRequire(place);
  const own = resolved(load, "sentri/package.json");
  const beside = own && resolved(realRequire(own), name);
  const found = resolved(load, name) ?? resolved(load, `${name}/sentri.node`) ?? beside;
  return load(found ?? name) as NativeModule;
}

function resolved(load: NodeJS.Require, name: string): string | undefined {
  try {
    return load.resolve(name);
  } catch {
    return undefined;
  }
}

/** A `require` that bundlers leave alone. */
function realRequire(place: string): NodeJS.Require {
  return modules.createRequire(place);
}

function isBundled(): boolean {
  return HERE === undefined || path.basename(HERE) !== "loader.js" || !fs.existsSync(HERE);
}

/** Explains why there is no native core, with the cure. */
function problem(attempts: readonly Attempt[]): string {
  const broken = attempts.find(({ cause }) => (cause as { code?: unknown } | null)?.code === "ERR_DLOPEN_FAILED");
  if (broken) {
    const why = firstLine(broken.cause);
    const isOld = why.includes("GLIBC");
    const old = isOld ? " The C library of this system is older than the one that it was built for." : "";
    return `is there and can't be loaded: ${why}.${old} \`npx sentri doctor\` tells more.`;
  }
  if (isBundled()) {
    return (
      "can't be found from inside a bundle. Leave sentri out of it (Next.js: serverExternalPackages: " +
      '["sentri"]; esbuild, Rollup: external; webpack: externals), and deploy node_modules with it. ' +
      "See docs/guide/bundlers.md of sentri."
    );
  }
  const released = releasedPlatforms();
  if (!released.includes(platformName())) {
    const there = released.join(", ");
    return (
      `is not built for this platform, ${platformName()}: this release has it for ${there}. ` +
      "Server mode, idempotency keys and password functions need it; client mode works without it."
    );
  }
  return (
    `is not installed: the package ${platformPackage()} is missing. npm leaves out optional packages when ` +
    "node_modules or package-lock.json were made on another system (npm/cli#4828). Cure: delete both and run " +
    `\`npm install\` again, or \`npm install ${platformPackage()}\`. \`npx sentri doctor\` tells more.`
  );
}

function forDeno(): string {
  if (!("Deno" in globalThis)) return "";
  return " Deno also needs leave to load it: --allow-ffi, --allow-read, --allow-env, --allow-sys.";
}
