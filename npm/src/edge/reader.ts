import { SentriError } from "../errors.js";
import { readDuration } from "./duration.js";

/** Makes a `CONFIGURATION_ERROR`. The message must name the option and the cure. */
export function configurationError(message: string): SentriError {
  return new SentriError("CONFIGURATION_ERROR", message);
}

/**
 * Reads one level of the options: types are checked, defaults given, unknown names refused. `null` counts as absent.
 */
export class Reader {
  private readonly known = new Set<string>();
  private readonly options: Readonly<Record<string, unknown>>;

  /** A reader of `options`; `path` is the option's name, empty for the top level. */
  constructor(
    private readonly path: string,
    options: unknown,
  ) {
    if (typeof options !== "object" || options === null || Array.isArray(options)) {
      throw configurationError(`${path === "" ? "the options" : path} must be an object`);
    }
    this.options = options as Record<string, unknown>;
  }

  /** An error about one option: `message` follows its name. */
  error(option: string, message: string): SentriError {
    return configurationError(`${this.name(option)} ${message}`);
  }

  /** The raw value. */
  value(option: string): unknown {
    this.known.add(option);
    return this.options[option] ?? undefined;
  }

  /** A string; may be empty. */
  string(option: string): string | undefined {
    const value = this.value(option);
    if (value === undefined || typeof value === "string") return value;
    throw this.error(option, "must be a string");
  }

  /** A string with at least one character. */
  text(option: string): string | undefined {
    const value = this.string(option);
    if (value === "") throw this.error(option, "must not be empty: set it, or leave it out");
    return value;
  }

  /** `true` or `false`. */
  boolean(option: string, otherwise: boolean): boolean {
    const value = this.value(option) ?? otherwise;
    if (typeof value === "boolean") return value;
    throw this.error(option, "must be true or false");
  }

  /** A length of time in milliseconds. */
  duration(option: string, otherwise: number): number {
    const value = this.value(option);
    if (value === undefined) return otherwise;
    const read = readDuration(value);
    if ("ms" in read) return read.ms;
    throw this.error(option, read.problem);
  }

  /** A list of strings. */
  strings(option: string): string[] | undefined {
    const value = this.value(option);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value as string[];
    throw this.error(option, "must be a list of strings");
  }

  /** A function. */
  function<F extends (...args: never[]) => unknown>(option: string): F | undefined {
    const value = this.value(option);
    if (value === undefined || typeof value === "function") return value as F | undefined;
    throw this.error(option, "must be a function");
  }

  /** Refuses options by name, for the reason given. */
  refuse(options: readonly string[], why: string): void {
    const given = options.find((option) => (this.options[option] ?? undefined) !== undefined);
    if (given !== undefined) throw this.error(given, why);
  }

  /** Refuses unknown options, with the nearest known name. */
  finish(): void {
    for (const name of Object.keys(this.options)) {
      if (this.known.has(name) || this.options[name] === undefined) continue;
      const near = [...this.known]
        .map((known) => ({ known, away: distance(known, name) }))
        .sort((a, b) => a.away - b.away)[0];
      throw this.error(
        name,
        `is not an option${near && near.away <= 3 ? `: did you mean ${this.name(near.known)}?` : ""}`,
      );
    }
  }

  private name(option: string): string {
    return this.path === "" ? option : `${this.path}.${option}`;
  }
}

/** Levenshtein distance, ignoring case: small enough inputs to need nothing better. */
function distance(a: string, b: string): number {
  const [from, to] = [[...a.toLowerCase()], [...b.toLowerCase()]];
  let row = [...to.keys(), to.length];
  for (const [i, x] of from.entries()) {
    const next = [i + 1];
    for (const [j, y] of to.entries()) next.push(Math.min(row[j]! + (x === y ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    row = next;
  }
  return row.at(-1)!;
}
