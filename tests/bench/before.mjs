// The present version beside 6.0.0, in one run on one machine. Each is a process of its own; they take turns at every
// row, round by round, and medians are taken. Prints, asserts nothing.
//
//     before.mjs [ROUNDS]       so many rounds, 7 if it is not said, after one that warms up
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { buildOptimised, root } from "../faults/place.mjs";
import { median, ns, times } from "./measure.mjs";
import { withSchema } from "./sides.mjs";

const [rounds = "7"] = process.argv.slice(2);

/** A version in a process of its own. */
class Side {
  constructor(folder, url) {
    this.child = fork(fileURLToPath(new URL("before-side.mjs", import.meta.url)), [folder, url], {
      serialization: "advanced",
    });
    this.ended = once(this.child, "exit");
  }

  /** What it sends next: first its rows. */
  async next() {
    const [said] = await Promise.race([
      once(this.child, "message"),
      this.ended.then(([code, signal]) => {
        throw new Error(`a version has ended: ${code ?? signal}`);
      }),
    ]);
    return said;
  }

  measure(number) {
    this.child.send(number);
    return this.next();
  }

  async end() {
    if (this.child.connected) this.child.disconnect();
    await this.ended;
  }
}

/** The values of both versions by row and round: `[[old, present]]` of each row. */
async function measure(sides, rows) {
  const values = rows.map(() => []);
  for (let round = 0; round <= Number(rounds); round += 1) {
    for (const [number, { what }] of rows.entries()) {
      const pair = [];
      for (const side of sides) pair.push(await side.measure(number));
      if (round === 0) continue;
      console.log(`  round ${round}: ${what}: ${pair.map((value) => Math.round(value)).join(" and ")}`);
      values[number].push(pair);
    }
  }
  return values;
}

/** The cells of a row: above 1 the present version is the faster one. */
function cells({ what, unit }, pairs) {
  const faster = ([old, present]) => (unit === "ns" ? old / present : present / old);
  const both = [0, 1].map((side) => median(pairs.map((pair) => pair[side])));
  const spread = pairs.map(faster).toSorted((a, b) => a - b);
  const show = (value) => (unit === "ns" ? ns(value) : `${Math.round(value)} /s`);
  return [what, ...both.map(show), times(faster(both)), `${times(spread[0])} to ${times(spread.at(-1))}`];
}

function print(table) {
  const head = `${process.version}, ${availableParallelism()} cores, ${rounds} rounds`;
  const titles = ["", "6.0.0", "now", "ratio", "ratios of the rounds"];
  const lines = [titles, titles.map(() => "---"), ...table].map((line) => `| ${line.join(" | ")} |\n`);
  writeFileSync(new URL("../../target/bench-before.md", import.meta.url), `${head}\n\n${lines.join("")}`);
  const widths = titles.map((_, i) => Math.max(...[titles, ...table].map((line) => line[i].length)));
  console.log(`\n${head}\n`);
  for (const line of [titles, ...table])
    console.log(line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "));
}

const folder = buildOptimised();
await withSchema((oldUrl) =>
  withSchema(async (presentUrl) => {
    const sides = [new Side(folder, oldUrl), new Side(root, presentUrl)];
    try {
      const [rows] = await Promise.all(sides.map((side) => side.next()));
      const values = await measure(sides, rows);
      print(rows.map((row, number) => cells(row, values[number])));
    } finally {
      for (const side of sides) await side.end();
    }
  }),
);
