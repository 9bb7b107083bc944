#!/usr/bin/env node
import { SentriError } from "../errors.js";
import { UsageError, describeFlags, parseFlags, suggest } from "./arguments.js";
import { createUser, doctor, keys, migrate, openapi, type Command } from "./commands.js";
import { explain } from "./explain.js";
import * as serve from "./serve.js";

const commands: Record<string, Command> = { serve, migrate, keys, "create-user": createUser, doctor, openapi };

function help(): string {
  const rows = Object.entries(commands).map(([name, command]) => `  ${name.padEnd(14)}${command.summary}`);
  return `sentri: auth for services\n\n${rows.join("\n")}\n\nsentri <command> --help tells more.`;
}

async function main(args: string[]): Promise<void> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "help") return console.log(help());
  if (name === "--version") return console.log((require("../../package.json") as { version: string }).version);
  const command = commands[name];
  if (!command) throw new UsageError(`${name} is not a command${suggest(name, Object.keys(commands), "")}`);
  if (rest.includes("--help")) {
    return console.log(`sentri ${command.usage ?? name}: ${command.summary}\n\n${describeFlags(command.flags)}`);
  }
  const { values, rest: words } = parseFlags(rest, command.flags);
  if (words.length > 0 && !command.usage) throw new UsageError(`${words[0]} is one word too many`);
  await command.run(values, words);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError) {
    console.error(`sentri: ${error.message}\n\`sentri --help\` lists the commands.`);
    process.exitCode = 2;
  } else {
    console.error(`sentri: ${error instanceof SentriError ? explain(error) : String((error as Error)?.stack ?? error)}`);
    process.exitCode = 1;
  }
});
