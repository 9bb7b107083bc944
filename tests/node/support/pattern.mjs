// Expectations of golden conversations: JSON in which strings may stand for kinds of values and remember what they
// met. The format is in tests/README.md; tests/core/http/pattern.rs is the same for the core.

import { createHmac } from "node:crypto";

const KINDS = {
  $any: (value) => value !== undefined,
  $text: (value) => typeof value === "string" && value !== "",
  $uuid: (value) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(value),
  $jwt: (value) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(value),
  $instant: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
  $code: (value) => /^\d{6}$/.test(value),
  $secret: (value) => /^[\w-]{43}$/.test(value),
  $base32: (value) => /^[A-Z2-7]{32}$/.test(value),
  $recovery: (value) => /^[A-Z2-7]{6}(-[A-Z2-7]{6}){3}$/.test(value),
  $count: (value) => Number.isSafeInteger(value) && value >= 0,
};

/** What an attacker makes of a token. */
const FILTERS = {
  forged(token) {
    const [header, payload, signature] = token.split(".");
    return `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  },
  unsigned(token) {
    const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
    return `${header}.${token.split(".")[1]}.`;
  },
  upper: (token) => token.toUpperCase(),
  // A code as some people type it, and another one.
  typed: (code) => ` ${code.slice(0, 3)}-${code.slice(3)} `,
  wrong: (code) => code.slice(0, 5) + (code.endsWith("0") ? "1" : "0"),
  lower: (text) => text.toLowerCase(),
};

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The code of an authenticator app with this secret (RFC 6238): now, or some steps before or after. */
export function totp(secret, steps, now) {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigInt64BE(BigInt(Math.floor(now / 30_000) + steps));
  const digest = createHmac("sha1", key).update(step).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fff_ffff;
  return String(number % 1_000_000).padStart(6, "0");
}

function filtered(value, filter, now) {
  const steps = /^totp([+-]\d+)?$/.exec(filter);
  if (steps) return totp(value, Number(steps[1] ?? 0), now);
  if (!Object.hasOwn(FILTERS, filter)) throw new Mismatch(`|${filter} is no filter`);
  return FILTERS[filter](value);
}

export class Mismatch extends Error {}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const show = (value) => JSON.stringify(value) ?? "nothing";

export class Variables {
  known = new Map();
  /** The time of the conversation's clock, in milliseconds. */
  now = 0;

  set(name, value) {
    this.known.set(name, value);
  }

  get(name) {
    if (!this.known.has(name)) throw new Mismatch(`nothing was remembered as ${name}`);
    return this.known.get(name);
  }

  /** A text with every `${name}` and `${name|filter}` replaced, or JSON with that done in every string. */
  fill(value) {
    if (typeof value === "string") {
      return value.replace(/\$\{([^}|]+)((?:\|[^}|]+)*)\}/g, (_, name, filters) =>
        filters
          .split("|")
          .slice(1)
          .reduce((text, filter) => filtered(text, filter, this.now), this.get(name)),
      );
    }
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (isObject(value))
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.fill(item)]));
    return value;
  }

  /** Throws a `Mismatch` unless `actual` is what `expected` says. */
  check(expected, actual, path) {
    const differs = (wanted = show(expected)) => {
      throw new Mismatch(`${path}: expected ${wanted}, got ${show(actual)}`);
    };
    if (typeof expected === "string") {
      if (expected.startsWith("$like:")) return isLike(this.fill(expected.slice(6)), actual) || differs();
      if (/^\$[a-z]/.test(expected)) return this.checkKind(expected, actual, differs);
      if (this.fill(expected) !== actual) differs();
    } else if (Array.isArray(expected)) {
      if (!Array.isArray(actual) || actual.length !== expected.length) differs();
      expected.forEach((item, i) => this.check(item, actual[i], `${path}[${i}]`));
    } else if (isObject(expected)) {
      if (!isObject(actual)) differs();
      const { "...": loose, ...wanted } = expected;
      const names = Object.keys(wanted);
      const members = Object.keys(actual);
      if (loose === "any order") names.sort(), members.sort();
      if (loose !== true && names.join() !== members.join()) differs(`the members ${names} in this order`);
      for (const name of names) this.check(wanted[name], actual[name], `${path}.${name}`);
    } else if (expected !== actual) {
      differs();
    }
  }

  checkKind(pattern, actual, differs) {
    const [kind, name] = pattern.split(":");
    if (!Object.hasOwn(KINDS, kind)) throw new Mismatch(`${kind} is no kind`);
    if (!KINDS[kind](actual)) differs();
    if (name) this.set(name, typeof actual === "string" ? actual : JSON.stringify(actual));
  }

  /** Checks the header and payload of remembered tokens. */
  checkTokens(tokens = {}) {
    for (const [name, expected] of Object.entries(tokens)) {
      const [header, payload] = this.get(name)
        .split(".")
        .map((part) => Buffer.from(part, "base64url").toString());
      if (expected.header) this.check(expected.header, JSON.parse(header), `${name}.header`);
      if (expected.payload) this.check(expected.payload, JSON.parse(payload), `${name}.payload`);
    }
  }
}

/** Whether `text` is `glob`, in which `*` stands for one or more characters. */
function isLike(glob, text) {
  const source = glob
    .split("*")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^]+");
  return typeof text === "string" && new RegExp(`^${source}$`).test(text);
}
