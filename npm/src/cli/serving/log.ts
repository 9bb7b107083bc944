import { harmless, paint } from "../output.js";

/** The levels, the least important first. */
export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];
export type Form = "json" | "pretty" | "off";
type Entry = Record<string, unknown>;

const COLOURS = { debug: "dim", info: "green", warn: "bold", error: "red" } as const;

/** W3C Trace Context, 3.2: an id of zeros alone is none, version ff is not allowed, and 00 ends behind the flags. */
const TRACEPARENT = /^(?!ff|00.{53}-)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** A logger for an auth server. It writes entries of its level and above: `json` an object a line, `pretty` words. */
export class Log {
  readonly info = (entry: Entry) => this.write("info", entry);
  readonly warn = (entry: Entry) => this.write("warn", entry);
  readonly error = (entry: Entry) => this.write("error", entry);

  constructor(
    private readonly form: Form,
    public level: Level,
  ) {}

  /** Whether entries of a level are written at all. */
  writes(level: Level): boolean {
    return this.form !== "off" && LEVELS.indexOf(level) >= LEVELS.indexOf(this.level);
  }

  /** Writes one entry, with time and level before it, at once, so that lines of processes do not mix. */
  private write(level: Level, entry: Entry): void {
    if (!this.writes(level)) return;
    const at = new Date().toISOString();
    const line = this.form === "json" ? JSON.stringify({ at, level, ...entry }) : asWords(at, level, entry);
    process.stdout.write(`${line}\n`);
  }
}

function asWords(at: string, level: Level, entry: Entry): string {
  const fields = Object.entries(entry)
    .filter(([name, value]) => name !== "event" && name !== "service" && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? harmless(value) : JSON.stringify(value)}`);
  return [paint(at, "dim"), paint(level.padEnd(5), COLOURS[level]), String(entry.event), ...fields].join(" ");
}

/** The trace that a `traceparent` header names. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
}
