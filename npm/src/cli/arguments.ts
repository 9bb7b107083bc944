import { readFileSync } from "node:fs";
import { UsageError } from "./exit.js";

/** A flag of a command. */
export interface Flag {
  /** The name of the flag's value, for the help. A switch has none. */
  value?: string;
  help: string;
  /** The environment variable that may stand in for the flag. */
  env?: string;
  default?: string;
  /** Whether it may be given several times; its values are then one list, separated by commas. */
  repeats?: boolean;
  /** The value of the flag if it is written without a value. If that is `on`, `--no-name` means `off`. */
  implied?: string;
  /** Whether the core reads the variable and the default, as it does for all flags of `serve`. */
  settled?: boolean;
}

/** Reads `--name value` and `--name=value`; `--` ends the flags. Unknown flags are errors with a suggestion. */
export function parseFlags(
  args: readonly string[],
  flags: Record<string, Flag>,
): { values: Record<string, string>; rest: string[] } {
  const values: Record<string, string> = {};
  const rest: string[] = [];
  const given = new Set<string>();
  for (const [name, flag] of Object.entries(flags)) {
    if (flag.settled) continue;
    const value = preset(name, flag, flags) || flag.default;
    if (value !== undefined) values[name] = value;
  }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      rest.push(arg);
      continue;
    }
    if (!arg.startsWith("--"))
      throw new UsageError(
        `${arg} is not a flag: flags are written --name, and -h and -v stand for --help and --version`,
      );
    const at = arg.indexOf("=");
    const name = nameOf(arg.slice(2, at < 0 ? undefined : at), flags);
    const flag = flags[name];
    if (!flag) throw new UsageError(`--${name} is not a flag${suggest(name, Object.keys(flags))}`);
    if (flag.value === undefined || isNegative(arg, name)) {
      if (at >= 0) throw new UsageError(`${arg.slice(0, at)} takes no value`);
      values[name] = flag.value === undefined ? "true" : "off";
      continue;
    }
    // A word that begins with -- is not taken as a value, unless it is written --name=value.
    const follows = args[i + 1]?.startsWith("--") ? undefined : args[i + 1];
    const value = at >= 0 ? arg.slice(at + 1) : (follows ?? flag.implied);
    if (value === undefined) throw new UsageError(`--${name} needs a value: ${flag.value}`);
    if (at < 0 && follows !== undefined) i++;
    values[name] = flag.repeats && given.has(name) ? `${values[name]},${value}` : value;
    given.add(name);
  }
  return { values, rest };
}

/**
 * Reads the value of a flag from its variable, or from the file that the variable with `_FILE` behind its name gives,
 * since secrets of Docker, Kubernetes and systemd are files. If there is a flag `--name-file`, it owns that variable.
 */
function preset(name: string, { env }: Flag, flags: Record<string, Flag>): string | undefined {
  if (env === undefined) return undefined;
  const path = process.env[`${env}_FILE`];
  if (process.env[env] || !path || Object.hasOwn(flags, `${name}-file`)) return process.env[env];
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)).replace(/[\r\n]+$/, "");
  } catch (error) {
    const reason = error instanceof TypeError ? "no text in UTF-8" : /^\w+: (.*?),/.exec((error as Error).message)?.[1];
    throw new UsageError(`${env}_FILE names ${path}, which can't be read: ${reason}`);
  }
}

/** Returns whether the flag is written with `no-` before its name. */
function isNegative(arg: string, name: string): boolean {
  return arg.startsWith(`--no-${name}`) && !arg.startsWith(`--${name}`);
}

/** The name of a flag; that of a switch may be written with `no-` before it. */
function nameOf(name: string, flags: Record<string, Flag>): string {
  const positive = name.replace(/^no-/, "");
  return flags[name] === undefined && flags[positive]?.implied === "on" ? positive : name;
}

/** `: did you mean --port?` */
export function suggest(name: string, known: readonly string[], prefix = "--"): string {
  const nearest = known.map((word) => [distance(word, name), word] as const).sort((a, b) => a[0] - b[0])[0];
  return nearest && nearest[0] <= 3 ? `: did you mean ${prefix}${nearest[1]}?` : "";
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The help lines of flags. */
export function describeFlags(flags: Record<string, Flag>): string {
  const left = Object.entries(flags).map(([name, flag]) => `--${name}${flag.value ? ` <${flag.value}>` : ""}`);
  const width = Math.max(...left.map((text) => text.length)) + 2;
  return Object.values(flags)
    .map((flag, i) => {
      const more = [flag.default && `default ${flag.default}`, flag.env && `or ${flag.env}`].filter(Boolean).join(", ");
      return `  ${left[i]!.padEnd(width)}${flag.help}${more ? ` (${more})` : ""}`;
    })
    .join("\n");
}
