// better-auth on node:http over PostgreSQL, in WORKERS processes: what `sentri serve` is measured beside. An instance
// for each kind of work, made when it is asked for first, since their options are those of a whole instance.
import cluster from "node:cluster";
import { createServer } from "node:http";
import bcrypt from "bcrypt";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import pg from "pg";

const COST = 12;
const asBcrypt = {
  hash: (password) => bcrypt.hash(password, COST),
  verify: ({ hash, password }) => bcrypt.compare(password, hash),
};

/** By the first part of the path. */
const KINDS = {
  plain: { emailAndPassword: { enabled: true, password: asBcrypt } },
  scrypt: { emailAndPassword: { enabled: true } },
  /** Each look at the session renews it. */
  renewing: { session: { updateAge: 0 } },
  /** The session is believed from a signed cookie for five minutes, and not looked up. */
  cached: { session: { cookieCache: { enabled: true, maxAge: 300 } } },
};
const port = Number(process.env.PORT);
const database = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const handlers = {};

function optionsOf(kind) {
  return {
    database,
    secret: "a secret of at least thirty-two bytes, for benchmarks",
    baseURL: `http://127.0.0.1:${port}`,
    basePath: `/${kind}`,
    plugins: [jwt()],
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    ...KINDS[kind],
  };
}

if (cluster.isPrimary) await (await getMigrations(optionsOf("plain"))).runMigrations();
const workers = Number(process.env.WORKERS);
if (cluster.isPrimary && workers > 1) {
  for (let i = 0; i < workers; i += 1) cluster.fork();
} else {
  createServer((request, response) => {
    const kind = request.url.split("/", 2)[1];
    handlers[kind] ??= toNodeHandler(betterAuth(optionsOf(kind)));
    handlers[kind](request, response);
  }).listen(port, "127.0.0.1");
}
