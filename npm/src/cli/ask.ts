import { createInterface } from "node:readline";
import { CommandFailure, EXIT, UsageError } from "./exit.js";

const { stdin, stderr } = process;

/** Asks for a new password: twice without echo at a terminal, else the first line of standard input. */
export async function readPassword(): Promise<string> {
  const password = stdin.isTTY ? await typedTwice() : await firstLine();
  if (!password)
    throw new UsageError("no password was given: type it when asked, or pass it as the first line of standard input");
  return password;
}

/** Asks before a command destroys something. `--yes` answers in advance, and is required without a terminal. */
export async function confirm(question: string, { yes }: Record<string, string>): Promise<void> {
  if (yes) return;
  if (!stdin.isTTY) throw new UsageError("this destroys something and nobody can be asked: confirm it by --yes");
  const answer = await ask(`${question} [y/N] `, true);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailure("NOT_CONFIRMED", "not confirmed: nothing was changed");
}

async function typedTwice(): Promise<string> {
  const password = await ask("Password: ", false);
  if (password && (await ask("Password again: ", false)) !== password) throw new UsageError("the two passwords differ");
  return password;
}

/** Asks on standard error, so that standard output holds the result alone. */
async function ask(prompt: string, echo: boolean): Promise<string> {
  const lines = createInterface({ input: stdin, output: stderr, terminal: true });
  stderr.write(prompt);
  if (!echo) (lines as unknown as { _writeToOutput: () => void })._writeToOutput = () => {};
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(""));
      lines.once("SIGINT", () => reject(new CommandFailure("INTERRUPTED", "interrupted", EXIT.interrupted)));
    });
  } finally {
    lines.close();
    if (!echo) stderr.write("\n");
  }
}

/** The bytes before the first line feed. A password that is no UTF-8 is refused, not changed. */
async function firstLine(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) {
    chunks.push(chunk as Buffer);
    if ((chunk as Buffer).includes(10)) break;
  }
  const all = Buffer.concat(chunks);
  const end = all.indexOf(10);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      end < 0 ? all : all.subarray(0, end),
    );
    return text.replace(/\r$/, "");
  } catch {
    throw new UsageError("the password on standard input is not UTF-8");
  }
}
