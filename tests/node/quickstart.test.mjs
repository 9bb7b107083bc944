// The quick start of every framework as sentri 5 documents it, from the tarballs, in a project that has this framework and
// no other: type-checked under strict, declaration and composite, run from ESM and CommonJS on PostgreSQL, beside an
// application in client mode that trusts its tokens. The files in quickstart/ are those documents' own, with `db` where they
// name a dialect; and then with the dialect, word for word. Of client mode they have Express alone; the others in
// client-mode/ say the same in the words of their framework.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { makeConsumer } from "./support/consumer.mjs";
import { inferred } from "./support/inferred.mjs";
import { mysqlDatabase, postgresSchema } from "./support/places.mjs";
import { PASSWORD, user } from "./support/server.mjs";

const here = (path) => new URL(path, import.meta.url);
const NODE = ["node"];

const newest = {
  express: { packages: ["express@5", "@types/express@5", "@types/passport@1"], types: NODE, also: ["passport"] },
  fastify: { packages: ["fastify@5", "@fastify/cookie@11", "@fastify/jwt@10"], types: NODE, also: ["fastify-jwt"] },
  hono: {
    packages: ["hono@4", "@hono/node-server@2"],
    types: [],
    globals:
      "declare const process: { env: Record<string, string | undefined> };\ndeclare const console: { error(...data: unknown[]): void };\n",
  },
  koa: {
    packages: ["koa@3", "@koa/router@15", "koa-bodyparser@4", "@types/koa@3", "@types/koa-bodyparser@4"],
    types: NODE,
  },
  // The types of Elysia do not check by themselves.
  elysia: { packages: ["elysia@1.4", "@elysiajs/node@1.4"], types: NODE, skipLibCheck: true },
};

/** What is still in wide use, at the floor of what package.json lets in: npm refuses to install what it does not. */
const older = {
  "express 4": { packages: ["express@4.18", "@types/express@4"], types: NODE, older: true },
  "fastify 4": { packages: ["fastify@4.23", "@fastify/cookie@9"], types: NODE, older: true },
  "koa 2": {
    packages: [
      "koa@2.14",
      "@koa/router@12",
      "koa-bodyparser@4",
      "@types/koa@2",
      "@types/koa__router@12",
      "@types/koa-bodyparser@4",
    ],
    types: NODE,
    older: true,
  },
};

/** The older ones by `make soak` alone: what npm installs for each takes a minute to check. */
const projects = process.env.SENTRI_SOAK ? { ...newest, ...older } : newest;

/** What serves an application that the quick start only exports or that, on Node, needs an adapter. */
const finish = {
  hono: (code) =>
    code.replace(
      "export default app;",
      'import { serve } from "@hono/node-server";\nserve({ fetch: app.fetch, port: 3000 });',
    ),
  elysia: (code) =>
    `import { node } from "@elysiajs/node";\n${code.replace("new Elysia()", "new Elysia({ adapter: node() })")}`,
};

/** What the documents leave to the reader of client mode: a handler, and listening. */
const around = {
  express: ["const handler: express.RequestHandler = (req, res) => { res.json(req.user); };", "app.listen(3000);"],
  fastify: [
    'const handler = async (request: import("fastify").FastifyRequest) => request.user;',
    "await app.listen({ port: 3000 });",
  ],
  hono: ['const handler = (c: import("hono").Context<SentriHonoEnv>) => c.json(c.get("user"));', "export default app;"],
  koa: ["const handler: Koa.Middleware = (ctx) => { ctx.body = ctx.state.user; };", "app.listen(3000);"],
  elysia: ["const handler = ({ user }: { user: { id: string } }) => user;", "app.listen(3000);"],
};
const KEY_URI = '"https://auth.myapp.com/auth/keys"';

/** A user's own pool behind Kysely: what stands for `db`, and what it needs. */
const dialects = {
  PostgreSQL: {
    place: postgresSchema,
    imports: 'import { PostgresDialect } from "kysely";\nimport pg from "pg";\n\nconst { Pool } = pg;\n\n',
    option:
      "dialect: new PostgresDialect({\n    pool: new Pool({ connectionString: process.env.DATABASE_URL! }),\n  }),",
  },
  MariaDB: {
    place: mysqlDatabase,
    imports: 'import { MysqlDialect } from "kysely";\nimport { createPool } from "mysql2";\n\n',
    option: "dialect: new MysqlDialect({\n    pool: createPool(process.env.DATABASE_URL!),\n  }),",
  },
};
const DB = "db: { connectionString: process.env.DATABASE_URL! },";

/** The same program in CommonJS, which has no top-level await. */
function toCommonJs(code) {
  const imports = [...code.matchAll(/^import (.*) from (".*");$/gm)].map(([, what, from]) =>
    what.startsWith("{")
      ? `const ${what} = require(${from});`
      : `const ${what} = (({ default: own, ...all }) => own ?? all)(Object.assign({}, { default: require(${from}) }));`,
  );
  return `${imports.join("\n")}\n(async () => {\n${code.replace(/^import .*$/gm, "").replace(/^export \{\};$/m, "")}\n})();\n`;
}

const post = (url, body) =>
  fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
const login = async (base, identifier) => (await post(`${base}/auth/login`, { identifier, password: PASSWORD })).json();

/** Starts a program and lives a short life with it: statuses of register, login, me, me without a token; and the key's algorithm. */
async function live(consumer, file, url, further = async () => {}) {
  const { base, stop } = await consumer.start(file, { DATABASE_URL: url });
  try {
    const registered = await post(`${base}/auth/register`, user("rizz"));
    const rizz = await login(base, "rizz");
    const me = await fetch(`${base}/me`, { headers: { authorization: `Bearer ${rizz.data?.accessToken}` } });
    const nobody = await fetch(`${base}/me`);
    const refused = await nobody.json();
    const { keys } = await (await fetch(`${base}/auth/keys`)).json();
    assert.deepEqual(await me.json(), rizz.data?.user);
    // As the documents show it: { keys: [{ kty, use, kid, n, e, ... }] }.
    assert.ok(
      ["kty", "use", "kid", "n", "e"].every((member) => typeof keys[0][member] === "string"),
      JSON.stringify(keys),
    );
    await further(base, rizz.data);
    return [registered.status, rizz.statusCode, me.status, nobody.status, refused.code, keys[0].alg].join(" ");
  } finally {
    await stop();
  }
}

/** Single sign-on: what an application in client mode answers to tokens of the server at `base`, over `url`. */
async function trust(consumer, file, base, url, rizz) {
  // Nobody becomes an administrator by registering.
  const args = [
    consumer.path("node_modules/sentri/dist/cli/main.js"),
    "create-user",
    "--identifier",
    "username:boss",
    "--roles",
    "admin",
  ];
  execFileSync(process.execPath, args, {
    cwd: consumer.folder,
    env: { ...process.env, DB: url },
    input: `${PASSWORD}\n`,
    stdio: "pipe",
  });
  const boss = (await login(base, "boss")).data;
  const { base: app, stop } = await consumer.start(file, { KEY_URI: `${base}/auth/keys` });
  try {
    const ask = async (path, token) => {
      const answer = await fetch(app + path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
      const body = await answer.json();
      return [answer.status, body.code ?? body];
    };
    assert.deepEqual(await ask("/products", boss.accessToken), [200, boss.user], file);
    assert.deepEqual(await ask("/products", rizz.accessToken), [403, "FORBIDDEN"], file);
    assert.deepEqual(await ask("/products"), [401, "UNAUTHORIZED"], file);
    assert.deepEqual(await ask("/products", `${boss.accessToken}x`), [401, "TOKEN_INVALID"], file);
    assert.deepEqual(await ask("/orders", boss.accessToken), [403, "FORBIDDEN"], file);
    assert.deepEqual(await ask("/orders"), [401, "UNAUTHORIZED"], file);
  } finally {
    await stop();
  }
}

for (const [project, { packages, types, also = [], globals = "", skipLibCheck, older = false }] of Object.entries(
  projects,
)) {
  const [name] = project.split(" ");
  test(`${project}: the quick start, in a project of its own`, async (t) => {
    const consumer = makeConsumer(["typescript@5", ...(types.length > 0 ? ["@types/node@20"] : []), ...packages]);
    after(() => consumer.remove());
    consumer.setType("module");

    await t.test("its types, and those of an application", () => {
      consumer.write("quickstart.ts", globals + readFileSync(here(`quickstart/${name}.ts`), "utf8"));
      consumer.write("inferred.ts", inferred(name));
      const clientMode = readFileSync(here(`client-mode/${name}.ts`), "utf8");
      assert.ok(clientMode.includes(KEY_URI));
      const [handler, listening] = around[name];
      consumer.write(
        "client.ts",
        `${globals}${clientMode.replace(/\n\n/, `\n\n${handler}\n`).replace(KEY_URI, "process.env.KEY_URI!")}${listening}\n`,
      );
      for (const file of [name, ...also])
        consumer.write(`types-${file}.ts`, globals + readFileSync(here(`types/${file}.ts`), "utf8"));
      // What an application declares of its framework holds for all of a program, so `also` are others.
      for (const file of also) consumer.compile([`types-${file}.ts`], { module: "NodeNext", skipLibCheck, types });
      consumer.setType("commonjs");
      consumer.compile([`types-${name}.ts`, "inferred.ts"], { module: "Node16", skipLibCheck, types });
      consumer.setType("module");
      consumer.compile([`types-${name}.ts`, "inferred.ts", "quickstart.ts", "client.ts"], {
        module: "NodeNext",
        skipLibCheck,
        types,
      });
    });

    await t.test("from ESM and CommonJS, on PostgreSQL, and an application in client mode beside it", async () => {
      for (const program of ["quickstart", "client"]) {
        const code = (finish[name] ?? ((same) => same))(readFileSync(consumer.path(`out/${program}.js`), "utf8"));
        consumer.write(`${program}.mjs`, code);
        consumer.write(`${program}.cjs`, toCommonJs(code));
      }
      for (const form of ["mjs", "cjs"]) {
        const { url, drop } = await postgresSchema();
        try {
          const sso = (base, rizz) => trust(consumer, `client.${form}`, base, url, rizz);
          assert.equal(
            await live(consumer, `quickstart.${form}`, url, sso),
            "201 200 200 401 UNAUTHORIZED RS256",
            form,
          );
        } finally {
          await drop();
        }
      }
    });

    if (older) return;
    await t.test("with a dialect of Kysely's, on PostgreSQL and MariaDB", async () => {
      consumer.install("kysely@0.28", "pg@8", "@types/pg@8", "mysql2@3", "@types/node@20");
      const quickStart = readFileSync(here(`quickstart/${name}.ts`), "utf8");
      assert.ok(quickStart.includes(DB));
      for (const [database, { place, imports, option }] of Object.entries(dialects)) {
        consumer.write("dialect.ts", imports + quickStart.replace(DB, option));
        // The types of drivers want those of Node.
        consumer.compile(["dialect.ts"], { module: "NodeNext", skipLibCheck: true, types: NODE });
        consumer.write(
          "dialect.mjs",
          (finish[name] ?? ((same) => same))(readFileSync(consumer.path("out/dialect.js"), "utf8")),
        );
        const { url, drop } = await place();
        try {
          assert.equal(await live(consumer, "dialect.mjs", url), "201 200 200 401 UNAUTHORIZED RS256", database);
        } finally {
          await drop();
        }
      }
    });

    await t.test("it has loaded no other framework", () => {
      consumer.write(
        "alone.cjs",
        `require("sentri/${name}");\nconsole.log(["express", "fastify", "hono", "koa", "elysia"].filter((other) => Object.keys(require.cache).some((path) => path.includes("/node_modules/" + other + "/"))).join());`,
      );
      assert.equal(consumer.run("alone.cjs").trim(), ["hono", "elysia"].includes(name) ? name : "");
    });
  });
}
