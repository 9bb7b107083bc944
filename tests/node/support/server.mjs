// A real Express server over real sockets, and a browser-like client with a cookie jar.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(import.meta.url);
export const sentri = require("../../../npm/dist/index.js");
export const { testClock, testMailbox } = require("../../../npm/dist/testing.js");
export const expresses = { "Express 4": require("express4"), "Express 5": require("express") };

export const PASSWORD = "correct horse 1";

/** A SQLite file of the test's own, gone with it. */
export function sqliteFile(t) {
  const path = join(tmpdir(), `sentri-${randomBytes(8).toString("hex")}.db`);
  t.after(() => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  });
  return `sqlite:${path}`;
}

/** The options of a fast test server. */
export function options(more = {}) {
  return {
    mode: "server",
    db: "sqlite::memory:",
    secret: "a secret of at least thirty-two bytes, for tests",
    validRoles: ["user", "admin"],
    saltRounds: 10,
    rateLimit: false,
    ...more,
  };
}

/** Mounts `auth` in an app, lets `extend` add routes, and listens. */
export async function listen(t, auth, { express = expresses["Express 5"], json = true, before, extend } = {}) {
  const app = express();
  before?.(app);
  if (json) app.use(express.json());
  app.use("/auth", auth.router());
  app.get("/protected", auth.protect(), (req, res) => res.json({ user: req.user, auth: req.auth }));
  extend?.(app);
  app.use(auth.errorHandler());
  const server = await new Promise((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
  });
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await auth.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** A client that keeps cookies as a browser would. */
export class Browser {
  jar = new Map();

  constructor(base) {
    this.base = base;
  }

  async fetch(path, { method = "GET", body, headers = {}, raw } = {}) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(this.base + path, {
      method,
      headers: {
        ...(cookie ? { cookie } : {}),
        ...(body !== undefined ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      body: raw ?? (body !== undefined ? JSON.stringify(body) : undefined),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split("; ");
      const at = pair.indexOf("=");
      if (attributes.includes("Max-Age=0")) this.jar.delete(pair.slice(0, at));
      else this.jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text ? JSON.parse(text) : undefined };
  }

  post(path, body, headers) {
    return this.fetch(path, { method: "POST", body, headers });
  }
}

export const user = (name, more = {}) => ({
  identifiers: [{ type: "username", value: name }],
  password: PASSWORD,
  ...more,
});
