// P48: whatever is passed to the exports of the native core, the answer is a value or an exception, and the process
// lives.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const native = join(dirname(fileURLToPath(import.meta.url)), "../../npm/dist/loader.js");

test("no argument to any export ends the process", () => {
  const script = `
const core = require(${JSON.stringify(native)}).loadNative();
const options = JSON.stringify({ mode: "server", db: "sqlite::memory:", validRoles: ["user"], secret: "x".repeat(40) });
const clientOptions = JSON.stringify({ mode: "client", keyUri: "http://127.0.0.1:1/keys" });
const odd = [undefined, null, 0, -1, NaN, 1e300, 2 ** 32, true, "", "\\u0000", "\\ud800", "{", "[]", "x".repeat(100_000), {}, [], [[]], [["a"]], () => {}, Symbol("s"), 10n, new Date(), Buffer.alloc(3), { method: 1 }, { method: "GET", path: "/me", headers: [["a"]] }, { method: "\\u0000", path: "\\u0000", headers: [] }];
let calls = 0, thrown = 0;
const attempt = async (run) => { calls += 1; try { await run(); } catch (error) { thrown += 1; if (!(error instanceof Error)) throw new Error("not an Error: " + error); } };
const living = new core.NativeServer(options, { overridden: [] });
const number = living.number();
const passage = () => new core.NativeIdempotency("{}").passNow({ method: "POST", host: "", pathAndQuery: "/", headerValue: "key", contentType: "", body: Buffer.alloc(0) });
(async () => {
  const makers = [() => new core.NativeServer(options, { overridden: [] }), () => new core.NativeServer("{}", { overridden: [] }), () => new core.NativeClient(clientOptions, { overridden: [] }), () => new core.NativeClient("{}", { overridden: [] }), () => new core.NativeIdempotency("{}"), passage];
  for (const value of odd) {
    for (const named of Object.values(core)) {
      if (typeof named !== "function") continue;
      await attempt(() => new named(value, value, value));
      await attempt(() => named(value, value, value));
      await attempt(() => named(number, value));
    }
  }
  const made = new Set(makers.map((make) => make().constructor));
  for (const [name, named] of Object.entries(core)) {
    if (typeof named === "function" && /^[A-Z]/.test(name) && !made.has(named)) throw new Error("nothing here makes a " + name);
  }
  for (const make of makers) {
    const object = make();
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter((name) => name !== "constructor" && typeof object[name] === "function");
    for (const name of names) {
      for (const value of odd) {
        await attempt(() => object[name](value));
        await attempt(() => object[name](value, value, value, value));
        await attempt(() => object[name]("register", value, value));
        await attempt(() => object[name].call({}, value));
      }
    }
  }
  console.log(calls, thrown);
})();
`;
  const [calls, thrown] = execFileSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 120_000 })
    .trim()
    .split(" ")
    .map(Number);
  assert.ok(calls > 2_000, `${calls} calls`);
  assert.ok(thrown > 500 && thrown < calls, `${thrown} of ${calls} threw`);
});
