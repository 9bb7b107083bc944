// The conversations of tests/cli, held with the npm package's command line.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DATABASES, conversations, hold } from "./support/command-line.mjs";

const { COMMANDS } = createRequire(import.meta.url)("../../npm/dist/cli/commands.js");
const reference = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "../../docs/reference/cli.md"), "utf8");

for (const conversation of conversations()) {
  for (const database of conversation.databases ?? Object.keys(DATABASES)) {
    test(`${conversation.name}, on ${database}`, { timeout: 300_000 }, () => hold(conversation, database));
  }
}

test("the reference names every command, flag and variable", () => {
  for (const [name, { words = [], flags }] of Object.entries(COMMANDS)) {
    const heading = [
      "",
      name,
      ...words.map((word) => (word.endsWith("?") ? `[${word.slice(0, -1)}]` : `<${word}>`)),
    ].join(" ");
    const section = reference.split(`### \`sentri${heading}\`\n`)[1]?.split("\n### ")[0];
    assert.ok(section, `docs/reference/cli.md has no section ${heading}`);
    for (const [flag, { env }] of Object.entries(flags)) {
      const said = name === "create-user" || section.includes(`\`--${flag}\``);
      assert.ok(said, `${name} --${flag} is not in docs/reference/cli.md`);
      if (env) assert.ok(reference.includes(`\`${env}\``), `${env} is not in docs/reference/cli.md`);
    }
  }
});
