// Bun, Deno and edge runtimes from their npm packages, and processes that end with the test.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "./consumer.mjs";

const runtimes = join(root, "tests/runtimes/node_modules");
const { platform, arch } = process;
const { build } = createRequire(join(root, "npm/package.json"))("esbuild");

// Their wrappers want an install script to have run; what it would copy is there already.
const BINARIES = {
  bun: `@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}/bin/bun`,
  deno: `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}/deno`,
  workerd: `@cloudflare/workerd-${platform}-${arch === "x64" ? "64" : arch}/bin/workerd`,
};

/** The executable of a runtime. */
export function binary(runtime) {
  const path = join(runtimes, BINARIES[runtime]);
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm ci --ignore-scripts\` in tests/runtimes`);
  return path;
}

/** Bundles a program as the tools of a runtime do; answers what it took in. */
export async function bundle(folder, source, conditions, outfile = "bundle.js", format = "esm") {
  writeFileSync(join(folder, "entry.js"), source);
  const { metafile } = await build({
    entryPoints: [join(folder, "entry.js")],
    outfile: join(folder, outfile),
    absWorkingDir: folder,
    bundle: true,
    format,
    platform: "browser",
    target: "es2022",
    conditions,
    metafile: true,
    external: ["cloudflare:*"],
    logLevel: "silent",
  });
  return Object.keys(metafile.inputs);
}

/** Runs a program until the test ends. It says `listening PORT` when it is ready; answers its address. */
export async function start(t, command, args, { cwd, env = {}, fds = [] } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", ...fds],
  });
  const said = [];
  t.after(
    () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", resolve);
        child.kill();
      }),
  );
  const port = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${command} did not listen:\n${said.join("\n")}`)), 30_000);
    for (const stream of child.stdio.slice(1)) {
      createInterface({ input: stream }).on("line", (line) => {
        said.push(line);
        const found = /^listening (\d+)$|"event":"listen".*"port":(\d+)/.exec(line);
        if (found) {
          clearTimeout(timer);
          resolve(found[1] ?? found[2]);
        }
      });
    }
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`${command} ended with ${code}:\n${said.join("\n")}`));
    });
  });
  return { base: `http://127.0.0.1:${port}`, said, child };
}

/** Serves a bundle by Vercel's edge runtime, in this process; answers its address. */
export async function startEdgeRuntime(t, folder, file) {
  const { EdgeRuntime, runServer } = createRequire(join(runtimes, "../package.json"))("edge-runtime");
  const runtime = new EdgeRuntime({ initialCode: readFileSync(join(folder, file), "utf8") });
  const server = await runServer({ runtime, host: "127.0.0.1", port: 0 });
  t.after(() => server.close());
  return { base: server.url.replace(/\/$/, "") };
}

/** Serves a bundle by workerd. `text` are bindings. */
export async function startWorkerd(t, folder, file, text) {
  const bindings = Object.entries(text).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`);
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["local"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "${file}")],
  bindings = [${bindings.join(", ")}],
  compatibilityDate = "2026-01-01",
);
`,
  );
  return start(t, binary("workerd"), ["serve", "config.capnp", "--control-fd=3"], { cwd: folder, fds: ["pipe"] });
}
