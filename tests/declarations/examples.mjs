// Type-checks every `@example` of npm/src against the package, as a file of an application beside it. Needs npm/dist.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const npm = fileURLToPath(new URL("../../npm/", import.meta.url));
const ts = createRequire(join(npm, "package.json"))("typescript");

const SERVER = 'import("sentri").ServerAuthClient<"user" | "admin">';
const WEB = 'import("sentri/web").ServerAuthClient<"user" | "admin">';
/** What an application has that examples speak of without making it. */
const SURROUNDINGS = {
  auth: SERVER,
  user: 'import("sentri").User',
  row: "{ hash: string }",
  password: "string",
  identifier: "string",
  email: "string",
  base: "string",
  app: 'import("express").Express',
  fastify: 'import("fastify").FastifyInstance',
  router:
    "{ get(path: string, handler: (context: { set(name: string, value: string): void; body: unknown }) => void): void }",
  mailer: "{ send(mail: { to: string; template: string; data: object; idempotencyKey: string }): Promise<void> }",
  waitUntil: "(promise: Promise<unknown>) => void",
  createReadStream: 'typeof import("node:fs").createReadStream',
  options: '{ mode: "server"; db: string; validRoles: ["user"] }',
  send: 'import("sentri").MessageOptions["send"]',
  request: "Request",
  host: "unknown",
  authFetch: 'import("sentri/browser").AuthFetch',
  askForCode: "() => Promise<string>",
  useSyncExternalStore: "<T>(subscribe: (listener: () => void) => () => void, snapshot: () => T) => T",
  req: 'import("node:http").IncomingMessage & { headers: { cookie: string } }',
  res: 'import("node:http").ServerResponse',
  answer: "Response",
  cookies: '() => Promise<import("sentri/browser").CookieStore>',
  event: '{ cookies: import("sentri/browser").CookieStore }',
  Bun: "{ serve(options: { fetch(request: Request): Response | Promise<Response> }): void }",
  Deno: "{ serve(handler: (request: Request) => Response | Promise<Response>): void }",
};
/** The packages that they import and that are not installed here. */
const MODULES = `declare module "@vercel/functions" {
  export function waitUntil(promise: Promise<unknown>): void;
}
`;
/** The same, where a file is of another framework. */
const OF_FILES = {
  "elysia.ts": { app: 'import("elysia").Elysia' },
  "hono.ts": { app: 'import("hono").Hono' },
  "adapters/fastify.ts": { app: 'import("fastify").FastifyInstance' },
  "adapters/koa.ts": { app: 'import("koa")' },
  "adapters/web-types.ts": { auth: WEB },
  "prometheus.ts": { app: 'import("hono").Hono' },
};

/** The examples of a file: `{file, line, code}`. */
function examplesOf(file) {
  const text = readFileSync(join(npm, "src", file), "utf8");
  const comments = text.matchAll(/^[ \t]*\/\*\*\n?[\s\S]*?\*\//gm);
  return [...comments].flatMap(({ 0: comment, index }) => {
    const lines = comment
      .replace(/\s*\*\/$/, "")
      .split("\n")
      .map((line) => line.replace(/^\s*\/?\*+ ?/, ""));
    const found = [];
    lines.forEach((line, at) => {
      const tag = /^@(\w+) ?(.*)$/.exec(line);
      if (tag) found.push({ tag: tag[1], at, code: [tag[2]] });
      else found.at(-1)?.code.push(line);
    });
    const first = text.slice(0, index).split("\n").length;
    return found
      .filter(({ tag }) => tag === "example")
      .map(({ at, code }) => ({
        file,
        line: first + at,
        code: code
          .join("\n")
          .replace(/^```(ts)?$/gm, "")
          .trim(),
      }));
  });
}

/** Every example, in the order of the files. */
export function examples() {
  const files = readdirSync(join(npm, "src"), { recursive: true }).map((name) => name.replaceAll("\\", "/"));
  return files
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .flatMap(examplesOf);
}

/** The names that each entry point exports. */
function entries() {
  const { exports } = JSON.parse(readFileSync(join(npm, "package.json"), "utf8"));
  const types = (target) => target.require?.types ?? target.types ?? target.default?.types ?? target.import?.types;
  const files = Object.entries(exports)
    .map(([path, target]) => [path.replace(/^\./, "sentri"), types(target)])
    .filter(([, file]) => file)
    .map(([path, file]) => [path, join(npm, file)]);
  const program = ts.createProgram(
    files.map(([, file]) => file),
    OPTIONS,
  );
  const checker = program.getTypeChecker();
  const names = ([path, file]) => {
    const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
    return [path, new Set(symbols.map(({ name }) => name))];
  };
  return files.map(names);
}

const OPTIONS = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  esModuleInterop: true,
  types: ["node"],
  typeRoots: [join(npm, "node_modules/@types")],
};

/** The text of a file around an example: what it speaks of is declared, and what is the package's imported. */
function whole({ file, code }, exported) {
  // A line such as `mfa: {..}` is a member of the options.
  if (/^\w+: /.test(code)) code = `({\n${code}\n}) satisfies Partial<Options>;`;
  const bare = code.replace(/\/\/.*$/gm, "").replace(/"[^"\n]*"/g, '""');
  const used = new Set(bare.match(/(?<!\w|(?<!\.\.)\.)[A-Za-z]\w*\b(?!:)/g));
  const declared = ts.createSourceFile("a.mts", code, ts.ScriptTarget.Latest);
  const surroundings = new Map(Object.entries({ ...SURROUNDINGS, ...OF_FILES[file] }));
  const head = ['type Options = import("sentri").ServerOptions & import("sentri").MessageOptions;'];
  for (const name of used) {
    if (isTopLevel(declared, name)) continue;
    const [entry] = exported.find(([path, names]) => names.has(name) && fits(path, file)) ?? [];
    if (surroundings.has(name)) head.push(`declare const ${name}: ${surroundings.get(name)};`);
    else if (entry) head.push(`import { ${name} } from "${entry}";`);
  }
  return `${head.join("\n")}\n${code}\nexport {};\n`;
}

/** Browsers have an entry point of their own, whose names are the browser's there. */
function fits(path, file) {
  return file.startsWith("browser/") ? path === "sentri/browser" : true;
}

/** Whether an example makes or imports a name itself. */
function isTopLevel(source, name) {
  const names = [];
  const bind = (binding) => {
    if (ts.isIdentifier(binding)) names.push(binding.text);
    else for (const { name: inner } of binding.elements) bind(inner);
  };
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement))
      for (const { name: own } of statement.declarationList.declarations) bind(own);
    else if (ts.isImportDeclaration(statement)) {
      const { importClause } = statement;
      if (importClause?.name) names.push(importClause.name.text);
      for (const { name: own } of importClause?.namedBindings?.elements ?? []) names.push(own.text);
    } else if (statement.name) names.push(statement.name.text);
  }
  return names.includes(name);
}

/** An example may be the inside of a handler, which returns. */
const RETURN_OUTSIDE = 1108;

/** The errors of examples, with the line that each begins at. */
export function misfits(found) {
  const exported = entries();
  const texts = new Map(
    found.map((example, at) => [join(npm, `example-${at}.mts`), { ...example, text: whole(example, exported) }]),
  );
  texts.set(join(npm, "example-modules.d.ts"), { text: MODULES });
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  host.readFile = (name) => texts.get(name)?.text ?? readFile(name);
  host.getSourceFile = (name, ...rest) =>
    texts.has(name) ? ts.createSourceFile(name, texts.get(name).text, rest[0], true) : getSourceFile(name, ...rest);
  const program = ts.createProgram([...texts.keys()], OPTIONS, host);
  return [...texts].flatMap(([name, { file, line, text }]) => {
    const source = program.getSourceFile(name);
    const errors = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return errors
      .filter(({ code }) => code !== RETURN_OUTSIDE)
      .map(({ messageText }) => `${file}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}\n${text}`);
  });
}
