#!/usr/bin/env node
import { describeFlags, parseFlags } from "./arguments.js";
import type { Command } from "./command.js";
import { COMMANDS, find, verbsOf } from "./commands.js";
import { EXIT, UsageError, report } from "./exit.js";
import { withFile } from "./file.js";
import { columns, paint, print } from "./output.js";

const HELP = ["--help", "-h"];

function help(names: readonly string[]): string {
  const rows = names.map((name) => [`  ${name}`, COMMANDS[name]!.summary]);
  const title = `${paint("sentri", "bold")}: auth for services`;
  return `${title}\n\n${columns(rows).join("\n")}\n\nsentri <command> --help tells more.`;
}

function usage(name: string, { words = [], summary, flags }: Command): string {
  const places = words.map((word) => (word.endsWith("?") ? ` [${word.slice(0, -1)}]` : ` <${word}>`)).join("");
  return `${paint(`sentri ${name}${places}`, "bold")}: ${summary}\n\n${describeFlags(flags)}`.trimEnd();
}

/** Returns the text that `help`, `--help` or `-h` asks for, if any. */
function helpFor(args: readonly string[]): string | undefined {
  const [first] = args;
  if (first === undefined) return help(Object.keys(COMMANDS));
  const asked = first === "help" ? args.slice(1) : args;
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  if (first !== "help" && !before.some((arg) => HELP.includes(arg))) return undefined;
  const words = asked.filter((arg) => !HELP.includes(arg));
  if (words.length === 0) return help(Object.keys(COMMANDS));
  const verbs = verbsOf(words[0]!);
  if (verbs.length > 0 && !verbs.includes(words[1] ?? "")) return help(verbs.map((verb) => `${words[0]} ${verb}`));
  const { name, command } = find(words);
  return usage(name, command);
}

/** Checks that a command has the words that it needs, and no more than it takes. */
function checkWords(name: string, wanted: readonly string[] = [], words: readonly string[]): void {
  const missing = wanted.slice(words.length).find((word) => !word.endsWith("?"));
  if (missing) throw new UsageError(`${name} needs a ${missing}: see sentri ${name} --help`);
  if (words.length > wanted.length) throw new UsageError(`${words[wanted.length]} is one word too many`);
}

async function main(args: readonly string[]): Promise<number> {
  const asked = helpFor(args);
  if (asked !== undefined) return console.log(asked) ?? EXIT.done;
  if (args[0] === "--version" || args[0] === "-v") {
    return console.log((require("../../package.json") as { version: string }).version) ?? EXIT.done;
  }
  const { name, command, rest } = find(args);
  const { values, rest: words } = parseFlags(rest, command.flags);
  checkWords(name, command.words, words);
  const result = await command.run(withFile(command.flags, values), words);
  if (result) print(result, values.json !== undefined);
  return result?.exitCode ?? EXIT.done;
}

/** Reports an error on standard error, as JSON where `--json` was asked for. */
function fail(error: unknown, json: boolean): number {
  const { code, message, exitCode } = report(error);
  if (json) {
    console.error(JSON.stringify({ error: { code, message }, exitCode }));
    return exitCode;
  }
  const shown = /^(USAGE|FAILED)$/.test(code) ? message : `${code}: ${message}`;
  console.error(`${paint("sentri:", "red", process.stderr)} ${shown}`);
  if (code === "USAGE") console.error("`sentri --help` lists the commands.");
  return exitCode;
}

// A reader that closes the pipe early, such as `head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? EXIT.done : EXIT.failed),
);

const args = process.argv.slice(2);
main(args)
  .catch((error: unknown) => fail(error, args.includes("--json")))
  .then((code) => {
    process.exitCode = code;
  });
