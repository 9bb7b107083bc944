import { UsageError } from "./exit.js";

/** A flag of a command. */
export interface Flag {
  /** The name of its value, for the help; none for a switch. */
  value?: string;
  help: string;
  /** Environment variable that stands in for it. */
  env?: string;
  default?: string;
  /** Whether it may be given several times; its values are then one list, separated by commas. */
  repeats?: boolean;
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
    const set = flag.env === undefined ? undefined : process.env[flag.env];
    const value = set !== undefined && set !== "" ? set : flag.default;
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
    const name = arg.slice(2, at < 0 ? undefined : at);
    const flag = flags[name];
    if (!flag) throw new UsageError(`--${name} is not a flag${suggest(name, Object.keys(flags))}`);
    if (flag.value === undefined) {
      if (at >= 0) throw new UsageError(`--${name} takes no value`);
      values[name] = "true";
      continue;
    }
    const value = at < 0 ? args[++i] : arg.slice(at + 1);
    if (value === undefined) throw new UsageError(`--${name} needs a value: ${flag.value}`);
    values[name] = flag.repeats && given.has(name) ? `${values[name]},${value}` : value;
    given.add(name);
  }
  return { values, rest };
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
