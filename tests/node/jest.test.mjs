// Jest, whose environment jsdom asks packages for their code for browsers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { makeConsumer } from "./support/consumer.mjs";
import { page } from "./support/docs.mjs";

let consumer;

before(() => {
  consumer = makeConsumer(["jest@30", "jest-environment-jsdom@30"]);
});

after(() => consumer.remove());

const SERVER = '{ mode: "server", validRoles: ["user"], db: "sqlite::memory:", saltRounds: 10 }';
const LIVES = `
test("lives", async () => {
  const { createAuth } = require("sentri");
  const auth = createAuth(${SERVER});
  await auth.migrate();
  const made = await auth.register({ identifiers: [{ type: "username", value: "rizz" }], password: "correct horse 1" });
  const { accessToken } = await auth.createSession(made.user.id);
  expect(auth.verifyAccessToken(accessToken).id).toBe(made.user.id);
  expect(typeof document).toBe(WHERE);
  await auth.close();
});
`;
const TELLS = `/** @jest-environment jsdom */
const { createAuth, createIdempotencyMiddleware, hashPassword } = require("sentri");
const told = (run) => {
  try {
    run();
  } catch (error) {
    return error.code + " " + error.message;
  }
};
test("tells", async () => {
  const cure = /^CONFIGURATION_ERROR .*Jest's environment jsdom.*testEnvironment: 'node'.*customExportConditions: \\['node', 'node-addons'\\]/;
  expect(told(() => createAuth(${SERVER}))).toMatch(cure);
  expect(told(() => createIdempotencyMiddleware())).toMatch(cure);
  await expect(hashPassword("correct horse 1")).rejects.toThrow(/jsdom/);
});
`;

const jest = (file, text) => {
  consumer.write(file, text);
  return spawnSync(process.execPath, [consumer.path("node_modules/jest/bin/jest.js"), file], {
    cwd: consumer.folder,
    encoding: "utf8",
  });
};

for (const [name, file, text] of [
  ["with jsdom the error names jsdom and customExportConditions (G19)", "tells.test.js", TELLS],
  [
    "with jsdom and customExportConditions it works (G19)",
    "jsdom.test.js",
    `/**
 * @jest-environment jsdom
 * @jest-environment-options {"customExportConditions": ["node", "node-addons"]}
 */${LIVES.replace("WHERE", '"object"')}`,
  ],
  ["with Node's environment it works", "node.test.js", LIVES.replace("WHERE", '"undefined"')],
]) {
  test(name, { timeout: 120_000 }, () => {
    const { status, stderr } = jest(file, text);
    assert.equal(status, 0, stderr);
  });
}

test("the configuration of the guide gives a page and the server", { timeout: 120_000 }, () => {
  const [, config] = /```js\n\/\/ jest\.config\.js\n([\s\S]*?)```/.exec(page("docs/guide/bundlers.md"));
  consumer.write("jest.config.js", config);
  const { status, stderr } = jest("guide.test.js", LIVES.replace("WHERE", '"object"'));
  assert.equal(status, 0, stderr);
});
