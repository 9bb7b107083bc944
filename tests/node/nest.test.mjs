// NestJS 11 holds the golden conversations about guards, bodies and proofs of origin; with SENTRI_SOAK=1 all of them.
import { test } from "node:test";
import { serve } from "./support/frameworks.mjs";
import { conversations, databases, each, hold } from "./support/golden.mjs";
import { nests } from "./support/nest.mjs";

const FILES = process.env.SENTRI_SOAK ? undefined : ["bodies", "csrf", "protect"];

for (const [name, framework] of Object.entries(nests)) {
  test(`golden conversations: ${name}`, async (t) => {
    const held = conversations().filter((one) => !FILES || FILES.includes(one.file));
    await each(held, 4, (one) =>
      t.test(`${one.file} / ${one.name}`, () => hold(one, databases.SQLite, (options) => serve(framework, options))),
    );
  });
}
