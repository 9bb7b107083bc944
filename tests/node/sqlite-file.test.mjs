// An SQLite file that another library of this process opens (fault A10): sentri stops, and the file stays whole.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const { makeServer: createAuth } = require("../../npm/dist/engine.js");
const WRITES = `create table if not exists notes (id integer primary key, text);`;

/** Other libraries, each as a function that writes a row and closes the file again. */
const LIBRARIES = {
  "better-sqlite3": (file) => {
    const database = require("better-sqlite3")(file, { timeout: 2000 });
    database.exec(`${WRITES} insert into notes (text) values ('x');`);
    database.close();
  },
};

/** Asks a process of its own. */
function integrity(file) {
  const script =
    "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchone()[0])";
  return execFileSync("python3", ["-c", script, file], { encoding: "utf8" }).trim();
}

for (const [name, write] of Object.entries(LIBRARIES)) {
  test(`${name} beside sentri destroys nothing`, async (t) => {
    for (let round = 0; round < 5; round++) {
      const folder = mkdtempSync(join(tmpdir(), "sentri-a10-"));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const file = join(folder, "app.db");
      const auth = createAuth({
        mode: "server",
        db: `sqlite:${file}`,
        validRoles: ["user", "admin"],
        rateLimit: false,
        saltRounds: 10,
      });
      await auth.migrate();
      const registered = await auth.register({
        identifiers: [{ type: "username", value: "rizz" }],
        password: "correct horse",
      });
      const sessions = async () => {
        for (let index = 0; index < 400; index++) await auth.createSession(registered.user.id);
      };
      const load = Promise.allSettled([sessions(), sessions(), sessions()]);
      for (let index = 0; index < 20; index++) {
        // Not in step with the writes of sentri.
        await new Promise((resolve) => setTimeout(resolve, (index * 7 + round) % 5));
        write(file);
      }
      for (const { status, reason } of await load) {
        assert.equal(status, "rejected");
        assert.equal(reason.code, "CONFIGURATION_ERROR");
        for (const word of ["another SQLite library", "dialect", "a file of its own", "PostgreSQL"])
          assert.ok(reason.message.includes(word), reason.message);
      }
      await auth.close();
      write(file);
      assert.equal(integrity(file), "ok");
    }
  });
}
