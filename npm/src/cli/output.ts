import type { Writable } from "node:stream";

/** The result of a command: a value for `--json`, and lines for a person. */
export interface Result {
  value: unknown;
  lines: string[];
  exitCode?: number;
}

const COLOURS = { bold: 1, red: 31, green: 32, dim: 2 } as const;

/**
 * Whether a stream takes colours: terminals do, unless `NO_COLOR` is set or `TERM` is `dumb`; `FORCE_COLOR` makes pipes
 * take them.
 */
export function isColoured(stream: Writable & { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return stream.isTTY === true && env.TERM !== "dumb";
}

/** Returns a text in a colour, if the stream takes colours. */
export function paint(text: string, colour: keyof typeof COLOURS, stream: Writable = process.stdout): string {
  return isColoured(stream) ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** Rows in columns of equal width. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
}

/** Returns a stored text without the characters that could control a terminal. */
export function harmless(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** Prints a result: JSON in one line, or its lines. */
export function print({ value, lines }: Result, json: boolean): void {
  const text = json ? JSON.stringify(value) : lines.join("\n");
  if (text !== "") process.stdout.write(`${text}\n`);
}
