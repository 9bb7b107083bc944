// One version of sentri in a process of its own, for before.mjs, which asks for its rows by their number:
//
//     before-side.mjs FOLDER URL       the version of this folder, over the PostgreSQL of this URL
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express from "express";
import { compare, rate, serveLoad } from "./measure.mjs";
import { ALGORITHMS, secret, sessions, tokens } from "./work.mjs";

const [folder, url] = process.argv.slice(2);
const load = createRequire(join(folder, "npm/dist/index.js"));
const { createAuthExpress } = load("./express.js");
const { makeServer } = load("./engine.js");
const SECONDS = 1.5;
const base = { mode: "server", validRoles: ["user", "editor"], db: "sqlite::memory:", rateLimit: false };
/** `{what, unit, measure}`: nanoseconds of one, or how many there are in a second. */
const rows = [];
const row = (what, unit, measure) => rows.push({ what, unit, measure });

function verification() {
  for (const [algorithm, signing] of ALGORITHMS) {
    const auth = makeServer({ ...base, secret: signing, algorithm });
    const make = tokens(algorithm, signing);
    const known = make(0);
    row(`verifyAccessToken ${algorithm}, hit`, "ns", () => {
      return compare([() => auth.verifyAccessToken(known)], { calls: 20_000 })[0];
    });
    let number = 0;
    row(`verifyAccessToken ${algorithm}, miss`, "ns", () => {
      const [rounds, calls] = [20, 300];
      const unseen = Array.from({ length: rounds * calls }, () => make(++number));
      return compare([() => auth.verifyAccessToken(unseen.pop())], { rounds, calls })[0];
    });
  }
}

async function route() {
  const auth = createAuthExpress({ ...base, secret, saltRounds: 10 });
  await auth.migrate();
  const identifiers = [{ type: "username", value: "bench" }];
  const { user } = await auth.register({ identifiers, password: "correct horse", roles: ["user"] });
  const { accessToken } = await auth.createSession(user.id);
  const app = express();
  app.get("/", auth.protect(), (request, response) => response.json(request.user));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const headers = { authorization: `Bearer ${accessToken}` };
  const ask = () => serveLoad({ url: `http://127.0.0.1:${server.address().port}/`, headers, seconds: 2 });
  let last;
  row("GET behind protect() of Express", "/s", async () => (last = await ask()).rate);
  row("GET behind protect() of Express, processor for one", "ns", () => last.cpu);
}

/** Returns what takes the files away. */
async function databases() {
  const file = join(tmpdir(), `sentri-bench-${randomBytes(6).toString("hex")}.db`);
  for (const [database, db] of [
    ["SQLite file", { filename: file }],
    ["PostgreSQL", { connectionString: url, max: 10 }],
  ]) {
    const side = await sessions(makeServer, { db });
    for (const [what, operation] of [
      ["refresh", "refresh"],
      ["login without its hash", "loginOfMany"],
    ]) {
      for (const flight of [1, 32]) {
        row(`${what} on ${database}, ${flight} in flight`, "/s", () => rate(side, operation, flight, SECONDS));
      }
    }
  }
  return () => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
  };
}

verification();
await route();
const clear = await databases();
process.on("message", async (number) => process.send(await rows[number].measure()));
process.on("disconnect", () => {
  clear();
  process.exit();
});
process.send(rows.map(({ what, unit }) => ({ what, unit })));
