// Installs the packages of a folder for this machine's platform as any user would, and uses them: tarballs by npm with
// `sentri serve` of Node, the wheel by pip. Prints the result. Without Python, or with --node, the wheel is left out.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { triple } from "../npm/scripts/platform.mjs";
import { conversation, EXPECTED } from "./conversation.mjs";

const { values, positionals } = parseArgs({ options: { node: { type: "boolean" } }, allowPositionals: true });
const isWindows = process.platform === "win32";
const [tarballs, wheels] = positionals.map((folder) => resolve(folder));
const folder = mkdtempSync(join(tmpdir(), "sentri-try-"));
try {
  await tryNode();
  const python = ["python3", "python"].find((name) => spawnSync(name, ["-c", "import venv, ensurepip"]).status === 0);
  if (python && !values.node) tryPython(python);
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function tryNode() {
  const own = readdirSync(tarballs).filter((file) => /^sentri-\d/.test(file) || file.startsWith(`sentri-${triple()}-`));
  if (own.length !== 2) throw new Error(`${tarballs} has no packages for ${triple()}: ${own}`);
  writeFileSync(join(folder, "package.json"), "{}");
  const files = own.map((file) => join(tarballs, file));
  run("npm", ["install", "--no-audit", "--no-fund", ...files], { shell: isWindows });
  const server = spawn(process.execPath, [
    join(folder, "node_modules/sentri/dist/cli/main.js"),
    ...["serve", "--port", "0", "--db", "sqlite::memory:"],
  ]);
  try {
    const statuses = await conversation(await address(server));
    judge(`Node ${process.version}`, statuses);
  } finally {
    server.kill("SIGKILL");
  }
}

function tryPython(python) {
  const venv = join(folder, "venv");
  run(python, ["-m", "venv", venv]);
  const bin = join(venv, isWindows ? "Scripts" : "bin");
  // pip chooses the wheel of this platform by its tag.
  run(join(bin, "pip"), ["install", "--quiet", "--no-index", "--find-links", wheels, "sentri"]);
  const program = join(folder, "use.py");
  copyFileSync(fileURLToPath(new URL("use.py", import.meta.url)), program);
  const said = execFileSync(join(bin, "python"), [program], { cwd: folder, encoding: "utf8" });
  const { python: version, statuses } = JSON.parse(said);
  judge(`Python ${version}`, statuses);
}

function judge(runtime, statuses) {
  if (statuses.join() !== EXPECTED.join()) throw new Error(`${triple()}, ${runtime}: ${statuses}, not ${EXPECTED}`);
  console.log(`${triple()}, ${runtime}: registered, logged in, known by /me`);
}

function run(command, args, more = {}) {
  execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"], ...more });
}

/** Resolves to the address that a server names when it listens. */
function address(server) {
  let said = "";
  return new Promise((resolve, reject) => {
    const hear = (chunk) => {
      said += chunk;
      const found = /http:\/\/[\d.]+:\d+/.exec(said);
      if (found) resolve(found[0]);
    };
    server.stdout.on("data", hear);
    server.stderr.on("data", hear);
    server.on("exit", (code) => reject(new Error(`sentri serve ended with ${code}: ${said}`)));
  });
}
