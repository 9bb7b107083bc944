// Makes the notice file of a package: every dependency in the package, with its licence and the licence's text.
// As a program, writes the notice file and the LICENSE of the wheel into bindings-python, where maturin looks for them.
import { copyFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundled, crates, isOwn, licenceTexts } from "./dependencies.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

export const NOTICE = "NOTICE.md";
const MIT = (authors) => `MIT License

Copyright (c) ${authors}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
/** Licences for which the address of the text may stand for the text. */
const ADDRESSES = {
  "MPL-2.0": "https://mozilla.org/MPL/2.0/",
  "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
};

/** The notice file of the native package of a platform. */
export const nativeNotice = (platform) => notice(crates("node", platform));

/** The notice file of the package `sentri`. */
export const mainNotice = () => notice(bundled());

/** The notice file of the wheel. It covers all platforms, since one file of Python serves them all. */
export const wheelNotice = () => notice(crates("python"));

/** Writes a table of the dependencies, and each text once under the names of the dependencies that it belongs to. */
function notice(dependencies) {
  const others = dependencies.filter((dependency) => !isOwn(dependency));
  const texts = new Map();
  for (const dependency of others) {
    for (const text of textsOf(dependency)) {
      const key = text.replace(/\s+/g, " ");
      if (!texts.has(key)) texts.set(key, { text, names: [] });
      texts.get(key).names.push(`${dependency.name} ${dependency.version}`);
    }
  }
  const rows = others.map(({ name, version, licence, source }) => `| ${name} ${version} | ${licence} | ${source} |`);
  const parts = [...texts.values()].map(({ text, names }) => `## ${names.join(", ")}\n\n\`\`\`text\n${text}\n\`\`\`\n`);
  return `# Third-party software in this package\n\n| Package | Licence | Source |\n|---|---|---|\n${rows.join("\n")}\n
${parts.join("\n")}`;
}

/** Returns the texts of a dependency. If its package has none: MIT's with its authors, or another licence's address. */
function textsOf(dependency) {
  const texts = licenceTexts(dependency);
  if (texts.length > 0) return texts;
  const { name, licence, authors } = dependency;
  const holders = authors.length > 0 ? authors.join(", ") : `the authors of ${name}`;
  if (/\bMIT\b/.test(licence)) return [MIT(holders)];
  const known = Object.keys(ADDRESSES).find((id) => licence.includes(id));
  if (!known) throw new Error(`${name} is under ${licence}, and its package has no text of that: add its address here`);
  return [`Copyright (c) ${holders}. ${known}: ${ADDRESSES[known]}`];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, "bindings-python", NOTICE), wheelNotice());
  copyFileSync(join(root, "LICENSE"), join(root, "bindings-python/LICENSE"));
}
