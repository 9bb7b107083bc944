// Builds the native core and puts it where the package looks first: npm/native/sentri.<platform>.node.
// --dev: without optimisation and by this system's linker, for a quick look.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { native } from "../../platforms/toolchain.mjs";
import { triple } from "./platform.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const dev = process.argv.includes("--dev");
const { env, args, folder } = dev ? { env: {}, args: [], folder: join(root, "target/debug") } : native();
execFileSync("cargo", ["build", "-p", "sentri-node", ...(dev ? [] : ["--release"]), ...args], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, ...env },
});

const names = { linux: "libsentri_node.so", darwin: "libsentri_node.dylib", win32: "sentri_node.dll" };
const built = join(folder, names[process.platform]);
if (!existsSync(built)) throw new Error(`${built} is not there: does cargo build into another folder?`);
mkdirSync(join(root, "npm/native"), { recursive: true });
const place = join(root, `npm/native/sentri.${triple()}.node`);
// A running process may have mapped the old file, so this makes a new file instead of writing into the old one.
rmSync(place, { force: true });
copyFileSync(built, place);
