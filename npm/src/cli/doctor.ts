import type { AuthServer } from "../server.js";
import { loadNative } from "../loader.js";
import { platformPackage } from "../platform.js";
import { JSON_FLAG, caretaker, withServer, withTables, type Command } from "./command.js";
import { EXIT, explain } from "./exit.js";
import { DATABASE, PROXY, isFile, printable, serverOptions, trustProxyOf } from "./options.js";
import { paint } from "./output.js";

interface Check {
  name: string;
  ok: boolean;
  message: string;
}

/** The findings so far. */
class Findings {
  readonly checks: Check[] = [];

  get ok(): boolean {
    return this.checks.every(({ ok }) => ok);
  }

  async check(name: string, run: () => unknown): Promise<boolean> {
    let ok = true;
    let message: string;
    try {
      message = String(await run());
    } catch (error) {
      [ok, message] = [false, explain(error)];
    }
    this.checks.push({ name, ok, message });
    return ok;
  }
}

export const doctor: Command = {
  summary: "say what is wrong with this installation, and the cure; it changes nothing",
  flags: {
    ...DATABASE,
    redis: {
      value: "url",
      help: "redis://host:6379, redis+cluster://.. or redis+sentinel://..; none: it is not looked at",
      env: "REDIS_URL",
    },
    ...PROXY,
    ...JSON_FLAG,
  },
  async run(values) {
    const found = new Findings();
    await found.check("runtime", () => {
      if (Number(process.versions.node.split(".")[0]) < 20)
        throw new Error(`Node ${process.versions.node} is too old: install Node 20 or later`);
      return `Node ${process.versions.node}`;
    });
    await found.check("native core", () => {
      loadNative();
      return `loads (${platformPackage()})`;
    });
    if (found.ok) {
      await found.check("proxies", () => describeProxies(values));
      const { redis } = values;
      if (redis)
        await found.check("redis", () =>
          withServer({ ...caretaker({ db: "sqlite::memory:" }), redisUrl: redis }, (auth) => auth.describeRedis()),
        );
      await lookAtTables(found, values);
    }
    const { ok, checks } = found;
    const lines = checks.map(
      (one) => `${one.ok ? paint("ok   ", "green") : paint("wrong", "red")} ${one.name}: ${one.message}`,
    );
    return { value: { ok, checks }, lines, exitCode: ok ? EXIT.done : EXIT.failed };
  },
};

/** Describes the proxies that are trusted for client addresses, and the consequence if none is. */
async function describeProxies(values: Record<string, string>): Promise<string> {
  const trustProxy = trustProxyOf(values);
  if (trustProxy === undefined) {
    return (
      "none is trusted, which is right where clients connect directly; behind a proxy all clients share one budget " +
      "of logins until SENTRI_TRUST_PROXY, or trustProxy in your code, names it"
    );
  }
  await withServer({ ...caretaker({ db: "sqlite::memory:" }), trustProxy }, async () => {});
  const proxies = typeof trustProxy === "number" ? `${trustProxy} in front` : trustProxy.join(", ");
  return `X-Forwarded-For is believed of ${proxies}`;
}

async function lookAtTables(found: Findings, values: Record<string, string>): Promise<void> {
  const db = String(serverOptions(values).db);
  const alone = isFile(db) ? "; no other SQLite library in the server's process may open this file" : "";
  let keys: Awaited<ReturnType<AuthServer["listKeys"]>> = [];
  const isThere = await found.check("database", async () => {
    keys = await withTables(values, (auth) => auth.listKeys());
    return `${printable(db)}, tables are there${alone}`;
  });
  if (!isThere) return;
  const [newest] = keys;
  await found.check("keys", () => `${keys.length} stored${newest ? `, newest ${newest.algorithm} ${newest.kid}` : ""}`);
}
