// Express as the parity test of Node runs it, for a test in another language: `node node_parity.mjs <seed> <count> <options>`. Writes
// its address and the generated requests, then answers each line `["call", ...arguments]` with `{value}` or `{error}`. The call
// `events` takes what was logged since it was last asked, `advance` moves the clock.
import { createInterface } from "node:readline";
import { frameworks, serve } from "../../node/support/frameworks.mjs";
import { generate } from "../../node/support/generator.mjs";
import { testClock } from "../../node/support/server.mjs";

const [seed, count, options] = process.argv.slice(2).map((text) => JSON.parse(text));
const events = [];
const log = (level) => (entry) => void events.push([level, entry]);
const clock = testClock(options.clock);
const { auth, base } = await serve(frameworks["Express 5"], {
  ...options,
  clock,
  logger: { info: log("info"), warn: log("warn"), error: log("error") },
});
const say = (value) => console.log(JSON.stringify(value));
const calls = { events: () => events.splice(0), advance: (by) => clock.advance(by) };

say({ base, requests: generate(seed, count) });
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line);
  try {
    say({ value: (await (calls[name] ?? auth[name].bind(auth))(...args)) ?? null });
  } catch (error) {
    say({ error: String(error) });
  }
}
process.exit(0);
