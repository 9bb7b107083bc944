// The tables in tests/vectors on the edge runtimes' code, as they are run on the core: on Node's WebCrypto, and in workerd.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildEdge, loadEdge } from "./support/edge.mjs";
import { bundle, startWorkerd } from "./support/runtimes.mjs";
import { answerAll } from "./support/vectors.mjs";

const TABLES = ["jws", "jwks", "cookie", "origin", "preflight", "duration", "remote", "assurance", "withheld"];
const pathOf = (name) => fileURLToPath(new URL(`../vectors/${name}.json`, import.meta.url));
const read = (name) => JSON.parse(readFileSync(pathOf(name), "utf8"));

/** Reports all cases that differ, not only the first. */
function check(name, answers) {
  const cases = new Map(
    read(name).map(({ id, expect, reason }) => [id, reason === undefined ? expect : { ...expect, reason }]),
  );
  assert.ok(answers.length > 20, "the table is cut off");
  const wrong = [];
  for (const [id, got] of answers) {
    try {
      assert.deepEqual(got, cases.get(id));
    } catch {
      wrong.push(`${id}: expected ${JSON.stringify(cases.get(id))}, got ${JSON.stringify(got)}`);
    }
  }
  assert.deepEqual(wrong, [], `${wrong.length} of ${answers.length} cases`);
}

const edge = await loadEdge();

for (const name of TABLES) {
  test(name, async () => check(name, await answerAll(edge, name, read(name))));
}

test("the same in workerd", { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sentri-vectors-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  buildEdge(join(folder, "edge.mjs"), ["workerd", "worker", "browser"]);
  const worker = `
import * as edge from "./edge.mjs";
import { answerAll } from ${JSON.stringify(fileURLToPath(new URL("support/vectors.mjs", import.meta.url)))};
${TABLES.map((name) => `import ${name} from ${JSON.stringify(pathOf(name))};`).join("\n")}
const tables = { ${TABLES.join(", ")} };
export default {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    return Response.json(await answerAll(edge, name, tables[name]));
  },
};`;
  await bundle(folder, worker, ["workerd", "worker", "browser"], "worker.js");
  const { base } = await startWorkerd(t, folder, "worker.js", {});
  const here = Object.fromEntries(
    await Promise.all(TABLES.map(async (name) => [name, await answerAll(edge, name, read(name))])),
  );
  for (const name of TABLES) {
    const answered = await fetch(`${base}/${name}`).then((response) => response.json());
    assert.equal(answered.length, here[name].length, `${name}: every case`);
    await t.test(name, () => check(name, answered));
  }
});
