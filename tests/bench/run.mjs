// Speed as ratios against peers and floors, measured in one run: machines differ, ratios less so. Prints, asserts
// nothing. Rounds are interleaved and medians taken, so that a noisy second harms no one side.
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createVerifier } from "fast-jwt";
import jsonwebtoken from "jsonwebtoken";
import { measureAttacks } from "./attacks.mjs";
import { databases } from "./databases.mjs";
import { measureFactors } from "./factors.mjs";
import { measureFootprint } from "./footprint.mjs";
import { measureFrameworks } from "./frameworks.mjs";
import { measureImports } from "./imports.mjs";
import { compare, median, ns, times } from "./measure.mjs";
import { measureServe } from "./serve.mjs";
import { ALGORITHMS, secret, tokens } from "./work.mjs";

const require = createRequire(import.meta.url);
const { createAuth } = require("../../npm/dist/index.js");
const { makeServer } = require("../../npm/dist/engine.js");

const rows = [];
let part = "";
const row = (what, value, peer, ratio) => {
  rows.push({ part, cells: [what, value, peer, ratio] });
  console.log(`  ${what}: ${value}${peer ? `; ${peer}` : ""}${ratio ? `; ${ratio}` : ""}`);
};
const base = { mode: "server", validRoles: ["user", "admin"], db: "sqlite::memory:", rateLimit: false };

async function verification() {
  for (const [algorithm, signing, verifying] of ALGORITHMS) {
    const auth = createAuth({ ...base, secret: signing, algorithm });
    const make = tokens(algorithm, signing);
    const one = make(0);
    const cached = createVerifier({ key: verifying, cache: 10_000, algorithms: [algorithm] });
    const plain = createVerifier({ key: verifying, algorithms: [algorithm] });
    const [hit, peerHit] = compare([() => auth.verifyAccessToken(one), () => cached(one)], { calls: 20_000 });
    row(`verifyAccessToken ${algorithm}, hit`, ns(hit), `fast-jwt with its cache ${ns(peerHit)}`, times(peerHit / hit));
    // Every token once: a miss is a token that was never seen. One peer at a time, lest the garbage of one slow the other.
    const [rounds, calls] = [40, 300];
    const unseen = Array.from({ length: 4 * rounds * calls }, (_, i) => make(i));
    const fresh = () => unseen.pop();
    const missAgainst = (peer) =>
      compare([() => auth.verifyAccessToken(fresh()), () => peer(fresh())], { rounds, calls });
    const [miss, peerMiss] = missAgainst(plain);
    const [again, jwt] = missAgainst((token) => jsonwebtoken.verify(token, verifying, { algorithms: [algorithm] }));
    row(`verifyAccessToken ${algorithm}, miss`, ns(miss), `fast-jwt ${ns(peerMiss)}`, times(peerMiss / miss));
    row(`verifyAccessToken ${algorithm}, miss`, ns(again), `jsonwebtoken ${ns(jwt)}`, times(jwt / again));
    await auth.close();
  }
}

const frameworks = () => measureFrameworks({ options: base, secret, row });

async function refreshes() {
  const file = join(tmpdir(), `sentri-bench-${randomBytes(6).toString("hex")}.db`);
  for (const [name, db] of [
    ["SQLite file", `sqlite:${file}`],
    ["PostgreSQL", process.env.DATABASE_URL],
  ]) {
    const auth = makeServer({ ...base, db, secret, saltRounds: 10 });
    await auth.migrate();
    const value = `bench-${randomBytes(6).toString("hex")}`;
    const { user } = await auth.register({ identifiers: [{ type: "username", value }], password: "correct horse" });
    for (const flight of [1, 32]) {
      const chains = await Promise.all(Array.from({ length: flight }, () => auth.createSession(user.id)));
      const until = Date.now() + 3_000;
      let count = 0;
      const started = process.hrtime.bigint();
      await Promise.all(
        chains.map(async ({ refreshToken }) => {
          for (let token = refreshToken; Date.now() < until; count++) {
            const answer = await auth.handle({
              method: "POST",
              path: "/refresh",
              headers: [["cookie", `refresh_token=${token}`]],
            });
            token = answer.headers.find(([header]) => header === "Set-Cookie")[1].match(/=([^;]*)/)[1];
          }
        }),
      );
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      row(`refresh on ${name}, ${flight} in flight`, `${Math.round(count / seconds)} /s`, "", "");
    }
    await auth.deleteUser(user.id);
    await auth.close();
  }
  for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
}

async function logins() {
  const auth = makeServer({ ...base, secret, saltRounds: 12 });
  await auth.migrate();
  await auth.register({ identifiers: [{ type: "username", value: "bench" }], password: "correct horse" });
  const hash = await auth.hashPassword("correct horse");
  const started = process.hrtime.bigint();
  for (let i = 0; i < 4; i++) await auth.verifyPassword("correct horse", hash);
  const one = Number(process.hrtime.bigint() - started) / 4e9;
  const limit = availableParallelism() / one;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const until = Date.now() + 8_000;
  let count = 0;
  const before = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (Date.now() < until) {
        const body = JSON.stringify({ identifier: "bench", password: "correct horse" });
        const { status } = await auth.handle({ method: "POST", path: "/login", headers: [], parsed: body });
        if (status === 200) count += 1;
      }
    }),
  );
  const seconds = Number(process.hrtime.bigint() - before) / 1e9;
  delay.disable();
  const p99 = Math.max(0, delay.percentile(99) / 1e6 - 5);
  row(
    "logins, bcrypt cost 12, 32 in flight",
    `${(count / seconds).toFixed(1)} /s`,
    `bcrypt alone on every core ${limit.toFixed(1)} /s`,
    `${((count / seconds / limit) * 100).toFixed(0)} %`,
  );
  row("event-loop delay meanwhile, p99", `${p99.toFixed(1)} ms`, "", "");
  await auth.close();
}

/** The rows as Markdown, a table for each part. */
function markdown(head) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  const table = (name) =>
    `\n### ${name}\n\n${line(["", "sentri", "beside", "ratio"])}|---|---|---|---|\n${rows
      .filter((one) => one.part === name)
      .map(({ cells }) => line(cells))
      .join("")}`;
  return `${head}\n${[...new Set(rows.map((one) => one.part))].map(table).join("")}`;
}

const only = process.argv.slice(2);
for (const [name, run] of Object.entries({
  verification,
  frameworks,
  refreshes,
  databases: () => databases(row, median),
  logins,
  factors: () => measureFactors({ row, compare, median, ns, times }),
  imports: () => measureImports({ row, median, times }),
  serve: () => measureServe(row, median),
  attacks: () => measureAttacks(row),
  footprint: () => measureFootprint(row, median),
})) {
  if (only.length > 0 && !only.includes(name)) continue;
  part = name;
  console.log(`\n${name}`);
  await run();
}
const head = `${process.version}, ${availableParallelism()} cores`;
writeFileSync(new URL("../../target/bench-node.md", import.meta.url), markdown(head));
const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map(({ cells }) => cells[i].length)));
console.log(`\n${head}\n`);
for (const { cells } of rows)
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "));
