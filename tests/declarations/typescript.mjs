// The public declarations of the npm package as text: what every entry point exports, and each declaration that these
// lead to, without comments. Needs npm/dist. `make declarations` writes it to typescript.txt, where a test looks.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const npm = fileURLToPath(new URL("../../npm/", import.meta.url));
const ts = createRequire(join(npm, "package.json"))("typescript");
const dist = join(npm, "dist/");

/** The way to the core, which applications never see: it counts only where an entry point exports something of it. */
const PLUMBING = [
  "generated/native",
  "generated/wire",
  "server",
  "guarding",
  "protect-host",
  "dispatch",
  "callbacks",
].map((name) => `${dist}${name}.d.ts`);

/** The entry points and the files of their types. */
function entries() {
  const { exports } = JSON.parse(readFileSync(join(npm, "package.json"), "utf8"));
  const types = (target) => target.require?.types ?? target.types ?? target.default?.types ?? target.import?.types;
  return Object.entries(exports)
    .map(([path, target]) => [path.replace(/^\./, "sentri"), types(target)])
    .filter(([, file]) => file)
    .map(([path, file]) => [path, join(npm, file)]);
}

export function declarations() {
  const files = entries();
  const options = { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16, target: 99 };
  const program = ts.createProgram(
    files.map(([, file]) => file),
    { ...options, strict: true, skipLibCheck: true, types: ["node"], typeRoots: [join(npm, "node_modules/@types")] },
  );
  const checker = program.getTypeChecker();
  const found = new Map();
  const exported = files.map(([path, file]) => {
    const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
    for (const symbol of symbols) collect(resolved(symbol));
    return `${path}: ${symbols
      .map(({ name }) => name)
      .sort()
      .join(", ")}\n`;
  });
  return `${exported.join("")}\n${[...found.values()].sort().join("\n")}\n`;

  function resolved(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  }

  /** Adds the declarations of a symbol, and those of all symbols of ours that they name. */
  function collect(symbol) {
    for (const declaration of symbol.declarations ?? []) {
      const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
      if (!isOwn(node) || found.has(node)) continue;
      found.set(node, print(node));
      ts.forEachChild(node, function visit(child) {
        const named = ts.isIdentifier(child) ? checker.getSymbolAtLocation(child) : undefined;
        if (named && !isPlumbing(resolved(named))) collect(resolved(named));
        ts.forEachChild(child, visit);
      });
    }
  }
}

function isPlumbing({ declarations = [] }) {
  return declarations.some((node) => PLUMBING.includes(node.getSourceFile().fileName));
}

/** Whether it stands by itself in one of our files; a member or a parameter stands in what has it. */
function isOwn(node) {
  return node.parent && ts.isSourceFile(node.parent) && node.getSourceFile().fileName.startsWith(dist);
}

function print(node) {
  const printer = ts.createPrinter({ removeComments: true });
  const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()).replace(/^export /, "");
  return text.replace(/^ +(private|protected) [^\n]*;\n/gm, "");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("typescript.txt", import.meta.url), declarations());
}
