// Holds the golden conversations of tests/http and tests/advisories with a server over real sockets, by fetch. The format
// is in tests/README.md; tests/core/http does the same with the core in-process.
import { readFileSync, readdirSync } from "node:fs";
import { makeDialect } from "./dialects.mjs";
import { exchange } from "./exchange.mjs";
import { renewedMysql, renewedSchema } from "./places.mjs";
import { Mismatch, Variables } from "./pattern.mjs";
import { PASSWORD, testClock, testMailbox } from "./server.mjs";

/** Each folder with what stands before the names of its files. */
const FOLDERS = [
  [new URL("../../http/", import.meta.url), ""],
  [new URL("../../advisories/", import.meta.url), "advisories/"],
];
const START = Date.parse("2026-01-01T00:00:00Z");
const IP = "203.0.113.7";
const USER_AGENT = "golden/1";
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Headers of the connection and the framework, not of the answer. */
const NOT_OURS = new Set(["connection", "content-length", "date", "etag", "keep-alive"]);

const BASE = {
  mode: "server",
  secret: "a secret of at least thirty-two bytes, for tests",
  validRoles: ["user", "admin", "editor"],
  rateLimit: false,
};

/** Every conversation of every file, in order; those of tests/advisories come last. */
export function conversations() {
  return FOLDERS.flatMap(([folder, prefix]) => {
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .sort();
    return files.flatMap((file) =>
      JSON.parse(readFileSync(new URL(file, folder), "utf8")).conversations.map((conversation) => ({
        ...conversation,
        file: prefix + file.slice(0, -5),
      })),
    );
  });
}

/** Whether a parser of the framework would see what this conversation sends before sentri does. */
export const isRaw = ({ steps }) => steps.some(({ request }) => request?.rawBody !== undefined);

/** Where the rows of one conversation live: the options that say so, and what takes the rows away again. */
export const databases = {
  SQLite: async () => ({ options: { db: "sqlite::memory:" }, drop: async () => {} }),
  PostgreSQL: async () => {
    const { url, drop } = await renewedSchema();
    return { options: { db: { connectionString: url, max: 10 } }, drop };
  },
  "PostgreSQL through Kysely": async () => {
    const { url, drop } = await renewedSchema();
    return { options: { dialect: makeDialect("pg", url) }, drop };
  },
  "MySQL through Kysely": async () => {
    const { url, drop } = await renewedMysql();
    return { options: { dialect: makeDialect("mysql2", url) }, drop };
  },
  "SQLite through Kysely": async () => ({
    options: { dialect: makeDialect("better-sqlite3", ":memory:") },
    drop: async () => {},
  }),
};

/**
 * Holds one conversation. `serve(options)` builds the auth server of a framework and resolves to
 * `{auth, base, close}`: the endpoints under `base + "/auth"`, the routes of the application beside them, one proxy trusted.
 */
export async function hold(conversation, database, serve) {
  const { options, drop } = await database();
  try {
    const talk = new Talk(conversation);
    talk.served = await serve({ ...talk.options, ...options });
    try {
      await talk.run(conversation);
    } finally {
      await talk.served.close();
    }
  } finally {
    await drop();
  }
}

class Talk {
  variables = new Variables();
  jars = new Map();
  answers = new Map();
  events = [];
  hooks = [];
  revoked = null;

  constructor({ config = {}, clock = START }) {
    this.clock = testClock(clock);
    const log = (level) => (entry) => this.events.push([`${level} ${entry.event}`, entry]);
    const hook =
      (name) =>
      (...args) =>
        void this.hooks.push([name, ...args]);
    const own = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null));
    const removed = new Set(Object.keys(config).filter((name) => config[name] === null));
    const base = Object.fromEntries(Object.entries(BASE).filter(([name]) => !removed.has(name)));
    this.options = {
      ...base,
      logger: { info: log("info"), warn: log("warn"), error: log("error") },
      hooks: { onLogin: hook("onLogin"), onFailedLogin: hook("onFailedLogin"), onLogout: hook("onLogout") },
      ...own,
      clock: this.clock,
    };
    if (this.options.messages?.send) this.options.messages = testMailbox(withoutSend(this.options.messages));
    if (this.options.isTokenRevoked) {
      this.options.isTokenRevoked = async (sessionId) => {
        if (this.revoked === "throws") throw new Error("the list of revoked sessions is away");
        return this.revoked?.includes(sessionId) ?? false;
      };
    }
  }

  async run({ given = {}, steps }) {
    const { auth, base } = this.served;
    await auth.migrate();
    const { host } = new URL(base);
    for (const [name, value] of Object.entries({
      host,
      origin: base,
      ip: IP,
      userAgent: USER_AGENT,
      password: PASSWORD,
    })) {
      this.variables.set(name, value);
    }
    for (const [name, roles] of Object.entries(given)) await this.introduce(auth, name, roles);
    for (const step of steps) {
      if (step.advance) this.clock.advance(duration(step.advance));
      this.variables.now = this.clock.now();
      if (step.mail) this.served.auth.mailbox.refuse(step.mail === "refused" ? "the mail server is away" : undefined);
      if (step.revoked !== undefined) this.revoked = this.variables.fill(step.revoked);
      try {
        await this.step(step);
      } catch (error) {
        if (error instanceof Mismatch) throw new Mismatch(`${step.name}: ${error.message}`);
        throw error;
      }
    }
  }

  /** A user with the username `name`, the common password, and one session. */
  async introduce(auth, name, roles) {
    const { user } = await auth.register({
      identifiers: [{ type: "username", value: name }],
      password: PASSWORD,
      roles,
    });
    const { accessToken, refreshToken, sessionId } = await auth.createSession(user.id);
    const known = {
      id: user.id,
      identifier: user.identifiers[0].id,
      access: accessToken,
      refresh: refreshToken,
      session: sessionId,
    };
    for (const [member, value] of Object.entries(known)) this.variables.set(`${name}.${member}`, value);
  }

  async step(step) {
    if (step.call) return this.call(step);
    if (step.parallel) {
      const answers = await Promise.all(Array.from({ length: step.parallel }, () => this.send(step.request)));
      for (const answer of answers) this.check(step, answer);
      return;
    }
    for (let i = 0; i < (step.repeat ?? 1); i++) {
      this.events.length = 0;
      this.hooks.length = 0;
      this.served.auth.mailbox?.clear();
      this.check(step, await this.send(step.request));
    }
  }

  async call({ call: [method, ...args], expect }) {
    this.events.length = 0;
    this.served.auth.mailbox?.clear();
    let result;
    try {
      result = await this.served.auth[method](...this.variables.fill(args));
    } catch (error) {
      if (!expect.throws) throw new Mismatch(`it threw ${error}`);
      return this.variables.check(expect.throws, [error.code, error.statusCode], "throws");
    }
    if (expect.throws) throw new Mismatch(`it should have thrown, but resolved to ${JSON.stringify(result)}`);
    this.variables.check(expect.result, JSON.parse(JSON.stringify(result ?? null)), "result");
    this.variables.checkTokens(expect.tokens);
    this.checkMessages(expect);
    if (expect.events) this.checkEvents(expect.events, undefined);
  }

  async send({ method = "GET", path, headers = {}, as, body, rawBody, jar, ip = IP }) {
    const sent = { "user-agent": USER_AGENT };
    const payload =
      rawBody !== undefined
        ? this.rawBody(rawBody)
        : body !== undefined
          ? JSON.stringify(this.variables.fill(body))
          : undefined;
    if (payload !== undefined) sent["content-type"] = "application/json";
    if (as !== undefined) sent.authorization = `Bearer ${this.variables.fill(as)}`;
    const cookies = jar === undefined ? [] : this.cookiesOf(jar);
    for (const [name, value] of Object.entries(headers)) {
      if (name === "cookie") cookies.push(this.variables.fill(value));
      else sent[name] = this.variables.fill(value);
    }
    if (cookies.length > 0) sent.cookie = cookies.join("; ");
    // As the one trusted proxy would: behind whatever the client claims.
    sent["x-forwarded-for"] = sent["x-forwarded-for"] ? `${sent["x-forwarded-for"]}, ${ip}` : ip;
    const target = this.variables.fill(path);
    const mount = /^\/(protected|admin-only|editors|fresh|strong|strong-and-fresh|unguarded-\w+)\b/.test(target)
      ? ""
      : "/auth";
    if (sent.upgrade !== undefined) return { ...(await upgrade(this.served.base, method, mount + target, sent)), jar };
    const response = await fetch(this.served.base + mount + target, { method, headers: sent, body: payload });
    return { response, text: await response.text(), jar };
  }

  rawBody(raw) {
    if (typeof raw === "string") return this.variables.fill(raw);
    if (raw.base64url !== undefined) return Buffer.from(raw.base64url, "base64url");
    return (raw.before ?? "") + raw.fill.repeat(raw.times) + (raw.after ?? "");
  }

  check(step, { response, text, jar }) {
    const { expect } = step;
    if (jar !== undefined) this.keepCookies(jar, response);
    let body;
    try {
      body = response.status === 204 && text === "" ? null : JSON.parse(text);
    } catch {
      throw new Mismatch(`${response.status} is not JSON: ${text.slice(0, 200)}`);
    }
    try {
      this.checkResponse(expect, response, body);
    } catch (error) {
      throw error instanceof Mismatch
        ? new Mismatch(`${error.message}\n    in ${response.status} ${text.slice(0, 500)}`)
        : error;
    }
    if (expect.cookies) this.checkCookies(expect.cookies, response);
    this.variables.checkTokens(expect.tokens);
    this.checkMessages(expect);
    if (expect.events) this.checkEvents(expect.events, step.request.headers?.["x-request-id"]);
    if (expect.hooks) this.variables.check(expect.hooks, JSON.parse(JSON.stringify(this.hooks)), "hooks");
    const headers = [...response.headers].filter(([name]) => !NOT_OURS.has(name));
    const seen = JSON.stringify([response.status, text, headers]);
    if (expect.sameAs !== undefined && this.answers.get(expect.sameAs) !== seen) {
      throw new Mismatch(`sameAs: ${seen} is not ${this.answers.get(expect.sameAs)}`);
    }
    this.answers.set(step.name, seen);
  }

  checkResponse({ ok, error, status, body: bare = "$any", headers = {} }, response, body) {
    const wanted = ok
      ? { error: false, statusCode: ok[0], message: ok[1], data: ok[2] }
      : error
        ? { error: true, statusCode: error[1], code: error[0], message: error[2] ?? "$text", data: error[3] ?? null }
        : bare;
    this.variables.check(status ?? wanted.statusCode, response.status, "status");
    this.variables.check(wanted, body, "body");
    for (const [name, expected] of Object.entries(headers))
      this.variables.check(expected, response.headers.get(name), name);
    checkAlways(response, body);
  }

  checkCookies(expected, response) {
    const cookies = setCookies(response);
    this.variables.check(Object.keys(expected).sort(), cookies.map(({ key }) => key).sort(), "cookies");
    for (const { name, key, value, attributes } of cookies) {
      const [pattern, ...wanted] = expected[key].split("; ");
      const cleared = pattern === "cleared";
      this.variables.check(cleared ? "" : pattern, value, name);
      if (cleared) wanted.push("Max-Age=0");
      // Both say that it is over; old browsers know only one of them.
      const found = attributes.filter((attribute) => !cleared || attribute !== "Expires=Thu, 01 Jan 1970 00:00:00 GMT");
      this.variables.check(wanted.sort(), found.sort(), name);
    }
  }

  checkMessages({ messages }) {
    if (messages)
      this.variables.check(messages, JSON.parse(JSON.stringify(this.served.auth.mailbox.all())), "messages");
  }

  checkEvents(expected, requestId) {
    const logged = JSON.parse(JSON.stringify(this.events));
    const names = (events) => events.map(([name]) => name);
    this.variables.check(names(expected), names(logged), "events");
    expected.forEach(([name, fields], i) => {
      const { service, event, requestId: id = null, duration_ms: duration = 0, ...found } = logged[i][1];
      this.variables.check("sentri", service, `${name}.service`);
      this.variables.check(name.split(" ")[1], event, `${name}.event`);
      this.variables.check(requestId ?? null, id, `${name}.requestId`);
      this.variables.check("$count", duration, `${name}.duration_ms`);
      this.variables.check({ ...fields, "...": "any order" }, found, name);
    });
  }

  keepCookies(name, response) {
    if (!this.jars.has(name)) this.jars.set(name, new Map());
    for (const { name: cookie, place, value, attributes } of setCookies(response)) {
      const age = attributes.find((attribute) => attribute.startsWith("Max-Age="));
      this.jars.get(name).set(`${cookie} ${place}`, {
        name: cookie,
        value,
        ends: age ? this.clock.now() + Number(age.slice(8)) * 1_000 : Infinity,
      });
    }
  }

  cookiesOf(name) {
    const live = [...(this.jars.get(name) ?? [])].filter(([, { ends }]) => ends > this.clock.now());
    return live.map(([, { name: cookie, value }]) => `${cookie}=${value}`);
  }
}

/** The same for a request with `Upgrade`, which fetch does not send. Without `Connection: upgrade` it goes on as HTTP. */
async function upgrade(base, method, path, sent) {
  const { status, headers, body } = await exchange(base, method, path, Object.entries(sent));
  const lines = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
  return { response: new Response(null, { status, headers: lines }), text: JSON.stringify(body) ?? "" };
}

/** The challenge of a step-up, before what it asks for. */
const STEP_UP = 'Bearer error="insufficient_user_authentication", ';

/** What holds for every answer, whatever the step is about. */
function checkAlways({ status, headers }, body) {
  const must = (holds, what) => {
    if (!holds) throw new Mismatch(what);
  };
  // What the application answers by itself is its framework's to word.
  const ours = body === null || body.error !== undefined || body.keys !== undefined;
  const type = headers.get("content-type");
  if (status === 204)
    must(type === null && !headers.has("content-length"), "what has no body has no type and no length");
  else
    must(
      type === "application/json; charset=utf-8" || (!ours && type === "application/json"),
      "the content type is not JSON",
    );
  // RFC 9470, 3
  const isStepUp = body?.code === "STEP_UP_REQUIRED";
  const challenge = headers.get("www-authenticate") ?? "";
  must(
    status !== 401 || (isStepUp ? challenge.startsWith(STEP_UP) : challenge === "Bearer"),
    "a 401 has WWW-Authenticate: Bearer, and what is missing where that is said",
  );
  const carriesToken =
    body?.data?.accessToken !== undefined || headers.has("set-cookie") || headers.has("x-access-token");
  must(
    !carriesToken || headers.get("cache-control") === "no-store",
    "what carries a token or a cookie has Cache-Control: no-store",
  );
  const places = setCookies({ headers }).map(({ name, place }) => `${name} ${place}`);
  must(new Set(places).size === places.length, `a cookie stands twice: ${places}`);
  must(
    (status === 429 || status === 503) === headers.has("retry-after"),
    "429 and 503, and no other answer, have Retry-After",
  );
}

/** The cookies of an answer. An expectation calls the last one of a name by the name, those before it with their place behind it. */
function setCookies(response) {
  const cookies = response.headers.getSetCookie().map((line) => {
    const [pair, ...attributes] = line.split("; ");
    const at = pair.indexOf("=");
    const attribute = (name) => attributes.find((one) => one.startsWith(name))?.slice(name.length) ?? "";
    return {
      name: pair.slice(0, at),
      value: pair.slice(at + 1),
      attributes,
      place: attribute("Domain=") + attribute("Path="),
    };
  });
  const isLast = ({ name }, at) => !cookies.slice(at + 1).some((later) => later.name === name);
  return cookies.map((cookie, at) => ({
    ...cookie,
    key: isLast(cookie, at) ? cookie.name : `${cookie.name} ${cookie.place}`,
  }));
}

function duration(text) {
  const [, number, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text);
  return Number(number) * UNITS[unit];
}

/** Runs `work` over `items`, `limit` at once. */
export async function each(items, limit, work) {
  const queue = items.slice();
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

const withoutSend = ({ send: _, ...rest }) => rest;
