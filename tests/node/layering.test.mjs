// No file of npm/src imports itself by way of others. Imports of types count, and those within functions, since whoever
// reads one file of a circle has to read all of them.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { circles } from "./support/circles.mjs";
import { root } from "./support/consumer.mjs";

const sources = join(root, "npm/src");
const ts = createRequire(join(root, "npm/package.json"))("typescript");
/** The files that a name of package.json stands for, one on each kind of runtime. */
const SUBPATHS = { "#engine": ["engine.ts", "edge/engine.ts"] };

/** The names that a file imports: by `import`, `export from`, `import()`, `require()` and types `import("")`. */
function imported(text) {
  const found = [];
  const take = (node) => {
    if (node && ts.isStringLiteralLike(node)) found.push(node.text);
  };
  ts.forEachChild(ts.createSourceFile("a.ts", text, ts.ScriptTarget.Latest), function visit(node) {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) take(node.moduleSpecifier);
    else if (ts.isExternalModuleReference(node)) take(node.expression);
    else if (ts.isImportTypeNode(node)) take(node.argument.literal);
    else if (ts.isCallExpression(node) && isImport(node.expression)) take(node.arguments[0]);
    ts.forEachChild(node, visit);
  });
  return found;
}

function isImport(called) {
  return called.kind === ts.SyntaxKind.ImportKeyword || called.escapedText === "require";
}

/** The files that each file imports. */
function imports() {
  const files = readdirSync(sources, { recursive: true })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ts"));
  return new Map(
    files.map((name) => [
      name,
      imported(readFileSync(join(sources, name), "utf8")).flatMap((target) => {
        if (!target.startsWith(".")) return SUBPATHS[target] ?? [];
        const file = join(name, "..", target.replace(/\.([cm]?)js$/, ".$1ts")).replaceAll("\\", "/");
        assert.ok(existsSync(join(sources, file)) || target.endsWith(".json"), `${name}: ${target}`);
        return files.includes(file) ? [file] : [];
      }),
    ]),
  );
}

test("every kind of import is seen", () => {
  const text = `import a from "1"; import type { B } from "2"; export * from "3"; export type * from "4";
type C = import("5").C; const d = () => import("6"); const e = () => require("7"); import f = require("8"); import "9";`;
  assert.deepEqual(imported(text).sort(), ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

test("circles are found, and nothing else", () => {
  const graph = (edges) => new Map(Object.entries(edges));
  assert.deepEqual(circles(graph({ a: ["b"], b: ["c"], c: ["a"], d: ["a"], e: [] })), [["a", "b", "c"]]);
  assert.deepEqual(circles(graph({ a: ["b", "c"], b: ["d"], c: ["d"], d: [] })), []);
});

test("no file is in a circle", () => {
  const graph = imports();
  assert.ok(graph.size > 150, `${graph.size} files`);
  assert.ok(graph.get("index.ts").length > 0);
  assert.deepEqual(circles(graph), []);
});
