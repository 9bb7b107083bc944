// Runs a command of cargo or maturin that compiles for this machine, in the environment of toolchain.mjs. Without a
// command, prints the folder that cargo compiles into.
import { spawnSync } from "node:child_process";
import { native } from "./toolchain.mjs";

const [command, ...given] = process.argv.slice(2);
const { env, args, folder } = native();
if (command) {
  const made = spawnSync(command, [...given, ...args], { stdio: "inherit", env: { ...process.env, ...env } });
  if (made.error) console.error(`${command}: ${made.error.message}`);
  process.exitCode = made.status ?? 1;
} else {
  console.log(folder);
}
