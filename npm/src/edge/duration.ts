const LONGEST_SECONDS = 100 * 31_557_600;
const EXPECTED = "must be a duration such as '15m', '1.5h' or '7 days', or a number of seconds";

const UNITS: ReadonlyArray<readonly [RegExp, number]> = [
  [/^(?:ms|msecs?|milliseconds?)$/, 1],
  [/^(?:s|secs?|seconds?)$/, 1_000],
  [/^(?:m|mins?|minutes?)$/, 60_000],
  [/^(?:h|hrs?|hours?)$/, 3_600_000],
  [/^(?:d|days?)$/, 86_400_000],
  [/^(?:w|weeks?)$/, 604_800_000],
  [/^(?:y|yrs?|years?)$/, 31_557_600_000],
];

/** A length of time in milliseconds, or the fault in it, to be put behind the option's name. */
export type ReadDuration = { readonly ms: number } | { readonly problem: string };

/**
 * Reads a duration: a number counts seconds, a string is a decimal number and a unit, in any case, with or without
 * blanks between. A string without a unit is refused: seconds or milliseconds? The reader can't know.
 */
export function readDuration(value: unknown): ReadDuration {
  if (Number.isFinite(value)) return fromMillis((value as number) * 1000);
  if (typeof value !== "string") return { problem: EXPECTED };
  const [, number = "", unit = ""] = /^([0-9.+-]*)\s*(.*)$/s.exec(value.trim()) ?? [];
  if (number.length > 20 || !/^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(number)) return { problem: EXPECTED };
  if (unit === "") {
    return {
      problem:
        `is ambiguous: '${number}' has no unit; write '${number}s' or the number ${number} for seconds, ` +
        `'${number}ms' for milliseconds`,
    };
  }
  const found = UNITS.find(([names]) => names.test(unit.toLowerCase()));
  return found ? fromMillis(Number(number) * found[1]) : { problem: EXPECTED };
}

function fromMillis(ms: number): ReadDuration {
  if (ms <= 0) return { problem: "must be longer than zero" };
  if (Math.round(ms) < 1) return { problem: "must be at least one millisecond" };
  if (ms > LONGEST_SECONDS * 1000) return { problem: "must not be longer than 100 years" };
  return { ms: Math.round(ms) };
}
