// A project of a user's: an empty folder with the tarballs of `make pack` and what else it names.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Takes the port that a program asks for away from it, and says which it got: two of them may run at once. */
const ANY_PORT = `
const { Server } = require("node:net");
const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  const at = typeof args[0] === "object" ? { ...args[0], port: 0 } : 0;
  this.once("listening", () => process.send({ port: this.address().port }));
  return listen.call(this, at, ...args.slice(1));
};
process.on("message", () => process.exit(0));
`;

/** Makes the project; `packages` are npm specifiers. `native: false`: on a platform without a native core; `flags`: of npm. */
export function makeConsumer(packages, { native = true, flags = [] } = {}) {
  const tarballs = join(root, "target/npm");
  const files = readdirSync(tarballs)
    .filter((name) => name.endsWith(".tgz"))
    .map((name) => join(tarballs, name));
  assert.equal(files.length, 2, "make pack leaves the package and the package of this platform");
  if (native) return new Consumer([...flags, ...files, ...packages]);
  return new Consumer([
    "--omit=optional",
    ...flags,
    ...files.filter((name) => /\/sentri-[0-9][^/]*$/.test(name)),
    ...packages,
  ]);
}

class Consumer {
  folder = mkdtempSync(join(tmpdir(), "sentri-consumer-"));

  constructor(installed) {
    this.write("package.json", '{ "name": "consumer", "private": true }');
    this.install(...installed);
  }

  /** Installs more packages. */
  install(...packages) {
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages], {
      cwd: this.folder,
      stdio: "pipe",
    });
  }

  path(...parts) {
    return join(this.folder, ...parts);
  }

  read(name) {
    return readFileSync(this.path(name), "utf8");
  }

  json(name) {
    return JSON.parse(this.read(name));
  }

  write(name, text) {
    writeFileSync(this.path(name), text);
  }

  /** Says whether its files are ESM or CommonJS. */
  setType(type) {
    this.write("package.json", JSON.stringify({ ...this.json("package.json"), type }, null, 2));
  }

  /** Type-checks files under strict, declaration and composite, and leaves their JavaScript in `out`. */
  compile(files, { module, skipLibCheck = false, types = [], ...more }) {
    const compilerOptions = {
      strict: true,
      declaration: true,
      composite: true,
      skipLibCheck,
      target: "ES2022",
      types,
      outDir: "out",
      module,
      moduleResolution: module,
      esModuleInterop: true,
      ...more,
    };
    this.write("tsconfig.json", JSON.stringify({ compilerOptions, files }));
    rmSync(this.path("tsconfig.tsbuildinfo"), { force: true });
    try {
      execFileSync(process.execPath, [this.path("node_modules/typescript/bin/tsc"), "-p", this.folder], {
        cwd: this.folder,
        encoding: "utf8",
        stdio: "pipe",
      });
    } catch (error) {
      assert.fail(`${files} as ${module}: ${error.stdout}`);
    }
  }

  /** Runs a file to its end and answers its output. */
  run(file, { args = [], env = {} } = {}) {
    return execFileSync(process.execPath, [...args, this.path(file)], {
      cwd: this.folder,
      encoding: "utf8",
      env: { ...process.env, ...env },
      timeout: 60_000,
    });
  }

  /** Starts a file that listens, on any port; answers its address, and what ends it. */
  async start(file, env = {}) {
    this.write("any-port.cjs", ANY_PORT);
    const args = ["--require", this.path("any-port.cjs"), this.path(file)];
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const said = { errors: "" };
    child.stderr.on("data", (chunk) => (said.errors += chunk));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const stop = async () => {
      child.disconnect?.();
      // Elysia's adapter takes the signal to end for itself, and a pool that is open then keeps the process.
      child.kill("SIGKILL");
      await ended;
    };
    const port = await Promise.race([
      new Promise((resolve) => child.once("message", (message) => resolve(message.port))),
      ended,
    ]);
    if (port > 0 && child.exitCode === null) return { base: `http://127.0.0.1:${port}`, stop, said };
    await stop();
    return assert.fail(`${file} does not listen: ${said.errors}`);
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
