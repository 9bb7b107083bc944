// The documentation: README.md, and the pages under docs/ and .github/.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./consumer.mjs";

function below(folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter(
    (entry) => entry.name !== "node_modules" && entry.name !== ".vitepress",
  );
  return entries.flatMap((entry) =>
    entry.isDirectory() ? below(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
  );
}

/** `[{path, text}]` of every page, by its path below the root of the repository. */
export function pages() {
  const paths = [
    "README.md",
    "CHANGELOG.md",
    "core/ARCHITECTURE.md",
    "tests/README.md",
    ...below("docs"),
    ...below(".github"),
  ];
  return paths
    .filter((path) => path.endsWith(".md"))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** The text of one page. */
export function page(path) {
  return readFileSync(join(root, path), "utf8");
}

/** `[{file, line, code}]` of what stands under `<!-- fragment -->`: part of a program, so that it can only be type-checked. */
export function fragments() {
  return pages().flatMap(({ path, text }) =>
    [...text.matchAll(/<!-- fragment -->\n```\w+\n([\s\S]*?)```/g)].map(({ 1: code, index }) => ({
      file: path,
      line: text.slice(0, index).split("\n").length,
      code: code.trim(),
    })),
  );
}

/** `[{path, name, language, code}]` of what stands under `<!-- snippet: name -->`. */
export function snippets() {
  return pages().flatMap(({ path, text }) =>
    [...text.matchAll(/<!-- snippet: (\S+) -->\n```(\w+)\n([\s\S]*?)```/g)].map(([, name, language, code]) => ({
      path,
      name,
      language,
      code,
    })),
  );
}
