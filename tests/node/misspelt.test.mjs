// What compilers say of an option that does not exist: its name and the nearest one, in every framework, by TypeScript 5 and 7.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { makeConsumer, root } from "./support/consumer.mjs";

const FACTORIES = {
  express: "createAuthExpress",
  fastify: "createAuthFastify",
  hono: "createAuthHono",
  koa: "createAuthKoa",
  elysia: "createAuthElysia",
};
const PACKAGES = [
  "express@5",
  "@types/express@5",
  "fastify@5",
  "hono@4",
  "koa@3",
  "@types/koa@3",
  "@koa/router@15",
  "elysia@1.4",
  "typescript@5",
  "@types/node@20",
];
const MISTAKES = [
  [
    { mode: "server", validRoles: ["user"], db: "sqlite:", acessCookie: true },
    "'acessCookie' does not exist in type 'ServerOptions<",
    "'accessCookie'",
  ],
  [
    { mode: "server", validRoles: ["user"], db: "sqlite:", cookie: { sameSit: "lax" } },
    "'sameSit' does not exist in type 'CookieOptions'",
    "'sameSite'",
  ],
  [
    { mode: "client", keyUri: "https://auth.example.com/auth/keys", isuer: "x" },
    "'isuer' does not exist in type 'ClientOptions<",
    "'issuer'",
  ],
];
let consumer;

before(() => {
  consumer = makeConsumer(PACKAGES);
  consumer.setType("module");
});

after(() => consumer.remove());

for (const [version, folder] of [
  ["5", () => consumer.path("node_modules/typescript")],
  ["7", () => join(root, "tests/node/node_modules/typescript7")],
]) {
  for (const [name, factory] of Object.entries(FACTORIES)) {
    test(`TypeScript ${version} names a misspelt option: ${name} (G6)`, () => {
      for (const [options, what, instead] of MISTAKES) {
        // With quotes around their names compilers have nothing to propose.
        const written = JSON.stringify(options).replace(/"(\w+)":/g, "$1: ");
        consumer.write(
          "mistake.ts",
          `import { ${factory} } from "sentri/${name}";\nexport const auth = () => ${factory}(${written}).protect();\n`,
        );
        const compilerOptions = {
          strict: true,
          noEmit: true,
          target: "ES2022",
          module: "NodeNext",
          skipLibCheck: true,
          types: ["node"],
        };
        consumer.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["mistake.ts"] }));
        const { status, stdout } = spawnSync(
          process.execPath,
          [join(folder(), "bin/tsc"), "-p", consumer.folder, "--pretty", "false"],
          { cwd: consumer.folder, encoding: "utf8" },
        );
        assert.notEqual(status, 0);
        const [last] = stdout
          .split("\n")
          .filter((line) => line.startsWith("    "))
          .slice(-1);
        assert.ok(last?.includes(what) && last.includes(`Did you mean to write ${instead}?`), stdout);
      }
    });
  }
}
