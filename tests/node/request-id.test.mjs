// The id of a request by the table that Python runs too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const { requestIdOf } = createRequire(import.meta.url)("../../npm/dist/context.js");
const table = JSON.parse(readFileSync(new URL("../vectors/request-id.json", import.meta.url), "utf8"));

for (const { id, given, expect } of table) {
  test(id, () => assert.equal(requestIdOf(given.known, given.header) ?? null, expect));
}
