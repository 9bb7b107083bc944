// The public functions, methods and options of the npm package that have no sentence in their TSDoc. Needs npm/dist.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const npm = fileURLToPath(new URL("../../npm/", import.meta.url));
const ts = createRequire(join(npm, "package.json"))("typescript");
/** Types whose members are options, beside those that are called so. */
const OPTIONS = /(Options|Settings|Input)$|^(Hooks|RouterOverrides|SentriLogger)$/;

/** The files of the types of all entry points. */
function entries() {
  const { exports } = JSON.parse(readFileSync(join(npm, "package.json"), "utf8"));
  const types = (target) => target.require?.types ?? target.types ?? target.default?.types ?? target.import?.types;
  const files = Object.values(exports).map(types);
  return files.filter(Boolean).map((file) => join(npm, file));
}

export function undocumented() {
  const files = entries();
  const options = { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16, target: 99 };
  const typeRoots = [join(npm, "node_modules/@types")];
  const program = ts.createProgram(files, { ...options, strict: true, skipLibCheck: true, types: ["node"], typeRoots });
  const checker = program.getTypeChecker();
  const found = new Set();
  let checked = 0;

  const isOwn = (symbol) =>
    (symbol.declarations ?? []).some((it) => it.getSourceFile().fileName.startsWith(join(npm, "dist")));
  const check = (symbol, name, otherwise) => {
    checked += 1;
    const sentence = [symbol, otherwise].some((it) => it && it.getDocumentationComment(checker).length > 0);
    if (!sentence) found.add(name);
  };
  const isPublic = (symbol) =>
    (symbol.declarations ?? []).every(
      (it) => !(ts.getCombinedModifierFlags(it) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)),
    );
  const isMethod = (symbol) => checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0;

  for (const file of files) {
    for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))) {
      const isAlias = exported.flags & ts.SymbolFlags.Alias;
      const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
      if (!isOwn(symbol)) continue;
      check(symbol, exported.name, exported);
      if (!(symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class))) continue;
      for (const member of checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))) {
        if (!isOwn(member) || !isPublic(member)) continue;
        if (OPTIONS.test(exported.name) || isMethod(member)) check(member, `${exported.name}.${member.name}`);
      }
    }
  }
  return { checked, found: [...found].sort() };
}
