// Expectations of golden conversations: JSON in which strings may stand for kinds of values and remember what they
// met. The format is in tests/README.md; tests/core/http/pattern.rs is the same for the core.

const KINDS = {
  $any: (value) => value !== undefined,
  $text: (value) => typeof value === "string" && value !== "",
  $uuid: (value) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(value),
  $jwt: (value) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(value),
  $instant: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
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
};

export class Mismatch extends Error {}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const show = (value) => JSON.stringify(value) ?? "nothing";

export class Variables {
  known = new Map();

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
      return value.replace(/\$\{([^}|]+)(?:\|([^}]+))?\}/g, (_, name, filter) => {
        if (filter !== undefined && !Object.hasOwn(FILTERS, filter)) throw new Mismatch(`|${filter} is no filter`);
        return filter === undefined ? this.get(name) : FILTERS[filter](this.get(name));
      });
    }
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.fill(item)]));
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
      const [header, payload] = this.get(name).split(".").map((part) => Buffer.from(part, "base64url").toString());
      if (expected.header) this.check(expected.header, JSON.parse(header), `${name}.header`);
      if (expected.payload) this.check(expected.payload, JSON.parse(payload), `${name}.payload`);
    }
  }
}

/** Whether `text` is `glob`, in which `*` stands for one or more characters. */
function isLike(glob, text) {
  const source = glob.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[^]+");
  return typeof text === "string" && new RegExp(`^${source}$`).test(text);
}
