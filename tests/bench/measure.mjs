// Measures and their units, for all parts of the benchmarks.
import { readFileSync } from "node:fs";
import autocannon from "autocannon";

/** The middle one of a list, which is left as it is. */
export const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
export const ns = (value) => `${value < 10_000 ? Math.round(value) : `${(value / 1000).toFixed(1)}k`} ns`;
export const times = (value) => `${value.toFixed(2)}x`;

/** Nanoseconds a call of each function, interleaved. The first three rounds warm up. */
export function compare(functions, { rounds = 15, calls = 2_000 } = {}) {
  const results = functions.map(() => []);
  for (let round = 0; round < rounds; round++) {
    functions.forEach((run, i) => {
      const started = process.hrtime.bigint();
      for (let call = 0; call < calls; call++) run(call);
      if (round > 2) results[i].push(Number(process.hrtime.bigint() - started) / calls);
    });
  }
  return results.map(median);
}

/** Nanoseconds that this thread has spent on a processor: others may use the machine too. `undefined` but on Linux. */
function cpuTime() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ", 1)[0]);
  } catch {
    return undefined;
  }
}

/**
 * Requests a second that a server of this thread answers on 20 connections, and the nanoseconds of a processor for one. The
 * load comes from another thread.
 */
export async function serveLoad({ url, headers, seconds }) {
  const before = cpuTime();
  const result = await autocannon({ url, connections: 20, duration: seconds, workers: 1, headers });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} refused, ${result.errors} errors`);
  return {
    rate: result.requests.total / result.duration,
    cpu: before === undefined ? NaN : (cpuTime() - before) / result.requests.total,
  };
}

/** Operations a second with so many in flight, each of which gives the next one its token. */
export async function rate(side, operation, flight, seconds) {
  await side.empty();
  const tokens = await Promise.all(Array.from({ length: flight }, () => side.login()));
  const until = Date.now() + seconds * 1_000;
  const started = process.hrtime.bigint();
  let count = 0;
  await Promise.all(
    tokens.map(async (first) => {
      for (let token = first; Date.now() < until; count += 1) token = await side[operation](token);
    }),
  );
  return count / (Number(process.hrtime.bigint() - started) / 1e9);
}
