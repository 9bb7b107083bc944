// Declarations of applications name the types of ours where packages see only what they depend on themselves, as with pnpm
// and npm's linked strategy. A type that is written down by way of a package further away does not compile there (TS2742).
import { existsSync } from "node:fs";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeConsumer } from "./support/consumer.mjs";
import { inferred } from "./support/inferred.mjs";

const FRAMEWORKS = ["express", "fastify", "hono", "koa", "elysia"];
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
let consumer;

before(() => {
  consumer = makeConsumer(PACKAGES, { flags: ["--install-strategy=linked"] });
  for (const name of FRAMEWORKS) consumer.write(`inferred-${name}.ts`, inferred(name));
});

after(() => consumer.remove());

test("packages see only what they depend on themselves", () => {
  for (const far of [
    "@types/express-serve-static-core",
    "@types/qs",
    "koa-compose",
    "@types/koa-compose",
    "@sinclair/typebox",
    "avvio",
  ]) {
    assert.equal(existsSync(consumer.path("node_modules", far)), false, far);
  }
});

for (const [type, module] of [
  ["module", "NodeNext"],
  ["commonjs", "Node16"],
]) {
  test(`what calls answer can be exported without its type, in every framework: ${module}`, () => {
    consumer.setType(type);
    // The types of Elysia do not check by themselves.
    consumer.compile(
      FRAMEWORKS.map((name) => `inferred-${name}.ts`),
      { module, skipLibCheck: true, types: ["node"] },
    );
    for (const name of FRAMEWORKS) {
      const declared = consumer.read(`out/inferred-${name}.d.ts`);
      assert.match(
        declared,
        new RegExp(
          `^export declare const auth: import\\("sentri/${name}"\\)\\.ServerAuthClient<"user" \\| "admin">;$`,
          "m",
        ),
      );
      assert.doesNotMatch(declared, /: any;|\.store|node_modules/);
    }
  });
}
