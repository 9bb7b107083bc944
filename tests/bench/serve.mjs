// `sentri serve` beside better-auth on node:http, doing the same work: each a process of its own (or two), real sockets,
// the load from another process. Load, servers and PostgreSQL share the machine's cores, so a rate is what is left for a
// server, and the ratio says more than the rate.
import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { ours, theirs, withSchema } from "./sides.mjs";

const STARTS = 5;
const ROUNDS = 2;
const USERS = Array.from({ length: 16 }, (_, number) => `bench${number}`);

/** The work: our endpoint, and by the name of theirs what they call it. A sign-in takes so long that fewer wait for it. */
const WORK = [
  {
    name: "POST /login, bcrypt cost 12",
    does: "login",
    peers: { login: "its sign-in, bcrypt cost 12", scrypt: "its sign-in, its own scrypt" },
    connections: 6,
    seconds: 4,
  },
  { name: "POST /refresh", does: "refresh", peers: { refresh: "its session check that renews" } },
  {
    name: "GET /me",
    does: "me",
    peers: { me: "its session check", cached: "its session check by a signed cookie" },
  },
  { name: "GET /keys", does: "keys", peers: { keys: "its key set" } },
];

/** Prints by `row`. */
export async function measureServe(row, median) {
  const generator = fork(fileURLToPath(new URL("load.mjs", import.meta.url)));
  const bench = { generator, ended: once(generator, "exit"), row, median };
  try {
    await withSchema((ourUrl) => withSchema((theirUrl) => compare(bench, ourUrl, theirUrl)));
  } finally {
    generator.kill();
  }
}

async function compare(bench, ourUrl, theirUrl) {
  const sides = [await ours(ourUrl, USERS), await theirs(theirUrl, USERS)];
  await starts(bench, sides);
  for (const workers of [1, 2]) {
    const running = [];
    try {
      for (const side of sides) running.push(await side.start(String(workers)));
      for (const work of WORK) await measure(bench, sides, running, workers, work);
    } finally {
      for (const server of running) await server.stop();
    }
  }
  for (const side of sides) await side.close();
}

/** What a start takes, on tables that are there: until the first answer, and in memory. */
async function starts({ row, median }, sides) {
  const seen = sides.map(() => []);
  for (let round = 0; round < STARTS; round += 1) {
    for (const [i, side] of sides.entries()) {
      const server = await side.start("1");
      seen[i].push({ milliseconds: server.milliseconds, memory: server.memory() });
      await server.stop();
    }
  }
  const [mine, other] = seen.map((list) => ({
    milliseconds: median(list.map(({ milliseconds }) => milliseconds)),
    memory: median(list.map(({ memory }) => memory)),
  }));
  const ms = (value) => `${value.toFixed(0)} ms`;
  const mib = (value) => `${(value / 2 ** 20).toFixed(0)} MiB`;
  const [what, peer] = ["sentri serve, 1 process", "better-auth on node:http"];
  const faster = `${(other.milliseconds / mine.milliseconds).toFixed(2)}x`;
  row(`${what}: start to its first answer`, ms(mine.milliseconds), `${peer} ${ms(other.milliseconds)}`, faster);
  const smaller = `${(other.memory / mine.memory).toFixed(2)}x`;
  row(`${what}: memory after it`, mib(mine.memory), `${peer} ${mib(other.memory)}`, smaller);
}

async function measure({ generator, ended, row }, sides, running, workers, work) {
  const { name, does, peers, connections = USERS.length, seconds = 2 } = work;
  const runs = [[0, does], ...Object.keys(peers).map((peer) => [1, peer])];
  const results = runs.map(() => ({ times: [], seconds: 0 }));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [i, [side, operation]] of runs.entries()) {
      const { requests, path, ...rest } = await sides[side][operation]();
      generator.send({
        url: running[side].base + path,
        method: "GET",
        requests: requests.slice(0, connections),
        seconds: round === 0 ? 1 : seconds,
        ...rest,
      });
      const [result] = await Promise.race([once(generator, "message"), ended]);
      if (typeof result !== "object") throw new Error("the load generator has ended");
      if (result.refused + result.errors > 0)
        throw new Error(`${path}: ${result.refused} refused, ${result.errors} errors`);
      // The first round warms up.
      if (round > 0) {
        results[i].times.push(...result.times);
        results[i].seconds += result.seconds;
      }
    }
  }
  const [mine, ...others] = results.map(({ times, seconds }) => ({
    rate: times.length / seconds,
    p99: times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)],
  }));
  const per = ({ rate, p99 }) =>
    `${rate < 100 ? rate.toFixed(1) : Math.round(rate)} /s, p99 ${p99.toFixed(p99 < 100 ? 1 : 0)} ms`;
  const processes = workers === 1 ? "1 process" : `${workers} processes`;
  const what = `sentri serve, ${processes}, the load on the same ${availableParallelism()} cores: ${name}`;
  for (const [i, peer] of Object.values(peers).entries()) {
    row(what, per(mine), `better-auth, ${peer} ${per(others[i])}`, `${(mine.rate / others[i].rate).toFixed(2)}x`);
  }
}
