// Judges golden conversations and tests of Node by 6.0.0.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { old } from "./place.mjs";

/** The conversation that has this name, or the one with a step of it. */
function find(all, file, name) {
  const here = all.filter((conversation) => `http/${conversation.file}.json` === file);
  const whole = here.find((conversation) => conversation.name === name);
  if (whole) return { conversation: whole, step: null };
  const conversation = here.find(({ steps }) => steps.some((step) => step.name === name));
  return { conversation, step: name };
}

/** Whether a conversation holds there. For a step, earlier ones that do not are left out. */
async function judgeConversation({ hold, databases, serve }, { conversation, step }) {
  let steps = conversation.steps;
  for (;;) {
    try {
      await hold({ ...conversation, steps }, databases.SQLite, serve);
      return "passes";
    } catch (error) {
      const message = String(error.message).split("\n")[0];
      if (step === null) return `fails: ${message}`;
      const failing = steps.find(({ name }) => message.startsWith(`${name}: `));
      if (!failing || failing.name === step) return `fails: ${message}`;
      steps = steps.filter((one) => one !== failing);
    }
  }
}

/** Judges golden conversations by Express on SQLite. */
export async function conversationJudge() {
  const support = (file) => import(pathToFileURL(join(old, "tests/node/support", file)));
  const { conversations, databases, hold } = await support("golden.mjs");
  const { frameworks, serve } = await support("frameworks.mjs");
  const host = { hold, databases, serve: (options) => serve(frameworks["Express 5"], options) };
  const all = conversations();
  return (file, name) => judgeConversation(host, find(all, file, name));
}

/** The result of a test that failed with these details of TAP. */
function resultOf(details) {
  if (details.includes("6.0.0 has no ")) return "not run: it asks for what 6.0.0 has not";
  if (details.includes("testTimeoutFailure")) return "not run: out of time";
  const message = /^ *error: (?:\|-\n)?(.*)$/m.exec(details)?.[1] ?? "";
  return `fails: ${message.trim()}`;
}

/** The pattern of a name: `${...}` in it stands for any text. */
const patternOf = (name) =>
  name
    .split(/\$\{[^}]*\}/)
    .map((part) => part.replace(/[.*+?^$()|[\]{}\\]/g, "\\$&"))
    .join(".*");

/** The flags that leave other tests of a file out; none where tests are parts of others, or a table of vectors is named. */
function only(file, names) {
  const isNested = /\b(?:t\.test|describe)\(/.test(readFileSync(file, "utf8"));
  if (isNested || names.some((name) => name.endsWith(".json"))) return [];
  return names.map((name) => `--test-name-pattern=${patternOf(name)}`);
}

/**
 * The results of the tests with these names, and of others, in a test file of Node there: `{results: [[name, result]], late}`.
 * What a test leaves open does not keep its file from ending.
 */
export function runFile(name, names) {
  const file = join(old, "tests", name);
  const flags = ["--test", "--test-reporter=tap", "--test-force-exit", "--test-timeout=120000", ...only(file, names)];
  const { stdout, error } = spawnSync("node", [...flags, file], {
    cwd: old,
    encoding: "utf8",
    timeout: 900_000,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  });
  const results = [...stdout.matchAll(/^( *)(not ok|ok) \d+ - (.*)\n(?:\1 {2}---\n([^]*?)\n\1 {2}\.\.\.$)?/gm)]
    .filter(([, , , title]) => !title.includes(" # SKIP"))
    .map(([, , result, title, details = ""]) => [
      title.replaceAll("\\#", "#").replaceAll("\\\\", "\\"),
      result === "ok" ? "passes" : resultOf(details),
    ]);
  return {
    results: results.filter(([title]) => !title.endsWith(name.split("/").pop())),
    late: error?.code === "ETIMEDOUT",
  };
}

/** The verdict on one test of Node, or on all of a file where a table of vectors is named. */
export function judgeTest({ results, late }, name) {
  const wanted = new RegExp(name.endsWith(".json") ? "" : patternOf(name));
  const matching = results.filter(([found]) => wanted.test(found));
  if (matching.length === 0 && late) return "not run: out of time";
  if (results.length === 0) return "not run: the file can't be loaded there";
  if (matching.length === 0) return "not run there";
  return (matching.find(([, result]) => result.startsWith("fails")) ?? matching[0])[1];
}
