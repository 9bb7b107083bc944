/** A number, kept as its text, because `1`, `1.0` and `1e0` are not the same to a strict reader. */
export class Numeral {
  constructor(readonly text: string) {}
}

/** A JSON value. Objects are maps, so that `__proto__` is a name like any other. */
export type Json = string | boolean | null | Numeral | Json[] | JsonObject;

/** A JSON object. */
export type JsonObject = Map<string, Json>;

const MAX_DEPTH = 128;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const BLANKS = /[ \t\n\r]*/y;
const LONE_SURROGATE = /\p{Surrogate}/u;
const WORDS: ReadonlyArray<readonly [string, boolean | null]> = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/**
 * Reads a JSON object (RFC 8259): UTF-8 without a mark, nothing after it, no name twice at any depth, no lone
 * surrogate, at most 127 levels. Returns `undefined` for everything else. A name that stands twice is refused, because
 * checks are bypassed where two readers pick different values for it (RFC 7515, 4; RFC 7517, 4).
 */
export function parseObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value = new Reader(text).document();
    return value instanceof Map ? value : undefined;
  } catch {
    return undefined;
  }
}

class Reader {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value();
    if (this.at !== this.text.length) throw new SyntaxError("trailing text");
    return value;
  }

  private value(): Json {
    this.take(BLANKS);
    const value = this.bare();
    this.take(BLANKS);
    return value;
  }

  private bare(): Json {
    const first = this.text[this.at];
    if (first === "{") return this.nested(() => this.object());
    if (first === "[") return this.nested(() => this.array());
    if (first === '"') return this.string();
    const word = WORDS.find(([name]) => this.text.startsWith(name, this.at));
    if (word) {
      this.at += word[0].length;
      return word[1];
    }
    const numeral = this.take(NUMBER);
    if (!Number.isFinite(Number(numeral))) throw new SyntaxError("a number out of range");
    return new Numeral(numeral);
  }

  private nested<T>(read: () => T): T {
    if (++this.depth >= MAX_DEPTH) throw new SyntaxError("nested too deeply");
    this.at++;
    const value = read();
    this.depth--;
    return value;
  }

  private object(): JsonObject {
    const members: JsonObject = new Map();
    if (this.ends("}")) return members;
    do {
      this.take(BLANKS);
      const name = this.string();
      if (members.has(name)) throw new SyntaxError("a name stands twice");
      this.take(BLANKS);
      this.expect(":");
      members.set(name, this.value());
    } while (this.goesOn("}"));
    return members;
  }

  private array(): Json[] {
    const items: Json[] = [];
    if (this.ends("]")) return items;
    do items.push(this.value());
    while (this.goesOn("]"));
    return items;
  }

  private string(): string {
    const value = JSON.parse(this.take(STRING)) as string;
    if (LONE_SURROGATE.test(value)) throw new SyntaxError("a lone surrogate");
    return value;
  }

  private ends(closing: string): boolean {
    this.take(BLANKS);
    if (this.text[this.at] !== closing) return false;
    this.at++;
    return true;
  }

  private goesOn(closing: string): boolean {
    if (this.text[this.at] === ",") {
      this.at++;
      return true;
    }
    this.expect(closing);
    return false;
  }

  private expect(character: string): void {
    if (this.text[this.at] !== character) throw new SyntaxError("syntax error");
    this.at++;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) throw new SyntaxError("syntax error");
    this.at = pattern.lastIndex;
    return found[0];
  }
}

/** `9999-12-31T23:59:59Z`. A later instant means a wrong unit or an attack. */
const MAX_SECONDS = 253_402_300_799;

/** Whole seconds from 1970 to 9999 (RFC 7519, 2, without the fractions, which issuers do not use). */
export function numericDate(value: Json): number | undefined {
  if (!(value instanceof Numeral) || !/^[0-9]{1,12}$/.test(value.text)) return undefined;
  const seconds = Number(value.text);
  return seconds <= MAX_SECONDS ? seconds : undefined;
}
