// Judges tests of Python, and by them the tables of vectors, by 6.0.0.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { old, python } from "./place.mjs";

const FOLDER = join(old, "tests/python");
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const text = (escaped) =>
  escaped.replace(/&(?:#x?([0-9A-Fa-f]+)|(\w+));/g, (whole, number, name) =>
    name ? (ENTITIES[name] ?? whole) : String.fromCodePoint(Number(whole.includes("x") ? `0x${number}` : number)),
  );

/** The results of these tests of a file there, as `[[name, result]]`; a name has its parameters behind it. */
export function runPython(file, names) {
  const report = join(old, "target/pytest.xml");
  rmSync(report, { force: true });
  const tests = [...new Set(names)].map((name) => `${file}::${name}`);
  const flags = ["-m", "pytest", "-q", "--tb=no", `--junitxml=${report}`];
  spawnSync(python, [...flags, ...tests], { cwd: FOLDER, stdio: "ignore", timeout: 600_000, killSignal: "SIGKILL" });
  if (!existsSync(report)) return undefined;
  const found = readFileSync(report, "utf8").matchAll(
    /<testcase [^>]*?\bname="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  );
  return [...found].map(([, name, inside = ""]) => [text(name), resultOf(inside)]);
}

function resultOf(inside) {
  if (inside.includes("collection failure")) return "not run: the file can't be loaded there";
  if (inside.includes("6.0.0 has no ")) return "not run: it asks for what 6.0.0 has not";
  const failure = /<(?:failure|error)\b(?: message="([^"]*)")?/.exec(inside);
  if (failure) return `fails: ${text(failure[1] ?? "").split("\n")[0]}`;
  return inside.includes("<skipped") ? "not run there" : "passes";
}

/** The verdict on a test, whatever its parameters, or on the rows of that id. */
export function judgePython(results, name, id) {
  if (results === undefined) return "not run: out of time";
  const isIt = (found) => found === name || (found.startsWith(`${name}[`) && (!id || found.endsWith(`[${id}]`)));
  const matching = results.filter(([found]) => isIt(found)).map(([, result]) => result);
  const failing = matching.find((result) => result.startsWith("fails"));
  if (failing !== undefined) return failing;
  const unloaded = results.find(([, result]) => result.startsWith("not run:"));
  return matching[0] ?? unloaded?.[1] ?? "not run there";
}

/** The tests of Python that run a table of vectors, as `[[file, name]]`. */
export function testsOfTable(table) {
  const files = readdirSync(FOLDER).filter((file) => file.startsWith("test_vectors"));
  return files.flatMap((file) => {
    const source = readFileSync(join(FOLDER, file), "utf8");
    const tests = source.matchAll(/parametrize\(([^\n]*\btable\("([\w-]+)"[^\n]*)\)\s+def (test_\w+)/g);
    return [...tests].filter(([, , its]) => its === table).map(([, , , name]) => [file, name]);
  });
}
