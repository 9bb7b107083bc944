// Judges the tests of the table "Faults of 6.0.0" (tests/README.md) by that version: each row must have one that fails
// there.
//
//     node tests/faults.mjs            builds 6.0.0 in target/6.0.0 (once), and judges every row
//     node tests/faults.mjs B10 C7     these rows alone
//
// It puts the tests of this tree beside the packages of 6.0.0 and holds golden conversations by Express on SQLite, runs
// the test files of Node, the named tests of Python, and the tables of vectors by the latter. Tests in Rust are not
// run: they need the core's own API, which was another one. Modules and names that 6.0.0 has not are put there to be
// imported; a test that calls one of them shows nothing, nor does a file that can't be loaded there all the same.
// The exit code is 1 if a row that the table says is shown to fail there has no test that does.
import { build, placeModules, placeTests, rows } from "./faults/place.mjs";
import { conversationJudge, judgeTest, runFile } from "./faults/node.mjs";
import { judgePython, runPython, testsOfTable } from "./faults/python.mjs";

/** The verdict of a row of which this command runs a test that fails. */
const SHOWN = "fails";
const KINDS = ["http", "vectors", "python", "cli", "faults", "node"];

/** The tests of Python that rows name themselves or by a vector: the names by file. */
function wantedOfPython(tests) {
  const wanted = new Map();
  const add = (file, name) => wanted.set(file, [...(wanted.get(file) ?? []), name]);
  for (const [file, name] of tests) {
    if (file.startsWith("python/")) add(file.slice("python/".length), name);
    if (file.startsWith("vectors/")) for (const [own, test] of testsOfTable(tableOf(file))) add(own, test);
  }
  return wanted;
}

const tableOf = (file) => file.slice("vectors/".length, -".json".length);

async function makeJudge(tests) {
  const judgeConversation = await conversationJudge();
  const wanted = wantedOfPython(tests);
  const ran = new Map();
  const once = (file, run) => {
    if (!ran.has(file)) ran.set(file, run());
    return ran.get(file);
  };
  const byPython = (file, name, id) =>
    judgePython(
      once(file, () => runPython(file, wanted.get(file))),
      name,
      id,
    );
  const namesIn = (file) => tests.filter(([own]) => own === file).map(([, name]) => name);
  const byNode = (file, name) =>
    judgeTest(
      once(file, () => runFile(file, namesIn(file))),
      name,
    );
  const judges = {
    http: judgeConversation,
    node: byNode,
    faults: byNode,
    python: (file, name) => byPython(file.slice("python/".length), name),
    vectors(file, id) {
      const results = testsOfTable(tableOf(file)).map(([own, test]) => byPython(own, test, id));
      return results.find((result) => result.startsWith("fails")) ?? results[0] ?? "not run: no test of Python has it";
    },
    cli: () => "not run: node/cli-conversations.test.mjs holds it",
  };
  return (file, name) => judges[file.split("/")[0]](file, name);
}

async function main(wanted) {
  build();
  placeTests();
  await placeModules();
  const chosen = rows().filter(({ id }) => wanted.length === 0 || wanted.includes(id));
  const judge = await makeJudge(chosen.flatMap(({ tests }) => tests));
  const failing = new Set();
  for (const kind of KINDS) {
    for (const { id, tests } of chosen) {
      for (const [file, name] of tests.filter(([file]) => file.startsWith(`${kind}/`))) {
        const result = await judge(file, name);
        if (result.startsWith("fails")) failing.add(id);
        process.stdout.write(`${id}\t${file}: ${name}\t${result}\n`);
      }
    }
  }
  const unshown = chosen.filter(({ id, verdict }) => verdict === SHOWN && !failing.has(id)).map(({ id }) => id);
  if (unshown.length > 0) throw new Error(`no test of these rows fails on 6.0.0: ${unshown.join(", ")}`);
  process.exit(0);
}

await main(process.argv.slice(2));
