// `sentri openapi`: a valid OpenAPI 3.1 document that says what a server really does. The golden conversations are held
// with an Express server, and everything that goes over the wire is held against the document.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { frameworks, serve } from "./support/frameworks.mjs";
import { conversations, databases, each, hold } from "./support/golden.mjs";

const bin = join(dirname(fileURLToPath(import.meta.url)), "../../npm/dist/cli/main.js");
const print = (...args) =>
  spawnSync(process.execPath, [bin, "openapi", ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH },
    timeout: 30_000,
  });
const document = JSON.parse(print().stdout);

test("it is valid, and says where the server is", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors, null, 2));
  const url = (...args) => JSON.parse(print(...args).stdout).servers[0].url;
  assert.equal(url(), "/auth");
  assert.equal(url("--mount", "/"), "/");
  assert.equal(url("--mount", "v1/auth/", "--server", "https://example.com/"), "https://example.com/v1/auth");
  const wrong = print("--server", "example.com");
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--server must be a URL/);
});

const ajv = addFormats(new Ajv2020({ strict: false, allErrors: true }));
ajv.addSchema({ ...document, $id: "sentri" });
const pointer = (...parts) =>
  `sentri#/${parts
    .map((part) => String(part).replace(/~/g, "~0").replace(/\//g, "~1"))
    .map(encodeURIComponent)
    .join("/")}`;
const errorsOf = (value, ...place) => {
  const validate = ajv.getSchema(pointer(...place, "content", "application/json", "schema"));
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
};

/** The path of the document that a request went to. */
function pathOf(method, path) {
  const matches = (template) => new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}/?$`).test(path);
  return Object.keys(document.paths).find((template) => matches(template) && document.paths[template][method]);
}

const { AuthServer } = createRequire(import.meta.url)("../../npm/dist/server.js");

/** Notes everything that goes through the endpoints of any server here. */
function tap(t, traffic) {
  const { handle } = AuthServer.prototype;
  t.after(() => {
    AuthServer.prototype.handle = handle;
  });
  AuthServer.prototype.handle = async function (request) {
    const response = await handle.call(this, request);
    const sent = request.raw?.toString() ?? request.parsed;
    const { status, headers, body } = response;
    traffic.push({
      method: request.method.toLowerCase(),
      path: request.path,
      sent,
      status,
      answer: JSON.parse(body),
      headers,
    });
    return response;
  };
}

test("everything in the golden conversations is as it says, and it says nothing else", async (t) => {
  const traffic = [];
  tap(t, traffic);
  const make = (options) => serve(frameworks["Express 5"], options);
  await each(conversations(), 4, (conversation) => hold(conversation, databases.SQLite, make));
  const seen = new Set();
  for (const { method, path, sent, status, answer, headers } of traffic) {
    const template = pathOf(method, path);
    const place = ["paths", template, method];
    const what = `${method} ${template} ${status}`;
    const operation = document.paths[template][method];
    assert.ok(operation.responses[status], `${what} is not in the document: ${JSON.stringify(answer)}`);
    assert.equal(errorsOf(answer, ...place, "responses", status), undefined, `${what}: ${JSON.stringify(answer)}`);
    if (status < 300 && operation.requestBody && sent) {
      assert.equal(
        errorsOf(JSON.parse(sent), ...place, "requestBody"),
        undefined,
        `${what} was sent ${JSON.stringify(sent)}`,
      );
    }
    for (const name of Object.keys(operation.responses[status].headers ?? {})) {
      if (status >= 400)
        assert.ok(
          headers.some(([header]) => header === name),
          `${what} has no ${name}`,
        );
    }
    seen.add(`${template} ${method} ${status < 300}`);
  }
  for (const [template, item] of Object.entries(document.paths)) {
    for (const method of Object.keys(item))
      assert.ok(seen.has(`${template} ${method} true`), `no success of ${method} ${template} was seen`);
  }
  // The check can fail: what is not as documented is not let through.
  assert.ok(
    errorsOf(
      { error: false, statusCode: 200, message: "OK", data: { id: 1 } },
      "paths",
      "/me",
      "get",
      "responses",
      200,
    ),
  );
});
