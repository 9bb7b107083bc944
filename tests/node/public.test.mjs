// The public declarations of the npm package are those of tests/declarations, so that no change of them goes unseen.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { undocumented } from "../declarations/documented.mjs";
import { examples, misfits } from "../declarations/examples.mjs";
import { declarations } from "../declarations/typescript.mjs";
import { root } from "./support/consumer.mjs";
import { fragments } from "./support/docs.mjs";

test("the public declarations are as they were", () => {
  const written = declarations();
  for (const name of ["interface ServerOptions<", "function createAuthExpress", "class SentriError"])
    assert.ok(written.includes(name), name);
  const accepted = readFileSync(join(root, "tests/declarations/typescript.txt"), "utf8");
  const lines = (text) => text.split("\n");
  const [was, is] = [lines(accepted), lines(written)];
  const gone = was.filter((line) => !is.includes(line)).map((line) => `- ${line}`);
  const added = is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`);
  const said = "The public declarations have changed. If that is meant, run: make declarations";
  assert.ok(written === accepted, [said, ...gone, ...added].join("\n"));
});

test("every public function, method and option has a sentence", () => {
  const { checked, found } = undocumented();
  assert.ok(checked > 3_000, `${checked} declarations`);
  assert.deepEqual(found, []);
});

test("every example in the TSDoc type-checks against the package", () => {
  const all = examples();
  assert.ok(all.length > 45, `${all.length} examples`);
  const wrong = { file: "calls.ts", line: 1, code: "await auth.migrat();\nconst { tokens } = await auth.listKeys();" };
  const found = misfits([...all, wrong]);
  assert.deepEqual(
    found.filter((error) => !error.startsWith("calls.ts:1: ")),
    [],
  );
  assert.equal(found.length, 2, "an example that is wrong is told");
});

test("every fragment in the documentation type-checks against the package", () => {
  const all = fragments();
  assert.ok(all.length >= 3, `${all.length} fragments`);
  assert.deepEqual(misfits(all), []);
});
