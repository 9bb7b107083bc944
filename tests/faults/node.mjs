// Judges golden conversations and tests of Node by 6.0.0.
import { spawnSync } from "node:child_process";
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

/** The results of a test file of Node there, as `{results: [[name, result]], late}`. */
export function runFile(file) {
  const { stdout, error } = spawnSync("node", ["--test", "--test-reporter=tap", join(old, "tests", file)], {
    cwd: old,
    encoding: "utf8",
    timeout: 480_000,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  });
  const results = [...stdout.matchAll(/^ *(not ok|ok) \d+ - (.*)$/gm)].map(([, result, name]) => [
    name.replaceAll("\\#", "#").replaceAll("\\\\", "\\"),
    result === "ok" ? "passes" : "fails",
  ]);
  return {
    results: results.filter(([name]) => !name.endsWith(file.split("/").pop())),
    late: error?.code === "ETIMEDOUT",
  };
}

/**
 * The verdict on one test of Node. `${...}` in its name stands for any text, a table of vectors for all tests of its
 * file.
 */
export function judgeTest({ results, late }, name) {
  const pattern = name.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^$()|[\]{}\\]/g, "\\$&"));
  const wanted = name.endsWith(".json") ? /(?:)/ : new RegExp(pattern.join(".*"));
  const matching = results.filter(([found]) => wanted.test(found));
  if (matching.length === 0 && late) return "not run: out of time";
  if (results.length === 0) return "not run: the file can't be loaded there";
  if (matching.length === 0) return "not run there";
  return matching.some(([, result]) => result === "fails") ? "fails" : "passes";
}
