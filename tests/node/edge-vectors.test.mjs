// The tables in tests/vectors on the edge runtimes' code, as they are run on the core.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { loadEdge } from "./support/edge.mjs";

const edge = await loadEdge();
const table = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
const bytes = (text) => new TextEncoder().encode(text);

/** Runs every case and reports all that differ, not only the first. */
async function run(name, answer, applies = () => true) {
  const cases = table(name).filter(applies);
  assert.ok(cases.length > 20, "the table is cut off");
  const wrong = [];
  for (const { id, given, expect } of cases) {
    const got = await answer(given, expect);
    try {
      assert.deepEqual(got, expect);
    } catch {
      wrong.push(`${id}: expected ${JSON.stringify(expect)}, got ${JSON.stringify(got)}`);
    }
  }
  assert.equal(wrong.length, 0, `${wrong.length} of ${cases.length} cases:\n${wrong.join("\n")}`);
}

test("jws", async () => {
  await run("jws", async ({ token, keys, algorithms, rules = {}, now }, expect) => {
    const raw = "payload" in expect || "raw" in expect;
    const set = await edge.parseSet(bytes(JSON.stringify({ keys })));
    try {
      const header = edge.readHeader(token, raw ? undefined : "JWT");
      const usable = raw ? set : set.filter(({ algorithm }) => algorithms.includes(algorithm.name));
      const payload = await edge.verify(token, header, usable);
      if (raw) return { payload: Buffer.from(payload).toString("base64url") };
      return { claims: edge.parseAccess(payload, { leewaySeconds: 0, ...rules }, now) };
    } catch (error) {
      if (!(error instanceof edge.TokenError)) throw error;
      return raw ? { error: error.code, raw: true } : { error: error.code };
    }
  });
});

test("jwks", async () => {
  await run("jwks", async ({ text, set, remote }) => {
    try {
      const keys = await (remote ? edge.parseRemoteSet : edge.parseSet)(bytes(text ?? JSON.stringify(set)));
      return { keys: keys.map(({ kid, algorithm }) => ({ kid: kid ?? null, alg: algorithm.name })) };
    } catch (error) {
      if (!(error instanceof edge.KeyError)) throw error;
      return { error: "CONFIGURATION_ERROR", reason: error.message };
    }
  });
});

test("cookie", async () => {
  const found = (read) => (read === undefined ? "none" : read === "conflict" ? read : { one: read.value });
  await run("cookie", ({ headers, name }) => found(edge.readCookie(headers, name)), ({ given }) => given.op === "read");
});

test("origin", async () => {
  const header = (value) => value ?? undefined;
  await run("origin", ({ op, option, method, secFetchSite, origin, host, trusted }, expect) => {
    if (op === "sameOrigin") {
      const request = { method, secFetchSite: header(secFetchSite), origin: header(origin), host: header(host) };
      return edge.sameOrigin(request, edge.readTrustedOrigins(header(trusted)));
    }
    try {
      edge.readTrustedOrigins(header(option));
      return "ok";
    } catch ({ code, message }) {
      return code === "CONFIGURATION_ERROR" && message.includes(expect.error) ? expect : { error: message };
    }
  });
});

test("duration", async () => {
  await run("duration", (given, expect) => {
    const read = edge.readDuration(given);
    if ("ms" in read) return read.ms;
    return typeof expect === "object" && read.problem.includes(expect.error) ? expect : { error: read.problem };
  });
});

test("remote", async () => {
  await run("remote", ({ maxAge, steps }) => {
    const set = new edge.RemoteSet(maxAge);
    const said = [];
    const say = {
      decide: (now) => said.push(set.decide(now)),
      begin: (now) => said.push(set.begin(now)),
      set: (now, { set: kid, began = now }) => said.push(set.succeed([], kid, began)),
      unreachable: (now) => set.fail("unreachable", now),
      refused: (now) => set.fail("refused", now),
      unknown: (now) => said.push(set.mayKnowMore(now)),
      failing: () => said.push(set.isFailing),
      retryAfter: (now) => said.push(set.retryAfter(now)),
      freshUntil: (now) => said.push(set.freshUntil(now)),
    };
    for (const { at, do: what, ...step } of steps) say[what](at, step);
    return said;
  });
});
